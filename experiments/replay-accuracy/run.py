#!/usr/bin/env python3
"""How far a replay is from what it predicts: each model by lutra-launch on links that are shaped to a
network, and beside it the replay of the trace of that same run under that network.

What this machine itself takes for a message (overhead, throughput) is measured first, in runs on a
network of their own (calibration.toml: a latency, no limit of bandwidth), from their traces: how much
longer than the latency a message took for which somebody was waiting when it was sent. The replay is
given that beside the network's latency and bandwidth, and nothing else.

Seconds are those of the online phase, all sessions of a run together. Writes a run directory for each
run, the networks as the replay got them, and the medians as table.md and table.csv.
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

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SMS = 'models/pretrained/sms-spam-tiny.safetensors'
MODELS = f'{SMS},bert-base:layers=1'
NETWORKS = 'lan-10g,lan-1g,owners-at-home,wan-400m,wan-100m'
CALIBRATION = 'experiments/replay-accuracy/calibration.toml'
LATENCY_SECONDS = 0.002  # of it
COLUMNS = ['model', 'network', 'round_trip_ms', 'sessions', 'measured_seconds',
           'predicted_seconds', 'error', 'least_error', 'most_error']
# Messages up to here tell the overhead, those from there on the throughput.
SMALL, LARGE = 4096, 65536
PROGRAMS = ['lutra-launch', 'lutra-dealer', 'lutra-party', 'lutra-analyze']


def run_name(model, network):
    return re.sub('[:=,]', '-', f'{pathlib.Path(model).stem}-{pathlib.Path(network).stem}')


def launch(options, model, network, number):
    """The run directory of one run."""
    directory = options.out / 'runs' / f'{run_name(model, network)}-{number}'
    flags = ['--network', network]
    if options.examples and model == SMS:
        flags += ['--input', options.out / 'texts.tsv']
    command = [options.build / 'lutra-launch', model, *flags, '--threads', str(options.threads),
               '--quiet', '--out', directory]
    subprocess.run(command, check=True, cwd=ROOT)
    return directory


def read(path):
    return json.loads(path.read_text(encoding='utf-8'))


def online_seconds(directory):
    return sum(session['online']['seconds']
               for session in read(directory / 'run.json')['sessions'])


def awaited(directory):
    """(bytes, seconds) of each online message whose receiver was there before it was sent."""
    sent, received = {}, {}
    roles = {}
    events = read(directory / 'trace.json')['traceEvents']
    for event in events:
        if event['ph'] == 'M' and event['name'] == 'process_name':
            roles[event['pid']] = event['args']['name']
    for event in events:
        way, _, peer = event['name'].partition(' ')
        if event['ph'] != 'X' or event['cat'] != 'online' or way not in ('send', 'receive'):
            continue
        here, there = roles[event['pid']], peer.partition(' ')[2]
        ends = (here, there) if way == 'send' else (there, here)
        key = (event['args']['session'], event['args']['level'], *ends)
        (sent if way == 'send' else received)[key] = event
    for key, start in sent.items():
        end = received.get(key)
        if end is not None and end['ts'] <= start['ts']:
            yield start['args']['bytes'], (end['ts'] + end['dur'] - start['ts']) / 1e6


def own_links(directories):
    """Overhead of each end in seconds, and bytes a second, that this machine takes by itself."""
    messages = [(size, seconds - LATENCY_SECONDS) for directory in directories
                for size, seconds in awaited(directory)]
    small = [seconds for size, seconds in messages if size <= SMALL]
    both_ends = statistics.mean(small) if small else 0
    per_byte = [(seconds - both_ends) / size for size, seconds in messages if size >= LARGE]
    slowness = statistics.mean(per_byte) if per_byte else 0
    return both_ends / 2, 1 / slowness if slowness > 0 else None


def network_file(network):
    shipped = ROOT / 'experiments/networks' / f'{network}.toml'
    return shipped if shipped.exists() else ROOT / network


def with_own_links(network, overhead, rate):
    """The text of a network file, with [messages] as they are on this machine."""
    text = network_file(network).read_text(encoding='utf-8')
    header = re.search(r'^header_bytes *=.*$', text, re.MULTILINE)
    text = re.sub(r'^\[messages\]\n(?:(?!\[).*\n?)*', '', text, flags=re.MULTILINE)
    text = text.rstrip() + f'\n\n[messages]\noverhead_us = {overhead * 1e6:.1f}\n'
    if rate:
        text += f'throughput_mbit = {rate * 8 / 1e6:.1f}\n'
    return text + (header.group(0) + '\n' if header else '')


def replayed(options, directory, network_file):
    ended = subprocess.run([options.build / 'lutra-analyze', 'replay', directory, '--network',
                            network_file, '--json'], check=True, cwd=ROOT,
                           stdout=subprocess.PIPE)
    return json.loads(ended.stdout)['networks'][0]['online']['seconds']


def write(path, text):
    temporary = path.with_name('.' + path.name)
    temporary.write_text(text, encoding='utf-8')
    temporary.replace(path)


def round_trip(text):
    """In milliseconds, of the first that the file says."""
    return float(re.search(r'^round_trip_ms *= *([0-9.e+-]+)', text, re.MULTILINE).group(1))


def figures(options, model, network, directories, own):
    text = with_own_links(network, *own)
    file = options.out / 'networks' / f'{run_name(model, network)}.toml'
    file.parent.mkdir(exist_ok=True)
    write(file, text)
    measured = [online_seconds(directory) for directory in directories]
    predicted = [replayed(options, directory, file) for directory in directories]
    errors = [there / here - 1 for here, there in zip(measured, predicted)]
    return {'model': pathlib.Path(model).stem, 'network': network,
            'round_trip_ms': round_trip(text),
            'sessions': len(read(directories[0] / 'run.json')['sessions']),
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


def table_markdown(rows, machine, own, options):
    lines = ['# Measured on shaped links, and predicted by the replay of the same run', '',
             f'- {machine["processor"]}, {machine["cores"]} cores, '
             f'{machine["memory_bytes"] / 2**30:.0f} GiB; {options.threads} threads in all; '
             f'loopback with CURVE; medians of {options.repetitions}']
    for model, (overhead, rate) in own.items():
        throughput = f', {rate * 8 / 1e6:,.0f} Mbit/s' if rate else ''
        lines.append(f'- what this machine takes by itself, with {pathlib.Path(model).stem}: '
                     f'{overhead * 1e6:.0f} us a message at each end{throughput}')
    lines += ['', '| ' + ' | '.join(column.replace('_', ' ') for column in COLUMNS) + ' |',
              '|---' * len(COLUMNS) + '|']
    lines += ['| ' + ' | '.join(shown(column, row[column]) for column in COLUMNS) + ' |'
              for row in rows]
    return '\n'.join(lines) + '\n'


def read_options():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--models', default=MODELS, type=lambda text: text.split(','))
    parser.add_argument('--networks', default=NETWORKS, type=lambda text: text.split(','))
    parser.add_argument('--examples', type=int, default=14, help='messages of the SMS model')
    parser.add_argument('--repetitions', type=int, default=5)
    parser.add_argument('--threads', type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument('--build', type=pathlib.Path, default=ROOT / 'build')
    parser.add_argument('--out', type=pathlib.Path, default=ROOT / 'runs/replay-accuracy')
    options = parser.parse_args()
    if options.repetitions < 1 or options.threads < 1 or options.examples < 1:
        parser.error('expected at least one repetition, one thread and one example')
    for network in options.networks:
        if not network_file(network).is_file():
            parser.error(f'{network}: expected a shipped network or a TOML file')
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
    write(options.out / 'texts.tsv',
          ''.join(texts.splitlines(keepends=True)[:options.examples]))

    ways = [CALIBRATION, *options.networks]
    runs = {(model, way): [] for model in options.models for way in ways}
    for number in range(1, options.repetitions + 1):
        for model, way in runs:
            print(f'{number} of {options.repetitions}: {model}, {way}', file=sys.stderr)
            runs[model, way].append(launch(options, model, way, number))

    own = {model: own_links(runs[model, CALIBRATION]) for model in options.models}
    rows = [figures(options, model, network, runs[model, network], own[model])
            for model in options.models for network in options.networks]
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator='\n')
    writer.writeheader()
    writer.writerows(rows)
    write(options.out / 'table.csv', text.getvalue())
    machine = read(next(iter(runs.values()))[0] / 'run.json')['machine']
    markdown = table_markdown(rows, machine, own, options)
    write(options.out / 'table.md', markdown)
    print(markdown, end='')


if __name__ == '__main__':
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f'{error.cmd[0].name} {error.cmd[1]}: exit status {error.returncode}')
