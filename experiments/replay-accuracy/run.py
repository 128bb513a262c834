#!/usr/bin/env python3
"""How far a replay is from what it predicts: each model by lutra-launch on links that are shaped to
a network, and beside it the replay of the trace of that same run under that network.

What this machine itself takes for a message is measured first, by lutra-analyze calibrate, from
runs on a network of their own (calibration.toml: a latency, no limit of bandwidth). The replay is
given that as --messages, and the network, and nothing else.

Online rows are of runs whose links are shaped but for the dealer's; seconds are those of the online
phase, all sessions of a run together. Offline rows are of runs whose dealer is shaped, too, on less
work, since tapes are long; seconds are from the request for the tape until it is there and
prepared.

Writes a run directory for each run, what calibrate printed for each model, and the medians as
table.md and table.csv.
"""

import argparse
import csv
import io
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SMS = 'models/pretrained/sms-spam-tiny.safetensors'
CALIBRATION = 'experiments/replay-accuracy/calibration.toml'
# The phases, and which links of their runs are shaped.
SHAPES = {'online': 'parties', 'offline': 'all'}
COLUMNS = ['phase', 'model', 'network', 'round_trip_ms', 'sessions', 'measured_seconds',
           'predicted_seconds', 'error', 'least_error', 'most_error']
PROGRAMS = ['lutra-launch', 'lutra-dealer', 'lutra-party', 'lutra-analyze']


def short_name(path):
    return re.sub('[:=,]', '-', pathlib.Path(path).stem)


def launch(options, phase, model, network, number):
    """The run directory of one run."""
    name = f'{phase}-{short_name(model)}-{short_name(network)}-{number}'
    directory = options.out / 'runs' / name
    flags = ['--network', network, '--shape', SHAPES[phase], '--tapes', 'stream']
    if model == SMS:
        flags += ['--input', options.out / f'texts-{phase}.tsv']
    command = [options.build / 'lutra-launch', model, *flags, '--threads', str(options.threads),
               '--quiet', '--out', directory]
    subprocess.run(command, check=True, cwd=ROOT)
    return directory


def analyze(options, *arguments):
    return subprocess.run([options.build / 'lutra-analyze', *arguments], check=True, cwd=ROOT,
                          stdout=subprocess.PIPE, text=True).stdout


def read(path):
    return json.loads(path.read_text(encoding='utf-8'))


def write(path, text):
    temporary = path.with_name('.' + path.name)
    temporary.write_text(text, encoding='utf-8')
    temporary.replace(path)


def sessions_of(directory):
    return read(directory / 'run.json')['sessions']


def calibrated(options, phase, model, directories):
    """The file with what messages take here by themselves."""
    file = options.out / f'messages-{phase}-{short_name(model)}.toml'
    write(file, analyze(options, 'calibrate', *directories))
    return file


def replayed(options, phase, directory, network, messages):
    text = analyze(options, 'replay', directory, '--network', network, '--messages', messages,
                   '--json')
    return json.loads(text)['networks'][0][phase]['seconds']


def figures(options, phase, model, network, directories, messages):
    measured = [sum(session[phase]['seconds'] for session in sessions_of(directory))
                for directory in directories]
    predicted = [replayed(options, phase, directory, network, messages)
                 for directory in directories]
    errors = [there / here - 1 for here, there in zip(measured, predicted)]
    return {'phase': phase, 'model': pathlib.Path(model).stem, 'network': network,
            'round_trip_ms': options.round_trips[network],
            'sessions': len(sessions_of(directories[0])),
            'measured_seconds': statistics.median(measured),
            'predicted_seconds': statistics.median(predicted),
            'error': statistics.median(errors), 'least_error': min(errors),
            'most_error': max(errors)}


def shown(column, value):
    if column.endswith('_seconds'):
        return f'{value:.3f}'
    if column.endswith('error'):
        return f'{100 * value:+.1f} %'
    return f'{value:g}' if isinstance(value, float) else str(value)


def table_markdown(rows, machine, messages, options):
    lines = ['# Measured on shaped links, and predicted by the replay of the same run', '',
             f'- {machine["processor"]}, {machine["cores"]} cores, '
             f'{machine["memory_bytes"] / 2**30:.0f} GiB; {options.threads} threads in all; '
             f'loopback with CURVE; medians of {options.repetitions}']
    for (phase, model), file in messages.items():
        own = tomllib.loads(file.read_text(encoding='utf-8'))['messages']
        rates = {'': own.get('throughput_mbit'), ' of a tape': own.get('tape_mbit')}
        throughput = ''.join(f', {rate:,.0f} Mbit/s{what}' for what, rate in rates.items() if rate)
        lines.append(f'- what this machine takes by itself, with {pathlib.Path(model).stem} '
                     f'({phase}): {own["overhead_us"]:.0f} us a message at each end{throughput}')
    lines += ['', '| ' + ' | '.join(column.replace('_', ' ') for column in COLUMNS) + ' |',
              '|---' * len(COLUMNS) + '|']
    lines += ['| ' + ' | '.join(shown(column, row[column]) for column in COLUMNS) + ' |'
              for row in rows]
    return '\n'.join(lines) + '\n'


def listed(text):
    """Models of a list; a piece with '=' alone is a setting of the one before it."""
    names = []
    for piece in filter(None, text.split(',')):
        if names and '=' in piece and ':' not in piece:
            names[-1] += f',{piece}'
        else:
            names.append(piece)
    return names


def round_trip(network):
    """In milliseconds, of the links that the file does not name one by one."""
    shipped = ROOT / 'experiments/networks' / f'{network}.toml'
    with (shipped if shipped.exists() else ROOT / network).open('rb') as file:
        links = tomllib.load(file).get('links', {})
    return float(links.get('round_trip_ms', 2 * links.get('latency_ms', 0)))


def read_options():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--models', default=f'{SMS},bert-base:layers=1', type=listed)
    parser.add_argument('--networks', default='lan-10g,lan-1g,owners-at-home,wan-400m,wan-100m',
                        type=listed)
    parser.add_argument('--examples', type=int, default=14, help='messages of the SMS model')
    parser.add_argument('--offline-models', default=f'{SMS},bert-base:layers=1,sequence=32',
                        type=listed)
    parser.add_argument('--offline-networks', default='lan-1g,wan-400m,wan-100m', type=listed)
    parser.add_argument('--offline-examples', type=int, default=6)
    parser.add_argument('--repetitions', type=int, default=5)
    parser.add_argument('--threads', type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument('--build', type=pathlib.Path, default=ROOT / 'build')
    parser.add_argument('--out', type=pathlib.Path, default=ROOT / 'runs/replay-accuracy')
    options = parser.parse_args()
    if min(options.repetitions, options.threads, options.examples, options.offline_examples) < 1:
        parser.error('expected at least one repetition, one thread and one example')
    if not options.models + options.offline_models:
        parser.error('expected at least one model')
    options.round_trips = {}
    for network in {*options.networks, *options.offline_networks}:
        try:
            options.round_trips[network] = round_trip(network)
        except (OSError, AttributeError, TypeError, ValueError) as error:
            parser.error(f'{network}: expected a shipped network or a TOML file: {error}')
    options.build = options.build.resolve()
    options.out = options.out.resolve()
    for program in PROGRAMS:
        if not (options.build / program).exists():
            sys.exit(f'{options.build}/{program}: expected the built program, found none')
    return options


def main():
    options = read_options()
    options.out.mkdir(parents=True, exist_ok=True)
    texts = (ROOT / SMS).with_suffix('').with_suffix('.texts.tsv').read_text(encoding='utf-8')
    for phase, count in (('online', options.examples), ('offline', options.offline_examples)):
        write(options.out / f'texts-{phase}.tsv',
              ''.join(texts.splitlines(keepends=True)[:count]))

    cases = [('online', model, options.networks) for model in options.models]
    cases += [('offline', model, options.offline_networks) for model in options.offline_models]
    runs = {(phase, model, network): [] for phase, model, networks in cases
            for network in [CALIBRATION, *networks]}
    for number in range(1, options.repetitions + 1):
        for phase, model, network in runs:
            print(f'{number} of {options.repetitions}: {phase}, {model}, {network}',
                  file=sys.stderr)
            runs[phase, model, network].append(launch(options, phase, model, network, number))

    messages = {(phase, model): calibrated(options, phase, model, runs[phase, model, CALIBRATION])
                for phase, model, _ in cases}
    rows = [figures(options, phase, model, network, runs[phase, model, network],
                    messages[phase, model])
            for phase, model, networks in cases for network in networks]
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator='\n')
    writer.writeheader()
    writer.writerows(rows)
    write(options.out / 'table.csv', text.getvalue())
    machine = read(next(iter(runs.values()))[0] / 'run.json')['machine']
    markdown = table_markdown(rows, machine, messages, options)
    write(options.out / 'table.md', markdown)
    print(markdown, end='')


if __name__ == '__main__':
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f'{error.cmd[0].name} {error.cmd[1]}: exit status {error.returncode}')
