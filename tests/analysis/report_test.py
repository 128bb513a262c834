#!/usr/bin/env python3
"""Reports as a reader meets them: the page in a browser, the tables in LaTeX, the pictures as XML.

The argument is the build directory. Where a program that reads them is not installed, what it would
check is left out, and said.
"""

import csv
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / 'tests/style'))

import browser  # noqa: E402
import counted  # noqa: E402

BUILD = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / 'build'
MODEL = 'bert-tiny:layers=3,vocabulary=64'
WIDTHS = (400, 1400)
SCHEMES = ('light', 'dark')

# What lies where: text that leaves the page, labels of one picture or the blocks of the zoom that
# lie upon each other, text that has less room than it takes.
GEOMETRY = r'''
const problems = [];
const page = document.documentElement;
if (page.scrollWidth > page.clientWidth) {
  problems.push(`the page is ${page.scrollWidth} wide, in ${page.clientWidth}`);
}
const shown = (element) => element.checkVisibility() && element.getClientRects().length > 0;
const name = (element) => `${element.tagName} "${element.textContent.trim().slice(0, 40)}"`;
// Frames of their own scroll bars may have more in them than they show.
const scrolls = (element) => element.closest('.scroll, .drawing') !== null;
for (const element of document.querySelectorAll('h1, h2, h3, p, dt, dd, summary, nav a, input, '
                                                + 'button, select, figcaption, svg text')) {
  if (!shown(element) || scrolls(element)) continue;
  const box = element.getBoundingClientRect();
  // A letter may begin a hair before its place.
  if (box.left < -1.5 || box.right > page.clientWidth + 0.5) {
    problems.push(`${name(element)} from ${box.left} to ${box.right}`);
  }
  const clips = getComputedStyle(element).overflowX !== 'visible';
  if (clips && element.scrollWidth > element.clientWidth + 1) problems.push(`${name(element)} is cut`);
}
const overlap = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 0.5
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1.5;
const apart = (elements) => {
  const boxes = elements.map((element) => [element, element.getBoundingClientRect()]);
  boxes.forEach(([first, a], index) => {
    for (const [second, b] of boxes.slice(index + 1)) {
      if (overlap(a, b)) problems.push(`${name(first)} lies upon ${name(second)}`);
    }
  });
};
for (const svg of document.querySelectorAll('figure svg')) {
  if (!shown(svg)) continue;
  const texts = [...svg.querySelectorAll('text')];
  const frame = svg.getBoundingClientRect();
  for (const text of texts) {
    const box = text.getBoundingClientRect();
    if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1
        || box.bottom > frame.bottom + 1) {
      problems.push(`${name(text)} leaves its picture`);
    }
  }
  if (!svg.closest('.drawing')) apart(texts);
}
apart([...document.querySelectorAll('#icicle button')].filter(shown));
apart([...document.querySelectorAll('main > *, section > *, .stack > *, .facts, nav a')]
    .filter((element) => shown(element) && !element.querySelector('.stack')
            && !['MAIN', 'SECTION'].includes(element.tagName)));
for (const cell of document.querySelectorAll('td, th')) {
  if (shown(cell) && cell.scrollWidth > cell.clientWidth + 1) problems.push(`${name(cell)} is cut`);
}
return problems;
'''

# How light colours are, by WCAG 2.1: of a colour, and of the page.
LUMINANCE = r'''
const channels = (color) => color.match(/[\d.]+/g).map(Number);
const luminance = ([r, g, b]) => [r, g, b].map((value) => {
  value /= 255;
  return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
}).reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index], 0);
const ground = luminance(channels(getComputedStyle(document.body).backgroundColor));
'''

# Text whose contrast with what is behind it is below that of WCAG 2.1, level AA.
CONTRAST = LUMINANCE + r'''
const problems = new Set();
for (const element of document.querySelectorAll('h1, h2, h3, p, dt, dd, td, th, nav a, figcaption, '
                                                + 'summary, figure:not(:has(.drawing)) svg text')) {
  if (!element.checkVisibility()) continue;
  const style = getComputedStyle(element);
  const color = luminance(channels(element.tagName === 'text' ? style.fill : style.color));
  const contrast = (Math.max(color, ground) + 0.05) / (Math.min(color, ground) + 0.05);
  if (contrast < 4.5) problems.add(`${element.tagName} ${contrast.toFixed(2)}`);
}
return [...problems];
'''

# Bars of figures that are hardly seen before the page.
BARS = LUMINANCE + r'''
const problems = new Set();
for (const bar of document.querySelectorAll('figure .wide svg rect:not(.ground)')) {
  const color = luminance(channels(getComputedStyle(bar).fill));
  const contrast = (Math.max(color, ground) + 0.05) / (Math.min(color, ground) + 0.05);
  if (contrast < 2) problems.add(`${bar.getAttribute('fill')} ${contrast.toFixed(2)}`);
}
return [...problems];
'''

COLUMN = r'''
const [id, column] = arguments;
return [...document.querySelectorAll(`#${id} tbody tr`)].filter((row) => row.checkVisibility())
    .map((row) => row.cells[column].dataset.v ?? row.cells[column].textContent);
'''
SORT = 'document.querySelectorAll(`#${arguments[0]} thead button`)[arguments[1]].click();'
FILTER = r'''
const input = document.querySelector(`#${arguments[0]} input`);
input.value = arguments[1];
input.dispatchEvent(new Event('input'));
'''


def run(*command):
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f'{command[0]}: {done.stderr.strip()}')
    return done.stdout


class ReportTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix='lutra-report-')
        cls.folder = pathlib.Path(cls.scratch.name) / 'run'
        run(BUILD / 'lutra-sim', MODEL, '--seed', '1', '--profile', '--quiet', '--out', cls.folder)
        run(BUILD / 'lutra-analyze', 'report', cls.folder)
        cls.browser = None
        if browser.available():
            cls.browser = browser.Browser().__enter__()

    @classmethod
    def tearDownClass(cls):
        if cls.browser is not None:
            cls.browser.__exit__()
        cls.scratch.cleanup()

    def setUp(self):
        if 'in_the_browser' in self.id():
            if self.browser is None:
                self.skipTest(f'{browser.BROWSER} and {browser.DRIVER} are not installed')
            self.show()

    def show(self, width=1400, scheme='light', media='screen'):
        self.browser.show(width, scheme=scheme, media=media)
        self.browser.open(self.folder / 'report.html')

    def page(self):
        return (self.folder / 'report.html').read_text(encoding='utf-8')

    def shown(self, table, column):
        return self.browser.run(COLUMN, table, column)

    def told(self, table):
        return self.browser.run('const told = document.querySelector(`#${arguments[0]} [role=status]`);'
                                'return told.checkVisibility() ? told.textContent : ""', table)

    # ------------------------------------------------------------------------------ the page

    def test_in_the_browser_nothing_is_cut_or_overlaps(self):
        for width in WIDTHS:
            for scheme in SCHEMES:
                with self.subTest(width=width, scheme=scheme):
                    self.show(width, scheme)
                    self.assertEqual(self.browser.run('return innerWidth'), width)
                    self.assertEqual(self.browser.run(GEOMETRY), [])
        self.show(688, media='print')  # A4 between its margins
        self.assertEqual(self.browser.run(GEOMETRY), [])

    def test_in_the_browser_text_stands_out(self):
        grounds = set()
        for scheme in SCHEMES:
            self.show(scheme=scheme)
            self.assertEqual(self.browser.run(CONTRAST), [])
            grounds.add(self.browser.run('return getComputedStyle(document.body).backgroundColor'))
        self.assertEqual(len(grounds), 2)
        self.show(scheme='dark', media='print')
        self.assertEqual(self.browser.run(CONTRAST), [])
        self.assertEqual(
            self.browser.run('return getComputedStyle(document.body).backgroundColor'),
            'rgb(255, 255, 255)')

    def test_in_the_browser_nothing_is_asked_for_and_nothing_goes_wrong(self):
        self.browser.requests()
        self.browser.log('browser')
        self.show()
        self.browser.run('document.querySelectorAll("details").forEach((one) => one.open = true)')
        own = (self.folder / 'report.html').resolve().as_uri()
        asked = {address for address in self.browser.requests()
                 if not address.startswith(('chrome:', 'data:'))}
        self.assertEqual(asked, {own})
        self.assertEqual(self.browser.run(
            'return performance.getEntriesByType("resource").map((entry) => entry.name)'), [])
        self.assertEqual(self.browser.log('browser'), [])
        # The log would show it.
        self.browser.run('console.error("seen")')
        self.assertEqual(len(self.browser.log('browser')), 1)

    def test_in_the_browser_tables_sort(self):
        for table in ['by-step', 'by-layer', 'links', 'seen', 'profile-rows']:
            before = self.shown(table, 3)
            heads = self.browser.run('return [...document.querySelectorAll('
                                     '`#${arguments[0]} thead th`)].map((th) => th.className)', table)
            column = heads.index('n')
            self.browser.run(f'for (const more of document.querySelectorAll(".more")) '
                             f'if (!more.hidden && more.textContent.includes("all")) more.click();')
            self.browser.run(SORT, table, column)
            falling = [float(value) for value in self.shown(table, column) if value != '–']
            self.assertEqual(falling, sorted(falling, reverse=True), table)
            self.browser.run(SORT, table, column)
            rising = [float(value) for value in self.shown(table, column) if value != '–']
            self.assertEqual(rising, falling[::-1], table)
            self.browser.run(SORT, table, 0)
            names = self.shown(table, 0)
            self.assertEqual(self.browser.run(
                'return arguments[0].toSorted((a, b) => a.localeCompare(b, "en", {numeric: true}))',
                names), names)
            self.assertGreaterEqual(len(names), len(before))

    def test_in_the_browser_tables_filter(self):
        everything = self.shown('by-step', 0)
        rows = self.browser.run('return document.querySelectorAll("#by-step tbody tr").length')
        self.browser.run(FILTER, 'by-step', 'NORM')
        found = self.shown('by-step', 0)
        self.assertTrue(found)
        self.assertLess(len(found), len(everything))
        self.assertTrue(all('norm' in name for name in found), found)
        self.assertEqual(self.told('by-step'), f'Rows with “norm”: {len(found)} of {rows}.')
        self.browser.run(FILTER, 'by-step', 'no such operation')
        self.assertEqual(self.shown('by-step', 0), [])
        self.assertEqual(self.told('by-step'),
                         f'Rows with “no such operation”: none of {rows}.')
        self.browser.run(FILTER, 'by-step', '')
        self.assertEqual(self.told('by-step'), '')
        self.assertEqual(self.shown('by-step', 0), everything)

    def test_in_the_browser_one_can_zoom(self):
        names = ('return [...document.querySelectorAll("#icicle .icicle button")]'
                 '.filter((one) => one.textContent).map((one) => one.textContent)')
        path = 'return document.querySelector("#icicle .path").textContent'
        click = ('const wanted = arguments[0]; const found = [...document.querySelectorAll('
                 '"#icicle button")].find((one) => one.textContent === wanted); found.click();')
        self.assertIn('layers.1', self.browser.run(names))
        self.browser.run(click, 'layers.1')
        self.assertEqual(self.browser.run(path), 'all›layers.1')
        self.assertNotIn('layers.0', self.browser.run(names))
        self.browser.run(click, 'ffn.norm')
        self.assertEqual(self.browser.run(path), 'all›layers.1›ffn.norm')
        self.assertTrue(any(name.startswith('lookup ') for name in self.browser.run(names)))
        self.browser.run('document.querySelector("#icicle").dispatchEvent('
                         'new KeyboardEvent("keydown", {key: "Escape"}))')
        self.assertEqual(self.browser.run(path), 'all›layers.1')
        self.browser.run(click, 'all')
        self.assertIn('layers.0', self.browser.run(names))

    def test_in_the_browser_the_zoom_says_what_the_run_says(self):
        choose = ('const select = document.querySelector(`#icicle select[name=${arguments[0]}]`);'
                  'select.value = arguments[1]; select.dispatchEvent(new Event("change"));'
                  'return document.querySelector("#icicle .readout").textContent')
        page = self.page()
        for phase in ['model', 'deal', 'prepare', 'online']:
            told = self.browser.run(choose, 'phase', phase)
            row = re.search(rf'<td>{phase}</td><td[^>]*>([^<]*)</td>', page).group(1)
            self.assertIn(row, told)
        self.assertIn(' ms', self.browser.run(choose, 'unit', 'seconds'))

    def test_in_the_browser_links_open_pictures(self):
        linked = self.browser.run(
            'const link = document.querySelector("#picture-program a");'
            'link.dispatchEvent(new MouseEvent("click", {bubbles: true}));'
            'return link.getAttribute("xlink:href")')
        self.assertRegex(linked, '^#picture-layer-')
        self.browser.run('location.hash = arguments[0]; window.dispatchEvent(new Event("hashchange"))',
                         linked)
        self.assertTrue(self.browser.run('return document.querySelector(arguments[0]).open', linked))
        self.browser.run('window.scrollTo(0, 0)')  # the head of a page that is scrolled lies upon it
        self.assertEqual(self.browser.run(GEOMETRY), [])

    def test_in_the_browser_the_geometry_is_looked_at(self):
        self.browser.run('document.querySelector("h1").style.marginLeft = "2000px"')
        self.assertTrue(self.browser.run(GEOMETRY))
        self.show()
        self.browser.run('document.querySelectorAll("figure .wide text")[3].setAttribute("x", 0);'
                         'document.querySelectorAll("figure .wide text")[2].setAttribute("x", 0);'
                         'document.querySelectorAll("figure .wide text")[2].setAttribute("y", 33);')
        self.assertTrue(self.browser.run(GEOMETRY))

    def test_in_the_browser_it_prints(self):
        self.assertTrue(self.browser.paper().startswith(b'%PDF-'))

    def test_in_the_browser_paper_has_every_row_and_picture(self):
        rows = 'return document.querySelectorAll("#waits tbody tr").length'
        pictures = self.browser.run('return document.querySelectorAll("details").length')
        self.assertGreater(pictures, 2)
        self.assertLess(len(self.shown('waits', 0)), self.browser.run(rows))
        self.browser.run('addEventListener("beforeprint", () => {'
                         'window.opened = document.querySelectorAll("details[open]").length; })')
        self.browser.paper()
        self.assertEqual(self.browser.run('return window.opened'), pictures)
        self.assertEqual(self.browser.run('return document.querySelectorAll("details[open]").length'),
                         0)
        self.show(688, media='print')
        self.assertEqual(len(self.shown('waits', 0)), self.browser.run(rows))
        self.browser.run('dispatchEvent(new Event("beforeprint"))')
        self.assertEqual(self.browser.run(GEOMETRY), [])
        # What the reader has filtered stays filtered, and paper says so.
        self.browser.run(FILTER, 'waits', 'latency')
        found = self.shown('waits', 2)
        self.assertTrue(found)
        self.assertTrue(all(what == 'latency' for what in found), found)
        self.assertIn(f'“latency”: {len(found)} of', self.told('waits'))

    def test_in_the_browser_bars_stand_out(self):
        for scheme in SCHEMES:
            self.show(scheme=scheme)
            self.assertEqual(self.browser.run(BARS), [])
        self.browser.run('document.querySelector("figure .wide svg rect").setAttribute("fill",'
                         '"#303336")')
        self.assertTrue(self.browser.run(BARS))

    # --------------------------------------------------------------------------- what it says

    def test_the_numbers_are_those_of_the_run(self):
        with open(self.folder / 'run.json', encoding='utf-8') as file:
            facts = json.load(file)
        page = self.page()
        for phase, bytes_sent in [
                ('model', facts['model']['bytes']),
                ('deal', sum(one['offline']['dealer']['bytes'] for one in facts['sessions'])),
                ('prepare', sum(one['offline']['prepare']['bytes'] for one in facts['sessions'])),
                ('online', sum(one['online']['bytes'] for one in facts['sessions']))]:
            self.assertRegex(page, rf'<td>{phase}</td><td[^>]*title="{bytes_sent:,} bytes, counted"')
            self.assertIn(f'{bytes_sent:,}', (self.folder / 'report.md').read_text(encoding='utf-8'))
            self.assertIn(f'{bytes_sent:,}', (self.folder / 'tables.tex').read_text(encoding='utf-8'))
        self.assertIn('are all the same, exactly', page)
        for network, times in facts.get('predicted', {}).items():
            row = re.search(rf'<td>{network}</td>(.*?)</tr>', page).group(1)
            self.assertIn(f'title="{times["online_seconds"]:.9f} s, replayed"', row)

    def test_bits_of_what_was_seen_add_up(self):
        with open(self.folder / 'ledger.csv', newline='', encoding='utf-8') as file:
            expected = sum(int(row['bits']) for row in csv.DictReader(file))
        table = re.search(r'id="seen".*?</table>', self.page(), re.DOTALL).group(0)
        self.assertEqual(sum(map(int, re.findall(r'data-v="(\d+)"', table))), expected)
        self.assertNotIn('no argument is stated', table)

    def test_names_from_outside_stay_text(self):
        run_file = self.folder / 'run.json'
        text = run_file.read_text(encoding='utf-8')
        evil = '</script><img src=x onerror=alert(1)> & "quoted" \\\\input{x} $%_^~#|*`'
        facts = json.loads(text)
        facts['model']['name'] = evil
        facts['model']['labels'] = [evil, evil]
        run_file.write_text(json.dumps(facts), encoding='utf-8')
        try:
            out = pathlib.Path(self.scratch.name) / 'evil'
            run(BUILD / 'lutra-analyze', 'report', self.folder, '--out', out)
            page = (out / 'report.html').read_text(encoding='utf-8')
            self.assertNotIn('<img', page)
            self.assertEqual(page.count('</script>'), 2)
            self.compile_latex(out / 'tables.tex')
        finally:
            run_file.write_text(text, encoding='utf-8')

    # ------------------------------------------------------------------------------ other runs

    def test_in_the_browser_reports_of_other_runs(self):
        small = 'bert-tiny:layers=1,vocabulary=64'
        for program, flags, told, untold in [
                ('lutra-sim', ['--no-check'],
                 ['not checked', 'This run was not profiled', 'In a simulation roles take turns'], []),
                ('lutra-sim', ['--deployment', 'shared-dealer'],
                 ['one operator has both', 'one operator of dealer and P0'], ['colluding with nobody']),
                ('lutra-sim', ['--linear', 'replicated'], ['No message was counted to: dealer'], []),
                ('lutra-sim', ['--lookup', 'direct'], ['P0 was sent something online'], []),
                ('lutra-sim', ['--embedding', 'client'], ['the whole embedding of the model'], []),
                ('lutra-sim', ['--tables', 'public'], [': public'], ['the size alone']),
                ('lutra-launch', ['--insecure-plaintext', '--insecure-seed', '3'],
                 ['every role a process', 'bytes of framing', 'Links were not encrypted',
                  'kept no secret', 'seconds are its work'], ['In a simulation roles'])]:
            with self.subTest(program=program, flags=flags):
                folder = pathlib.Path(self.scratch.name) / 'other run'
                run(BUILD / program, small, '--quiet', '--out', folder, *flags)
                run(BUILD / 'lutra-analyze', 'report', folder)
                page = (folder / 'report.html').read_text(encoding='utf-8')
                for text in [*told, 'are all the same, exactly']:
                    self.assertIn(text, page)
                for text in untold:
                    self.assertNotIn(text, page)
                self.assertNotIn('no argument is stated', page)
                for width in WIDTHS:
                    self.browser.show(width)
                    self.browser.open(folder / 'report.html')
                    self.assertEqual(self.browser.run(GEOMETRY), [])

    def test_a_run_of_nothing_has_a_report(self):
        nothing = pathlib.Path(self.scratch.name) / 'nothing'
        shutil.copytree(self.folder, nothing)
        facts = json.loads((nothing / 'run.json').read_text(encoding='utf-8'))
        facts.update(sessions=[], outputs=[], peaks=None)
        (nothing / 'run.json').write_text(json.dumps(facts), encoding='utf-8')
        (nothing / 'profile.csv').unlink()
        for name in ['ledger.csv', 'levels.csv', 'work.csv']:
            head = (nothing / name).read_text(encoding='utf-8').splitlines()[0]
            (nothing / name).write_text(head + '\n', encoding='utf-8')
        run(BUILD / 'lutra-analyze', 'report', nothing)
        page = (nothing / 'report.html').read_text(encoding='utf-8')
        self.assertIn('0 examples in 0 sessions', page)
        self.assertIn('is not the same', page)
        text = page.split('</style>')[1].split('<script')[0]
        self.assertNotRegex(text, r'\b(nan|inf)\b')
        # Half a run is none.
        (nothing / 'work.csv').unlink()
        done = subprocess.run([str(BUILD / 'lutra-analyze'), 'report', str(nothing)],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr.count('\n')), (1, 1))
        self.assertIn('work.csv', done.stderr)

    # ------------------------------------------------------------------ what others read

    def compile_latex(self, tables):
        if shutil.which('pdflatex') is None:
            print('pdflatex is not installed: tables.tex is not compiled')
            return
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            shutil.copy(tables, folder / 'tables.tex')
            (folder / 'paper.tex').write_text(
                '\\documentclass{article}\n\\usepackage{booktabs,graphicx}\n\\begin{document}\n'
                '\\input{tables.tex}\n\\end{document}\n', encoding='utf-8')
            done = subprocess.run(['pdflatex', '-interaction=nonstopmode', '-halt-on-error', 'paper'],
                                  cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  check=False)
            output = done.stdout.decode(errors='replace')
            self.assertEqual(done.returncode, 0, output[-3000:])
            self.assertTrue((folder / 'paper.pdf').exists())

    def test_latex_takes_the_tables(self):
        tables = (self.folder / 'tables.tex').read_text(encoding='utf-8')
        self.assertTrue(tables.isascii())
        self.assertEqual(tables.count('\\toprule'), tables.count('\\bottomrule'))
        self.assertGreater(tables.count('\\toprule'), 8)
        self.compile_latex(self.folder / 'tables.tex')

    def test_pictures_are_svg_and_pdf(self):
        pictures = [*self.folder.glob('*.svg'), *(self.folder / 'figures').glob('*.svg')]
        self.assertGreaterEqual(len(pictures), 6)
        for picture in pictures:
            root = ElementTree.parse(picture).getroot()
            self.assertEqual(root.tag, '{http://www.w3.org/2000/svg}svg', picture)
            self.assertTrue(list(root.iter('{http://www.w3.org/2000/svg}text')), picture)
            if shutil.which('rsvg-convert') is not None:
                run('rsvg-convert', '--output', pathlib.Path(self.scratch.name) / 'x.png', picture)
        papers = list((self.folder / 'figures').glob('*.pdf'))
        self.assertGreaterEqual(len(papers), len(list((self.folder / 'figures').glob('*.svg'))))
        for paper in papers:
            content = paper.read_bytes()
            self.assertTrue(content.startswith(b'%PDF-') and b'%%EOF' in content[-32:], paper)

    def test_a_later_run_takes_the_report_away(self):
        again = pathlib.Path(self.scratch.name) / 'again'
        shutil.copytree(self.folder, again)
        (again / 'notes.txt').write_text('kept', encoding='utf-8')
        run(BUILD / 'lutra-sim', MODEL, '--quiet', '--no-check', '--out', again)
        left = {path.name for path in again.iterdir()}
        self.assertIn('notes.txt', left)
        self.assertFalse(left & {'report.html', 'report.md', 'tables.tex', 'figures', 'program.svg'})

    def test_damaged_tables_are_named(self):
        damaged = pathlib.Path(self.scratch.name) / 'damaged'
        for name, line, column, cell, message in [
                ('ledger.csv', 1, 0, 'nodes', ':1: expected the columns'),
                ('ledger.csv', 3, 0, '999999', ':3: node: expected a node of the program'),
                ('ledger.csv', 2, 2, 'lookups', ':2: protocol: expected'),
                ('ledger.csv', 2, 7, '-5', ':2: bits: expected a whole number of at least 0'),
                ('ledger.csv', 2, 7, '1152921504606846977', ':2: bits: expected less'),
                ('levels.csv', 4, 2, 'p9', ':4: from: expected a role'),
                ('levels.csv', 2, 0, 'later', ':2: phase: expected a phase'),
                ('work.csv', 5, 3, 'nan', ':5: seconds: expected a number of at least 0'),
                ('work.csv', 5, 3, '1e300', ':5: seconds: expected less in all'),
                ('profile.csv', 2, 9, 'luck', ':2: bound: expected a bound')]:
            with self.subTest(name=name, cell=cell):
                shutil.copytree(self.folder, damaged)
                with open(damaged / name, newline='', encoding='utf-8') as file:
                    rows = list(csv.reader(file))
                rows[line - 1][column] = cell
                with open(damaged / name, 'w', newline='', encoding='utf-8') as file:
                    csv.writer(file, lineterminator='\n').writerows(rows)
                done = subprocess.run([str(BUILD / 'lutra-analyze'), 'report', str(damaged)],
                                      stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.PIPE, text=True, check=False)
                shutil.rmtree(damaged)
                self.assertEqual(done.returncode, 1)
                self.assertIn(f"{name}'{message}", done.stderr)

    def test_what_is_wrong_is_said(self):
        analyze = [str(BUILD / 'lutra-analyze'), 'report']
        scratch = pathlib.Path(self.scratch.name)
        (scratch / 'other').mkdir()
        (scratch / 'other/precious.txt').write_text('x', encoding='utf-8')
        for arguments, message in [
                ([scratch / 'absent'], 'absent'),
                ([self.folder, '--out', scratch / 'other'], 'precious.txt'),
                ([self.folder, '--network', 'moon'], 'moon'),
                ([], 'RUN')]:
            done = subprocess.run([*analyze, *map(str, arguments)], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                  check=False)
            self.assertEqual(done.returncode, 1)
            self.assertEqual(done.stderr.count('\n'), 1)
            self.assertIn(message, done.stderr)
        self.assertEqual([path.name for path in (scratch / 'other').iterdir()], ['precious.txt'])


if __name__ == '__main__':
    counted.main()
