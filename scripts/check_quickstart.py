#!/usr/bin/env python3
"""Runs ./quickstart twice, as a user would, and checks what it prints and leaves behind.

The last line is `N passed, N failed`.
"""

import csv
import json
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
RUN = ROOT / 'runs/quickstart'
MESSAGES = 200
# A second run takes 30 s at most on a quiet machine of two cores; a shared one is not quiet.
SECOND_RUN_SECONDS = 120

NUMBER = (int, float)
# The stable fields of run.json and their types. A field of a session is looked up in each element
# of `sessions` where that is a list, and at the top otherwise.
FIELDS = {
    'format': str, 'version': (str, int), 'command': (str, list), 'program.digest': str,
    'program.nodes': int, 'program.levels': int, 'model': (str, dict), 'plan': (str, dict),
    'tables': str, 'deployment': (str, dict), 'machine': (str, dict), 'simd': str, 'threads': int,
    'seed': (str, int), 'batch': int, 'sessions': (int, list), 'peak_memory_bytes': int,
    'links': list, 'outputs': list, 'agrees_with_ideal': bool, 'accuracy': NUMBER,
    'accuracy_ideal': NUMBER,
    'predicted.wan-400m.offline_seconds': NUMBER, 'predicted.wan-400m.online_seconds': NUMBER,
}
SESSION_FIELDS = {
    'model.bytes': int, 'offline.dealer.bytes': int, 'offline.dealer.seconds': NUMBER,
    'offline.prepare.bytes': int, 'offline.prepare.seconds': NUMBER, 'online.bytes': int,
    'online.rounds': int, 'online.seconds': NUMBER, 'online.framing_bytes': int,
}
TABLES = {
    'ledger.csv': ['node', 'path', 'protocol', 'level', 'phase', 'from', 'to', 'bits'],
    'levels.csv': ['phase', 'level', 'from', 'to', 'bytes', 'messages'],
    'work.csv': ['node', 'phase', 'role', 'seconds'],
}
REPORT = ['report.html', 'report.md', 'tables.tex', 'figures/split.svg', 'figures/split.pdf',
          'program.svg']


def look_up(value, path):
    for name in path.split('.'):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def field_problems(run):
    sessions = run.get('sessions')
    places = [run] + (sessions if isinstance(sessions, list) else [])
    for path, kind in FIELDS.items():
        if not isinstance(look_up(run, path), kind):
            yield f'{path}: {look_up(run, path)!r}'
    for path, kind in SESSION_FIELDS.items():
        found = [look_up(place, path) for place in places]
        if not isinstance(found[0], kind) and not (
                found[1:] and all(isinstance(value, kind) for value in found[1:])):
            yield f'{path}: {found[0]!r}'


def rows_of(name):
    with open(RUN / name, newline='', encoding='utf-8') as file:
        return list(csv.reader(file))


class Checks:
    def __init__(self):
        self.passed = 0
        self.failed = 0

    def check(self, what, holds, found=''):
        self.passed += bool(holds)
        self.failed += not holds
        if not holds:
            print(f'FAILED {what}' + (f'; found: {found}' if found != '' else ''), flush=True)

    def attempt(self, what, step):
        """A check that may meet anything: an exception is a failure too."""
        try:
            problem = step()
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            problem = f'{type(error).__name__}: {error}'
        self.check(what, not problem, problem)


def quickstart():
    start = time.monotonic()
    done = subprocess.run([str(ROOT / 'quickstart')], cwd='/', stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout.decode(errors='replace'), time.monotonic() - start


def check_output(checks, status, output):
    checks.check('quickstart ends with status 0', status == 0, status)
    for word in ['accuracy', 'model', 'deal', 'prepare', 'online', 'rounds', 'runs/quickstart',
                 'runs/quickstart/report.html']:
        checks.check(f'the output mentions {word}', word in output.lower())
    checks.check('the output is plain', '\x1b' not in output and '\r' not in output)


def check_run(checks):
    run = {}

    def read():
        run.update(json.loads((RUN / 'run.json').read_text(encoding='utf-8')))

    checks.attempt('run.json is a JSON object', read)
    checks.attempt('run.json has the stable fields', lambda: '; '.join(field_problems(run)))
    checks.check('secure and ideal agree', run.get('agrees_with_ideal') is True)
    checks.attempt('every message has an output', lambda: '' if all(
        {'prediction', 'logits', 'label'} <= set(output) for output in run['outputs']
    ) and len(run['outputs']) == MESSAGES else f'{len(run["outputs"])} outputs')
    checks.attempt('every link says what it carried', lambda: '' if run['links'] and all(
        {'from', 'to', 'phase', 'bytes', 'messages'} <= set(link) for link in run['links']
    ) else run['links'])
    checks.attempt('the spam is found, by the secure and the clear model', lambda: '' if min(
        run['accuracy'], run['accuracy_ideal']) > 0.9 else (run['accuracy'], run['accuracy_ideal']))
    checks.attempt('the report is there', lambda: '; '.join(
        name for name in REPORT if (RUN / name).stat().st_size < 1000))
    checks.attempt('the report has a profile', lambda: '' if 'share of peak' in (
        RUN / 'report.html').read_text(encoding='utf-8') else 'none')
    checks.attempt('the report is of this run', lambda: '' if all(
        f'{sum(session["online"]["bytes"] for session in run["sessions"]):,}'
        in (RUN / name).read_text(encoding='utf-8') for name in REPORT[:3]) else 'other bytes')
    for name, columns in TABLES.items():
        checks.attempt(f'{name} has its columns and rows', lambda name=name, columns=columns: (
            '' if rows_of(name)[0] == columns and len(rows_of(name)) > 1 else rows_of(name)[0]))


def main():
    checks = Checks()
    status, output, seconds = quickstart()
    print(output, end='')
    print(f'quickstart took {seconds:.0f} s', flush=True)
    check_output(checks, status, output)
    check_run(checks)

    log = ROOT / 'build/.ninja_log'
    before = os.stat(log).st_mtime_ns if log.exists() else 0
    status, output, seconds = quickstart()
    checks.check('a second quickstart ends with status 0', status == 0, output[-2000:])
    checks.check('a second quickstart builds nothing',
                 before and os.stat(log).st_mtime_ns == before and 'Building' not in output)
    checks.check(f'a second quickstart ends within {SECOND_RUN_SECONDS} s',
                 seconds <= SECOND_RUN_SECONDS, f'{seconds:.0f} s')
    print(f'{checks.passed} passed, {checks.failed} failed')
    return 1 if checks.failed else 0


if __name__ == '__main__':
    sys.exit(main())
