#!/usr/bin/env python3
"""The hot kernels take no more instructions an element than they did.

Instructions are counted by valgrind, so what else the machine does changes nothing, and nothing is
timed. valgrind shows every program the same processor (AVX2, no AVX-512), so most machines count
the same. The bounds in instructions.tsv are for one compiler; with another one nothing is compared.

Usage: guard_test.py KERNELS            compares; the last line is `N passed, N failed`
       guard_test.py KERNELS --record   counts and writes the bounds anew
"""

import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

BOUNDS = pathlib.Path(__file__).resolve().parent / 'instructions.tsv'
SLACK = 1.05
HEADER = ('# Instructions an element of every kernel of kernels.cc, under valgrind, and how many it\n'
          '# may take: `guard_test.py KERNELS --record` writes this file.\n')


class Failure(Exception):
    """What is wrong, in one line."""


class Unable(Exception):
    """Why nothing can be counted here."""


def build_of(kernels):
    """The program's compiler, and why its counts cannot be compared ('' if they can)."""
    text = subprocess.run([kernels, '--build'], check=True, text=True,
                          stdout=subprocess.PIPE).stdout
    compiler, why = text.split('\n')[:2]
    return compiler, why


def count(kernels):
    """Instructions an element, by kernel, in the order in which they run."""
    if shutil.which('valgrind') is None:
        raise Failure('valgrind is missing: apt-get install valgrind')
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / 'out'
        run = subprocess.run(
            ['valgrind', '--tool=callgrind', f'--callgrind-out-file={out}',
             '--toggle-collect=CountedRun', '--dump-after=CountedRun', str(kernels)],
            text=True, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        # Without RDTSCP in the processor valgrind has none either, and Highway starts with it.
        if run.returncode == -signal.SIGILL and 'TimerResolution' in run.stderr:
            raise Unable('valgrind cannot run Highway on this processor')
        if run.returncode != 0:
            raise Failure(f'valgrind ended with status {run.returncode}:\n{run.stderr[-2000:]}')
        kernels_run = [line.split('\t') for line in run.stdout.splitlines()]
        counts = {}
        for part, (name, elements) in enumerate(kernels_run, 1):
            dump = out.with_name(f'out.{part}')
            total = re.search(r'^(?:totals|summary): (\d+)', dump.read_text(), re.MULTILINE)
            if total is None:
                raise Failure(f'{name}: valgrind counted nothing')
            counts[name] = int(total.group(1)) / int(elements)
    if not counts:
        raise Failure('no kernel ran')
    return counts


def read_bounds():
    """The compiler and, by kernel, (recorded, bound)."""
    compiler, bounds = None, {}
    for line in BOUNDS.read_text().splitlines():
        if line.startswith('#') or not line:
            continue
        fields = line.split('\t')
        if fields[0] == 'compiler':
            compiler = fields[1]
        else:
            bounds[fields[0]] = (float(fields[1]), float(fields[2]))
    return compiler, bounds


def write_bounds(compiler, counts):
    rows = [f'{name}\t{value:.4f}\t{value * SLACK:.4f}' for name, value in counts.items()]
    BOUNDS.write_text(HEADER + '\n'.join([f'compiler\t{compiler}', *rows]) + '\n')


def problems(counts, bounds, command):
    """Why each kernel that fails does, by name."""
    found = {name: 'has a bound, but did not run' for name in bounds.keys() - counts.keys()}
    for name, value in counts.items():
        if name not in bounds:
            found[name] = f'no bound in {BOUNDS.name}; to record one: {command}'
            continue
        recorded, bound = bounds[name]
        if value > bound:
            found[name] = (f'{value:.4f} instructions an element, at most {bound:.4f} allowed '
                           f'({recorded:.4f} when recorded); if that is meant: {command}')
    return found


def not_compared(why):
    print(f'not compared: {why}')
    print('0 passed, 0 failed')
    return 0


def compare(kernels, compiler, command):
    recorded_by, bounds = read_bounds()
    if compiler != recorded_by:
        return not_compared(f'compiled by {compiler}, bounds are of {recorded_by}; to record '
                            f'them anew: {command}')
    counts = count(kernels)
    found = problems(counts, bounds, command)
    for name, value in counts.items():
        print(f'{name:<32} {value:10.4f}')
    for name, problem in sorted(found.items()):
        print(f'FAILED {name}: {problem}')
    print(f'{len(counts.keys() | bounds.keys()) - len(found)} passed, {len(found)} failed')
    return 1 if found else 0


def main():
    kernels = pathlib.Path(sys.argv[1]).resolve()
    command = f'python3 {pathlib.Path(__file__)} {kernels} --record'
    try:
        compiler, why = build_of(kernels)
        if why:
            return not_compared(why)
        if '--record' in sys.argv[2:]:
            write_bounds(compiler, count(kernels))
            print(f'wrote {BOUNDS}')
            return 0
        return compare(kernels, compiler, command)
    except Unable as why:
        return not_compared(why)
    except Failure as failure:
        print(failure)
        print('0 passed, 1 failed')
        return 1


if __name__ == '__main__':
    sys.exit(main())
