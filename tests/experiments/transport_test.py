#!/usr/bin/env python3
"""experiments/transport on a model that takes no time: the same bytes in every way of running it."""

import csv
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / 'tests/style'))
import counted  # noqa: E402  pylint: disable=wrong-import-position

BUILD = pathlib.Path(sys.argv[1])
EXPERIMENT = ROOT / 'experiments/transport/run.py'


def call(*flags):
    return subprocess.run([EXPERIMENT, '--build', BUILD, *flags], check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


class TransportTest(unittest.TestCase):
    def test_every_way_sends_the_same(self):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / 'out'
            ended = call('--models', 'bert-tiny:sequence=4', '--repetitions', '1', '--threads',
                         '2', '--out', out)
            self.assertEqual(ended.returncode, 0, ended.stderr)
            rows = {row['way']: row
                    for row in csv.DictReader((out / 'table.csv').read_text().splitlines())}
            self.assertEqual(list(rows),
                             ['simulation', 'processes, plain', 'processes, CURVE'])
            for column in ['online_bytes', 'rounds', 'sessions']:
                self.assertEqual(len({row[column] for row in rows.values()}), 1, column)
            framing = [int(float(row['framing_bytes'])) for row in rows.values()]
            self.assertEqual(framing[0], 0)
            self.assertLess(0, framing[1])
            self.assertLess(framing[1], framing[2])  # what CURVE adds
            plain = rows['processes, plain']
            self.assertAlmostEqual(float(plain['ratio']), float(plain['online_seconds']) /
                                   float(rows['simulation']['online_seconds']), places=6)
            self.assertEqual(ended.stdout, (out / 'table.md').read_text())

    def test_what_fails_says_so(self):
        with tempfile.TemporaryDirectory() as folder:
            for flags in [['--models', 'no-such-model'], ['--repetitions', '0'],
                          ['--build', folder]]:
                ended = call('--out', f'{folder}/out', *flags)
                self.assertNotEqual(ended.returncode, 0, flags)
                self.assertNotIn('Traceback', ended.stderr)
                self.assertNotEqual(ended.stderr, '')


counted.main()
