#!/usr/bin/env python3
"""Checks of the tree itself: layers, include guards, leftovers, sizes, scripts."""

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

# Which folders a folder may include besides itself (docs/architecture.md): downwards only, and
# dealer/ and parties/ never each other. What is not named here includes nothing of the project.
LAYERS = {
    'core': [],
    'mpc': ['core'],
    'cluster': ['core', 'mpc'],
    'models': ['core', 'mpc'],
    'analysis': ['core', 'mpc', 'models'],
    'dealer': ['core', 'mpc', 'cluster'],
    'parties': ['core', 'mpc', 'cluster', 'models', 'analysis'],
    'sim': ['core', 'mpc', 'cluster', 'models', 'dealer', 'parties', 'analysis'],
    'experiments': ['core', 'mpc', 'cluster', 'models', 'dealer', 'parties', 'analysis', 'sim'],
    'tests': ['core', 'mpc', 'cluster', 'models', 'dealer', 'parties', 'analysis', 'sim',
              'experiments'],
}
# Users of the installed library: their includes name it, and their layout is their own.
OUTSIDE = 'examples'

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
CHANNEL = re.compile(r'channel|zmq', re.IGNORECASE)
LEFTOVER = re.compile(r'\b(' + '|'.join(['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X']) + r')\b')
LARGEST_FILE = 3 << 20


def repository_files(root):
    """The files that git tracks or would track; where git cannot say, all but build outputs."""
    listing = subprocess.run(
        ['git', '-C', str(root), 'ls-files', '-z', '--cached', '--others', '--exclude-standard'],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    if listing.returncode == 0 and (root / '.git').exists():
        names = listing.stdout.decode().split('\0')
        return sorted({name for name in names if name and (root / name).is_file()})
    names = []
    for folder, folders, files in os.walk(root):
        if pathlib.Path(folder) == root:
            folders[:] = [f for f in folders if f not in ('.git', '.cache', 'runs')
                          and not f.startswith('build')]
        names += [os.path.relpath(os.path.join(folder, f), root) for f in files]
    return sorted(names)


def is_cpp(name):
    return name.endswith(('.h', '.cc')) and name.split('/')[0] != OUTSIDE


def is_source(name):
    return is_cpp(name) or name.endswith(('.py', '.sh', 'meson.build')) or '.' not in name


def is_shell(root, name):
    if name.endswith('.sh'):
        return True
    with open(root / name, 'rb') as file:
        return re.match(rb'#!.*\b(bash|sh)\b', file.readline(200)) is not None


def lines_of(root, name):
    return (root / name).read_text(encoding='utf-8', errors='replace').splitlines()


def include_problem(root, name, bracket, included):
    """What is wrong with one include, or None."""
    folder, target = name.split('/')[0], included.split('/')[0]
    if folder == 'mpc' and CHANNEL.search(included):
        return f'mpc/ includes a channel: {included}'
    if target not in LAYERS:
        if bracket == '"' and ('/' not in included or included.startswith('.')):
            return f'not a path from the root: {included}'
        return None
    if bracket == '<':
        return f'a file of the project in angle brackets: {included}'
    if not (root / included).is_file():
        return f'no such file: {included}'
    if target != folder and target not in LAYERS.get(folder, []):
        return f'{folder}/ may not include {target}/: {included}'
    return None


def check_includes(root, names):
    for name in filter(is_cpp, names):
        for number, line in enumerate(lines_of(root, name), 1):
            match = INCLUDE.match(line)
            problem = include_problem(root, name, *match.groups()) if match else None
            if problem:
                yield f'{name}:{number}: {problem}'


def check_guards(root, names):
    for name in names:
        if not is_cpp(name) or not name.endswith('.h'):
            continue
        guard = 'LUTRA_' + re.sub(r'[/.-]', '_', name).upper() + '_'
        lines = lines_of(root, name)
        if f'#ifndef {guard}' not in lines or f'#define {guard}' not in lines:
            yield f'{name}: no include guard {guard}'


def check_leftovers(root, names):
    for name in filter(is_source, names):
        for number, line in enumerate(lines_of(root, name), 1):
            if LEFTOVER.search(line):
                yield f'{name}:{number}: unfinished: {line.strip()}'


def check_sizes(root, names):
    for name in names:
        size = (root / name).stat().st_size
        if size > LARGEST_FILE:
            yield f'{name}: {size} bytes, at most {LARGEST_FILE}'


def check_scripts(root, names):
    for name in names:
        if not is_shell(root, name):
            continue
        parsed = subprocess.run(['bash', '-n', str(root / name)], stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True, check=False)
        if parsed.returncode != 0:
            yield f'{name}: {parsed.stderr.strip()}'
        lines = lines_of(root, name)
        if not lines or not lines[0].startswith('#!'):
            continue  # sourced: the script that sources it says how to fail
        if not os.access(root / name, os.X_OK):
            yield f'{name}: starts with #! but is not executable'
        if 'set -euo pipefail' not in lines:
            yield f'{name}: does not `set -euo pipefail`'


CHECKS = [check_includes, check_guards, check_leftovers, check_sizes, check_scripts]


def main():
    names = repository_files(ROOT)
    failed = 0
    for check in CHECKS:
        problems = list(check(ROOT, names))
        failed += bool(problems)
        if problems:
            print(f'{check.__name__}:')
            print('\n'.join(f'  {problem}' for problem in problems))
    print(f'{len(CHECKS) - failed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
