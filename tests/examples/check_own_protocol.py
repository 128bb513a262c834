#!/usr/bin/env python3
"""Installs the build tree, builds examples/own-protocol against it, and runs it.

Usage: check_own_protocol.py BUILD. Also holds docs/write-a-protocol.md to the example: every block
of C++ in it is a part of the example's file, letter by letter.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
EXAMPLE = ROOT / 'examples' / 'own-protocol'
LONGEST = 175


def run(command, directory, environment=None):
    result = subprocess.run(command, cwd=directory, env={**os.environ, **(environment or {})},
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            check=False)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {result.stdout[-3000:]}")
    return result.stdout


def check_example(build, scratch):
    """The example as a user builds it: nothing but an installed Lutra."""
    installed = scratch / 'installed'
    run(['meson', 'install', '-C', build, '--no-rebuild', '--quiet', '--destdir', installed], ROOT)
    package = next(installed.rglob('lutra.pc'))
    # Where it lies is not where it was made for.
    text = package.read_text(encoding='utf-8')
    prefix = re.search(r'^prefix=(.*)$', text, re.MULTILINE).group(1)
    package.write_text(text.replace(f'prefix={prefix}', f'prefix={installed}{prefix}'),
                       encoding='utf-8')
    project = scratch / 'project'
    run(['meson', 'setup', project, EXAMPLE], scratch, {'PKG_CONFIG_PATH': str(package.parent)})
    run(['meson', 'compile', '-C', project], scratch)
    output = run([project / 'own-protocol'], scratch)
    # 1 + 1, 16 + 2, 81 + 3; 256 - 4, 625 + 5, 1296 - 6.
    assert 'sum to 104 and 2172' in output, output
    assert 'agrees with its twin; closed form equals ledger' in output, output
    # Two squares of 6 elements of 20 bits: 120 bits from the dealer for each, in halves of 60.
    assert '4 rounds, 32 bytes dealt' in output, output
    run_directory = scratch / 'own-run'
    page = (run_directory / 'report.html').read_text(encoding='utf-8')
    argument = 'delta = x - Delta, where Delta is uniform, unknown to it and used once: uniform'
    assert 'example.square' in page and argument in page, page[:2000]
    assert 'all the same, exactly' in page, page[:2000]
    svg = (run_directory / 'layer-quartic.svg').read_text(encoding='utf-8')
    assert '<svg' in svg and 'example.square' in svg
    # The figure, with the letters that a paper prints.
    figure = (run_directory / 'trace-own-run-quartic.svg').read_text(encoding='utf-8')
    assert 'δ₁ = x₁ − Δ₁' in figure and 'y₂ = 2 δ·Δ₂ + S₂' in figure, figure[:2000]


def check_length():
    lines = len((EXAMPLE / 'own_protocol.cc').read_text(encoding='utf-8').splitlines())
    assert lines < LONGEST, f'own_protocol.cc: expected fewer than {LONGEST} lines, found {lines}'


def check_walkthrough():
    code = (EXAMPLE / 'own_protocol.cc').read_text(encoding='utf-8')
    page = (ROOT / 'docs' / 'write-a-protocol.md').read_text(encoding='utf-8')
    blocks = re.findall(r'```cpp\n(.*?)```', page, re.DOTALL)
    assert len(blocks) >= 5, f'write-a-protocol.md: {len(blocks)} blocks of code'
    for block in blocks:
        assert block in code, f'write-a-protocol.md: not in own_protocol.cc:\n{block}'


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    passed = failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        checks = [lambda: check_example(build, pathlib.Path(scratch)), check_length,
                  check_walkthrough]
        for check in checks:
            try:
                check()
                passed += 1
            except (AssertionError, RuntimeError, OSError, StopIteration) as error:
                print(f'FAILED: {error}')
                failed += 1
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
