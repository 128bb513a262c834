#!/usr/bin/env python3
"""experiments/bert-base on a model that takes no time: every row, from the runs beside it."""

import csv
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / 'tests/style'))
import counted  # noqa: E402  pylint: disable=wrong-import-position

BUILD = pathlib.Path(sys.argv[1])
EXPERIMENT = ROOT / 'experiments/bert-base/run.py'


def call(*flags):
    return subprocess.run([EXPERIMENT, '--build', BUILD, *flags], check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


class BertBaseTest(unittest.TestCase):
    def test_every_row_is_the_median_of_its_runs(self):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / 'out'
            ended = call('--model', 'bert-tiny', '--sequences', '4,8', '--repetitions', '2',
                         '--threads', '2', '--out', out)
            self.assertEqual(ended.returncode, 0, ended.stderr)
            rows = list(csv.DictReader((out / 'table.csv').read_text().splitlines()))
            names = [row['setting'] for row in rows]
            for expected in ['sequence 4', 'sequence 8', 'sequence 4, checked',
                             'sequence 4, 1 thread', 'sequence 4, vocabulary 30522',
                             'sequence 4, --memory-limit 4G']:
                self.assertIn(expected, names)
            # bert-tiny, by the closed form.
            cost = json.loads(subprocess.run(
                [BUILD / 'lutra-analyze', 'cost', 'bert-tiny:sequence=8', '--json'], check=True,
                stdout=subprocess.PIPE).stdout)
            text = json.dumps(cost)
            row = rows[names.index('sequence 8')]
            self.assertIn(f'{int(float(row["deal_bytes"]))}', text)
            self.assertIn(f'{int(float(row["online_bytes"]))}', text)
            seconds = []
            for number in (1, 2):
                run = json.loads((out / f'runs/sequence-8-{number}/run.json').read_text())
                seconds.append(run['sessions'][0]['online']['seconds'])
                self.assertTrue((out / f'runs/sequence-8-{number}/profile.csv').exists())
            self.assertAlmostEqual(float(row['online_seconds']), sum(seconds) / 2, places=9)
            self.assertIn('| sequence 8 |', ended.stdout)
            self.assertEqual(ended.stdout, (out / 'table.md').read_text())

    def test_what_fails_says_so(self):
        with tempfile.TemporaryDirectory() as folder:
            for flags in [['--model', 'no-such-model'], ['--repetitions', '0'],
                          ['--sequences', 'x'], ['--build', folder]]:
                ended = call('--only-sequences', '--sequences', '4', '--out', f'{folder}/out',
                             *flags)
                self.assertNotEqual(ended.returncode, 0, flags)
                self.assertNotIn('Traceback', ended.stderr)
                self.assertNotEqual(ended.stderr, '')


counted.main()
