#!/usr/bin/env python3
"""Secure BERT-base end to end, all roles on this machine: by sequence, threads, instruction set and
vocabulary. Writes a run directory for each run, and the medians as table.md and table.csv.

Runs take turns, so that a machine that is slow for a while is so for all. Seconds are wall seconds.
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
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

COLUMNS = ['setting', 'model_seconds', 'deal_seconds', 'deal_bytes', 'prepare_seconds',
           'online_seconds', 'online_bytes', 'rounds', 'peak_bytes', 'estimate_bytes',
           'whole_seconds']


class Setting:
    """A shape and flags; what is run again and again."""

    def __init__(self, name, model, flags):
        self.name, self.model, self.flags = name, model, flags
        self.runs = []


def settings(options, simd_targets):
    """By sequence; and, at the sequence that targets are stated for, by what else matters."""
    made = [Setting(f'sequence {length}', f'{options.model}:sequence={length}', [])
            for length in options.sequences]
    if options.only_sequences:
        return made
    length = 128 if 128 in options.sequences else options.sequences[0]
    model = f'{options.model}:sequence={length}'
    made.append(Setting(f'sequence {length}, checked', model, ['--check']))
    if options.threads != 1:
        made.append(Setting(f'sequence {length}, 1 thread', model, ['--threads', '1']))
    for target in simd_targets[1:]:
        if target.startswith('AVX'):
            made.append(Setting(f'sequence {length}, {target}', model, ['--simd', target]))
    made.append(Setting(f'sequence {length}, vocabulary 30522', f'{model},vocabulary=30522', []))
    made.append(Setting(f'sequence {length}, --memory-limit 4G', model, ['--memory-limit', '4G']))
    return made


def simd_targets(build):
    """Best first, as the program's help lists them."""
    text = ' '.join(subprocess.run([build / 'lutra-sim', '--help'], check=True, text=True,
                                   stdout=subprocess.PIPE).stdout.split())
    listed = text.split('this machine has ')[1].split(' --')[0]
    return [name.strip() for name in listed.split(',')]


def run(options, setting, number, out):
    flags = [flag for flag in setting.flags if flag != '--check']
    if '--check' not in setting.flags:
        flags.append('--no-check')
    if '--threads' not in flags:
        flags += ['--threads', str(options.threads)]
    directory = out / 'runs' / f'{setting.name.replace(", ", "-").replace(" ", "-")}-{number}'
    command = [options.build / 'lutra-sim', setting.model, *flags, '--quiet', '--profile', '--out',
               directory]
    start = time.monotonic()
    subprocess.run(command, check=True)
    whole = time.monotonic() - start
    document = json.loads((directory / 'run.json').read_text())
    if document['agrees_with_ideal'] is False:
        sys.exit(f'{setting.name}: secure and clear disagree: {directory}')
    document['whole_seconds'] = whole
    setting.runs.append(document)


def session_of(document):
    return document['sessions'][0]


def figures(setting):
    """The medians of a setting's runs, by column."""
    def median(value):
        return statistics.median(value(document) for document in setting.runs)
    return {
        'setting': setting.name,
        'model_seconds': median(lambda d: d['model']['seconds']),
        'deal_seconds': median(lambda d: session_of(d)['offline']['dealer']['seconds']),
        'deal_bytes': median(lambda d: session_of(d)['offline']['dealer']['bytes']),
        'prepare_seconds': median(lambda d: session_of(d)['offline']['prepare']['seconds']),
        'online_seconds': median(lambda d: session_of(d)['online']['seconds']),
        'online_bytes': median(lambda d: session_of(d)['online']['bytes']),
        'rounds': median(lambda d: session_of(d)['online']['rounds']),
        'peak_bytes': median(lambda d: d['peak_memory_bytes']),
        'estimate_bytes': median(lambda d: d['memory']['estimate_bytes']),
        'whole_seconds': median(lambda d: d['whole_seconds']),
    }


def shown(column, value):
    if column.endswith('_seconds'):
        return f'{value:.2f}'
    if column.endswith('_bytes'):
        return f'{value / 1e9:.2f} GB' if value >= 1e9 else f'{value / 1e6:.1f} MB'
    return str(value)


def machine_facts(document, options):
    machine = document['machine']
    products, _, _ = document['peaks']['products_per_second']
    return [f'- {machine["processor"]}, {machine["cores"]} cores, '
            f'{machine["memory_bytes"] / 2**30:.0f} GiB; kernels {document["simd"]}; '
            f'{document["threads"]} threads unless said otherwise',
            f'- peaks with these threads: {products / 1e9:.0f} billion products a second in lanes '
            f'of 16 bits, AES {document["peaks"]["cipher_bytes_per_second"] / 1e9:.1f} GB/s, '
            f'memory {document["peaks"]["memory_bytes_per_second"] / 1e9:.1f} GB/s',
            f'- Lutra {document["version"]}, program {document["program"]["digest"][:16]} '
            f'(of the first row); medians of {options.repetitions}']


def table_markdown(rows, facts):
    lines = ['# BERT end to end, all roles in one process', '', *facts, '',
             '| ' + ' | '.join(column.replace('_', ' ') for column in COLUMNS) + ' |',
             '|---' * len(COLUMNS) + '|']
    for row in rows:
        lines.append('| ' + ' | '.join(shown(column, row[column]) for column in COLUMNS) + ' |')
    return '\n'.join(lines) + '\n'


def write(path, text):
    temporary = path.with_name('.' + path.name)
    temporary.write_text(text)
    temporary.replace(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--model', default='bert-base')
    parser.add_argument('--sequences', default='8,32,128,512',
                        type=lambda text: [int(number) for number in text.split(',')])
    parser.add_argument('--only-sequences', action='store_true',
                        help='no rows for threads, instruction sets, vocabulary and memory limit')
    parser.add_argument('--repetitions', type=int, default=3)
    parser.add_argument('--threads', type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument('--build', type=pathlib.Path, default=ROOT / 'build')
    parser.add_argument('--out', type=pathlib.Path, default=ROOT / 'runs/bert-base')
    options = parser.parse_args()
    if options.repetitions < 1 or options.threads < 1 or not options.sequences:
        parser.error('expected at least one repetition, thread and sequence')
    if not (options.build / 'lutra-sim').exists():
        sys.exit(f'{options.build}/lutra-sim: expected the built program, found none')

    options.out.mkdir(parents=True, exist_ok=True)
    all_settings = settings(options, simd_targets(options.build))
    for number in range(1, options.repetitions + 1):
        for setting in all_settings:
            print(f'{number} of {options.repetitions}: {setting.name}', file=sys.stderr)
            run(options, setting, number, options.out)

    rows = [figures(setting) for setting in all_settings]
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator='\n')
    writer.writeheader()
    writer.writerows(rows)
    write(options.out / 'table.csv', text.getvalue())
    markdown = table_markdown(rows, machine_facts(all_settings[0].runs[0], options))
    write(options.out / 'table.md', markdown)
    print(markdown, end='')


if __name__ == '__main__':
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f'{error.cmd[0].name} {error.cmd[1]}: exit status '
                 f'{error.returncode}')
