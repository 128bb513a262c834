#!/usr/bin/env python3
"""What processes and encryption add: each model by lutra-sim, by lutra-launch without CURVE and with
it, in turns. Writes a run directory for each run, and the medians as table.md and table.csv.

Seconds are the wall seconds of the online phase, all sessions of a run together: in a simulation
from the first level to the last, over links from the data owner's first message to its result.
"""

import argparse
import csv
import io
import json
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MODELS = 'models/pretrained/sms-spam-tiny.safetensors,bert-base'
WAYS = {'simulation': [], 'processes, plain': ['--insecure-plaintext'], 'processes, CURVE': []}
COLUMNS = ['model', 'way', 'sessions', 'online_seconds', 'ratio', 'online_bytes', 'framing_bytes',
           'rounds', 'prepare_seconds', 'deal_seconds']


def run(options, model, way, number, out):
    """One run's run.json."""
    name = f'{pathlib.Path(model).stem.replace(":", "-")}-{way.replace(", ", "-")}-{number}'
    directory = out / 'runs' / name
    program = 'lutra-sim' if way == 'simulation' else 'lutra-launch'
    flags = ['--no-check'] if way == 'simulation' else WAYS[way]
    subprocess.run([options.build / program, model, *flags, '--threads', str(options.threads),
                    '--quiet', '--out', directory], check=True, cwd=ROOT)
    return json.loads((directory / 'run.json').read_text())


def total(document, *path):
    """A figure of all sessions together."""
    def of(session):
        for name in path:
            session = session[name]
        return session
    return sum(of(session) for session in document['sessions'])


def figures(model, way, runs, simulated):
    def median(*path):
        return statistics.median(total(document, *path) for document in runs)
    seconds = median('online', 'seconds')
    return {'model': pathlib.Path(model).stem, 'way': way, 'sessions': len(runs[0]['sessions']),
            'online_seconds': seconds, 'ratio': seconds / (simulated or seconds),
            'online_bytes': median('online', 'bytes'),
            'framing_bytes': median('online', 'framing_bytes'),
            'rounds': median('online', 'rounds'),
            'prepare_seconds': median('offline', 'prepare', 'seconds'),
            'deal_seconds': median('offline', 'dealer', 'seconds')}


def shown(column, value):
    if column.endswith('_seconds'):
        return f'{value:.3f}'
    if column == 'ratio':
        return f'{value:.2f}'
    if column.endswith('_bytes'):
        return f'{value:,}'
    return str(value)


def table_markdown(rows, machine, options):
    lines = ['# Online phase in one process, over links, and over encrypted links', '',
             f'- {machine["processor"]}, {machine["cores"]} cores, '
             f'{machine["memory_bytes"] / 2**30:.0f} GiB; {options.threads} threads in all; '
             f'loopback; medians of {options.repetitions}', '',
             '| ' + ' | '.join(column.replace('_', ' ') for column in COLUMNS) + ' |',
             '|---' * len(COLUMNS) + '|']
    lines += ['| ' + ' | '.join(shown(column, row[column]) for column in COLUMNS) + ' |'
              for row in rows]
    return '\n'.join(lines) + '\n'


def write(path, text):
    temporary = path.with_name('.' + path.name)
    temporary.write_text(text)
    temporary.replace(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--models', default=MODELS, type=lambda text: text.split(','))
    parser.add_argument('--repetitions', type=int, default=3)
    parser.add_argument('--threads', type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument('--build', type=pathlib.Path, default=ROOT / 'build')
    parser.add_argument('--out', type=pathlib.Path, default=ROOT / 'runs/transport')
    options = parser.parse_args()
    if options.repetitions < 1 or options.threads < 1:
        parser.error('expected at least one repetition and one thread')
    options.build = options.build.resolve()
    options.out = options.out.resolve()
    for program in ['lutra-sim', 'lutra-launch', 'lutra-dealer', 'lutra-party']:
        if not (options.build / program).exists():
            sys.exit(f'{options.build}/{program}: expected the built program, found none')

    options.out.mkdir(parents=True, exist_ok=True)
    runs = {(model, way): [] for model in options.models for way in WAYS}
    for number in range(1, options.repetitions + 1):
        for model, way in runs:
            print(f'{number} of {options.repetitions}: {model}, {way}', file=sys.stderr)
            runs[model, way].append(run(options, model, way, number, options.out))

    rows, simulated = [], None
    for (model, way), documents in runs.items():
        simulated = None if way == 'simulation' else simulated
        rows.append(figures(model, way, documents, simulated))
        simulated = rows[-1]['online_seconds'] if way == 'simulation' else simulated
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator='\n')
    writer.writeheader()
    writer.writerows(rows)
    write(options.out / 'table.csv', text.getvalue())
    machine = next(iter(runs.values()))[0]['machine']
    markdown = table_markdown(rows, machine, options)
    write(options.out / 'table.md', markdown)
    print(markdown, end='')


if __name__ == '__main__':
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f'{error.cmd[0].name} {error.cmd[1]}: exit status {error.returncode}')
