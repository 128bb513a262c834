'use strict';
// Tables that sort and filter, and the picture that one can zoom. The page reads without it.
(() => {
  const SHOWN_AT_FIRST = 16;
  const FILTERED_FROM = 8;

  const make = (name, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  };

  // ---------------------------------------------------------------------------------------- tables

  const SCALES = {'': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18};

  // "1,234", "1.23 MB"; null where there is nothing, undefined where there is something else.
  const humanNumber = (text) => {
    if (['', '-', '–'].includes(text)) return null;
    const match = /^(-?[\d,]+(?:\.\d+)?)(?: ([kMGTPE]?)B)?$/.exec(text);
    return match ? Number(match[1].replaceAll(',', '')) * SCALES[match[2] ?? ''] : undefined;
  };

  class Table {
    constructor(frame) {
      this.frame = frame;
      this.body = frame.querySelector('tbody');
      this.rows = [...this.body.rows];
      this.texts = this.rows.map((row) => row.textContent.toLowerCase());
      this.filter = '';
      this.all = this.rows.length <= SHOWN_AT_FIRST;
      [...frame.querySelectorAll('thead th')].forEach((head, column) => this.addSort(head, column));
      if (this.rows.length >= FILTERED_FROM) this.addFilter();
      this.more = make('button', {className: 'more', type: 'button'});
      this.more.addEventListener('click', () => {
        this.all = !this.all;
        this.show();
      });
      this.told = make('p', {className: 'note', role: 'status'});
      frame.querySelector('.scroll').after(this.told, this.more);
      this.show();
    }

    addSort(head, column) {
      const button = make('button', {type: 'button'}, ...head.childNodes);
      head.append(button);
      button.addEventListener('click', () => this.sort(head, column));
    }

    addFilter() {
      const title = this.frame.querySelector('h3').textContent;
      const input = make('input', {type: 'search', placeholder: 'Filter'});
      input.setAttribute('aria-label', `Filter the rows of: ${title}`);
      input.addEventListener('input', () => {
        this.filter = input.value.trim().toLowerCase();
        this.show();
      });
      this.frame.querySelector('.table-head').append(input);
    }

    sort(head, column) {
      const isText = !head.classList.contains('n');
      // Text may be numbers for readers, all the way down.
      const values = isText ? this.rows.map((row) => humanNumber(row.cells[column].textContent)) : [];
      const isNumber = !isText || (values.some((value) => value !== null)
                                   && values.every((value) => value !== undefined));
      const before = head.getAttribute('aria-sort');
      const descending = before ? before === 'ascending' : isNumber;
      for (const other of head.parentElement.cells) other.removeAttribute('aria-sort');
      head.setAttribute('aria-sort', descending ? 'descending' : 'ascending');
      const key = (row) => {
        const cell = row.cells[column];
        if (!isNumber) return cell.textContent;
        if (isText) return humanNumber(cell.textContent);
        return cell.dataset.v === undefined ? null : Number(cell.dataset.v);
      };
      const compare = (a, b) => {
        if (a === null || b === null) return (a === null) - (b === null);
        const order = isNumber ? a - b : a.localeCompare(b, 'en', {numeric: true});
        return descending ? -order : order;
      };
      const keyed = this.rows.map((row, index) => [key(row), row, this.texts[index]]);
      keyed.sort((a, b) => compare(a[0], b[0]));
      this.rows = keyed.map(([, row]) => row);
      this.texts = keyed.map(([, , text]) => text);
      this.body.append(...this.rows);
      this.show();
    }

    show() {
      let matching = 0;
      this.rows.forEach((row, index) => {
        const matches = this.texts[index].includes(this.filter);
        matching += matches;
        row.hidden = !matches;
        // Of those that match, paper has them all.
        row.classList.toggle('later', !this.all && matching > SHOWN_AT_FIRST);
      });
      this.more.hidden = matching <= SHOWN_AT_FIRST;
      this.more.textContent = this.all ? `Show ${SHOWN_AT_FIRST} rows` : `Show all ${matching} rows`;
      this.told.hidden = this.filter === '';
      this.told.textContent =
          `Rows with “${this.filter}”: ${matching || 'none'} of ${this.rows.length}.`;
    }
  }

  // ---------------------------------------------------------------------------------------- icicle

  const PHASES = ['model', 'deal', 'prepare', 'online'];
  const SELECTIONS = {
    'all phases': [0, 1, 2, 3], 'offline': [1, 2], 'model': [0], 'deal': [1], 'prepare': [2],
    'online': [3],
  };
  const ROW = 38;
  const LEAST_WIDTH = 2;
  const PAPER_WIDTH = 640;

  // Three digits and a unit, as the tables have them.
  const scaled = (value, units, base) => {
    let index = 0;
    while (index + 1 < units.length && value >= base - 0.5 * base / 1000) {
      value /= base;
      ++index;
    }
    const digits = index === 0 && base === 1000 && Number.isInteger(value) ? 0
        : value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    return `${value.toFixed(digits)} ${units[index]}`;
  };
  const bytesShown = (value) => scaled(value, ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'], 1000);
  const secondsShown = (micros) => micros < 1e6 ? scaled(micros, ['µs', 'ms'], 1000)
      : scaled(micros / 1e6, ['s'], 1000);

  class Block {
    constructor(name, parent) {
      this.name = name;
      this.parent = parent;
      this.children = new Map();
      this.bytes = [0, 0, 0, 0];
      this.micros = [0, 0, 0, 0];
    }
    child(name) {
      if (!this.children.has(name)) this.children.set(name, new Block(name, this));
      return this.children.get(name);
    }
    get path() {
      return this.parent ? [...this.parent.path, this] : [this];
    }
  }

  class Icicle {
    constructor(frame, data) {
      this.frame = frame;
      this.root = new Block('all', null);
      for (const block of data.blocks) this.add(data.names, block);
      this.zoomed = this.root;
      this.canvas = document.createElement('canvas').getContext('2d');
      this.build();
      this.width = 0;
      new ResizeObserver(() => this.fit(this.area.clientWidth)).observe(this.area);
      // Blocks scale with the paper; names must fit it.
      addEventListener('beforeprint', () => this.fit(PAPER_WIDTH));
      addEventListener('afterprint', () => this.fit(this.area.clientWidth));
      this.fit(this.area.clientWidth);
    }

    add(names, [layer, step, name, ...amounts]) {
      const leaf = this.root.child(names[layer]).child(names[step]).child(names[name]);
      for (const block of leaf.path) {
        for (let phase = 0; phase < 4; ++phase) {
          block.bytes[phase] += amounts[phase];
          block.micros[phase] += amounts[4 + phase];
        }
      }
    }

    build() {
      const select = (name, options) => {
        const element = make('select', {name}, ...options.map((text) => new Option(text, text)));
        element.addEventListener('change', () => this.draw());
        return element;
      };
      this.unit = select('unit', ['bytes', 'seconds']);
      this.phase = select('phase', Object.keys(SELECTIONS));
      this.trail = make('div', {className: 'path'});
      this.area = make('div', {className: 'icicle'});
      this.readout = make('p', {className: 'readout'});
      this.readout.setAttribute('aria-live', 'polite');
      const keys = make('div', {className: 'keys'}, ...PHASES.map((phase) => {
        const mark = make('i');
        mark.style.background = `rgb(var(--${phase}) / .6)`;
        return make('span', {}, mark, `mostly ${phase}`);
      }));
      this.frame.replaceChildren(
          make('div', {className: 'icicle-controls'}, make('label', {}, 'width', this.unit),
               make('label', {}, 'of', this.phase)),
          this.trail, this.area, keys, this.readout);
      this.frame.addEventListener('keydown', (event) => {
        if (event.key === 'Escape' && this.zoomed.parent) this.zoom(this.zoomed.parent);
      });
    }

    amounts(block) {
      return this.unit.value === 'bytes' ? block.bytes : block.micros;
    }
    amount(block) {
      const amounts = this.amounts(block);
      return SELECTIONS[this.phase.value].reduce((sum, phase) => sum + amounts[phase], 0);
    }
    shown(value) {
      return this.unit.value === 'bytes' ? bytesShown(value) : secondsShown(value);
    }
    mostly(block) {
      const amounts = this.amounts(block);
      return SELECTIONS[this.phase.value].reduce((best, phase) =>
        amounts[phase] > amounts[best] ? phase : best, SELECTIONS[this.phase.value][0]);
    }

    describe(block) {
      const amount = this.amount(block);
      const whole = this.amount(this.root);
      const share = whole > 0 ? `, ${(100 * amount / whole).toFixed(1)} % of all` : '';
      const amounts = this.amounts(block);
      const parts = SELECTIONS[this.phase.value].filter((phase) => amounts[phase] > 0)
          .map((phase) => `${PHASES[phase]} ${this.shown(amounts[phase])}`);
      const split = parts.length > 1 ? ` (${parts.join(', ')})` : '';
      return `${block.path.map((one) => one.name).join(' › ')}: ${this.shown(amount)}${share}${split}`;
    }

    fit(width) {
      if (width === this.width) return;
      this.width = width;
      this.draw();
    }

    zoom(block) {
      this.zoomed = block;
      this.draw();
      const last = this.trail.querySelector('button:last-of-type');
      if (last) last.focus();
    }

    draw() {
      this.area.replaceChildren();
      this.trail.replaceChildren();
      const path = this.zoomed.path;
      path.forEach((block, depth) => {
        const last = depth + 1 === path.length;
        const step = last ? make('span', {}, block.name) : make('button', {type: 'button'}, block.name);
        if (!last) step.addEventListener('click', () => this.zoom(block));
        this.trail.append(...(depth > 0 ? [make('span', {}, '›')] : []), step);
      });
      this.canvas.font = getComputedStyle(this.area).font;
      path.forEach((block, depth) => this.place(block, depth, 0, this.width));
      this.spread(this.zoomed, path.length, 0, this.width);
      this.area.style.height = `${4 * ROW}px`;
      this.readout.textContent = this.amount(this.zoomed) > 0 ? this.describe(this.zoomed)
          : 'Nothing of this kind here.';
    }

    // Children side by side; what is too narrow to be seen is drawn together.
    spread(block, depth, left, width) {
      const whole = this.amount(block);
      if (whole <= 0) return;
      let x = left;
      let small = [];
      let begin = left;
      const flush = () => {
        if (small.length > 0 && x - begin >= 0.5) this.placeSmall(small, depth, begin, x - begin);
        small = [];
      };
      for (const child of block.children.values()) {
        const room = width * this.amount(child) / whole;
        if (room <= 0) continue;
        if (room < LEAST_WIDTH) {
          if (small.length === 0) begin = x;
          small.push(child);
          x += room;
          if (x - begin >= LEAST_WIDTH) flush();
          continue;
        }
        flush();
        this.place(child, depth, x, room);
        this.spread(child, depth + 1, x, room);
        x += room;
      }
      flush();
    }

    button(depth, left, width, phase) {
      const button = make('button', {type: 'button'});
      button.style.left = `${100 * left / this.width}%`;
      button.style.width = `${100 * width / this.width}%`;
      button.style.top = `${depth * ROW}px`;
      button.style.background = `rgb(var(--${PHASES[phase]}) / ${[.34, .5, .38, .28][depth]})`;
      this.area.append(button);
      return button;
    }

    place(block, depth, left, width) {
      const button = this.button(depth, left, width, this.mostly(block));
      const text = this.describe(block);
      button.title = text;
      button.setAttribute('aria-label', text);
      button.textContent = this.fitting(block.name, width - 12);
      button.classList.toggle('small', button.textContent === '');
      button.addEventListener('click', () =>
        this.zoom(block === this.zoomed && block.parent ? block.parent : block));
      const tell = () => { this.readout.textContent = text; };
      button.addEventListener('pointerenter', tell);
      button.addEventListener('focus', tell);
    }

    placeSmall(blocks, depth, left, width) {
      const button = this.button(depth, left, width, this.mostly(blocks[0]));
      button.classList.add('small');
      button.tabIndex = -1;
      const sum = blocks.reduce((all, block) => all + this.amount(block), 0);
      button.title = `${blocks.length} small blocks: ${this.shown(sum)}`;
      button.setAttribute('aria-label', button.title);
      button.addEventListener('click', () => this.zoom(blocks[0].parent));
    }

    // The name if there is room for it, else its last part, else nothing.
    fitting(name, room) {
      for (const text of [name, name.slice(name.lastIndexOf('.') + 1)]) {
        if (this.canvas.measureText(text).width <= room) return text;
      }
      return '';
    }
  }

  // A link to a picture that is folded opens it.
  const unfold = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (target instanceof HTMLDetailsElement) {
      target.open = true;
      target.scrollIntoView();
    }
  };
  addEventListener('hashchange', unfold);
  unfold();

  // On paper nothing can be unfolded.
  let folded = [];
  addEventListener('beforeprint', () => {
    folded = [...document.querySelectorAll('details:not([open])')];
    for (const one of folded) one.open = true;
  });
  addEventListener('afterprint', () => {
    for (const one of folded) one.open = false;
    folded = [];
  });

  for (const frame of document.querySelectorAll('.table')) new Table(frame);
  const frame = document.getElementById('icicle');
  if (frame) {
    const data = JSON.parse(document.getElementById('data').textContent);
    new Icicle(frame, data.icicle);
  }
})();
