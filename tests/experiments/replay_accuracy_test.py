#!/usr/bin/env python3
"""experiments/replay-accuracy on a model that takes no time: that it runs and adds up, not how right
the replay is."""

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
EXPERIMENT = ROOT / 'experiments/replay-accuracy/run.py'


def call(*flags):
    return subprocess.run([EXPERIMENT, '--build', BUILD, *flags], check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


class ReplayAccuracyTest(unittest.TestCase):
    def test_a_row_for_each_model_and_network(self):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / 'out'
            ended = call('--models', 'bert-tiny:sequence=4', '--networks', 'lan-1g',
                         '--repetitions', '1', '--threads', '2', '--out', out)
            self.assertEqual(ended.returncode, 0, ended.stderr)
            self.assertEqual(ended.stdout, (out / 'table.md').read_text())
            rows = list(csv.DictReader((out / 'table.csv').read_text().splitlines()))
            self.assertEqual([row['network'] for row in rows], ['lan-1g'])
            row = rows[0]
            measured = float(row['measured_seconds'])
            predicted = float(row['predicted_seconds'])
            self.assertAlmostEqual(float(row['error']), predicted / measured - 1, places=9)
            # Neither can be faster than the latency of its rounds.
            run, = (out / 'runs').glob('*-lan-1g-1')
            online, = (session['online']
                       for session in json.loads((run / 'run.json').read_text())['sessions'])
            self.assertEqual(online['seconds'], measured)
            least = online['rounds'] * 0.0005
            self.assertGreater(measured, least)
            self.assertGreater(predicted, least)
            # The network of the replay: lan-1g, with the messages of this machine.
            file, = (out / 'networks').glob('*-lan-1g.toml')
            text = file.read_text()
            for line in ['name = "lan-1g"', 'round_trip_ms = 1', 'bandwidth_mbit = 1000',
                         'header_bytes = 128', 'overhead_us = ']:
                self.assertIn(line, text)
            self.assertNotIn('overhead_us = 20\n', text)

    def test_what_fails_says_so(self):
        with tempfile.TemporaryDirectory() as folder:
            for flags in [['--models', 'no-such-model'], ['--repetitions', '0'],
                          ['--networks', 'no-such-network'], ['--build', folder]]:
                ended = call('--out', f'{folder}/out', *flags)
                self.assertNotEqual(ended.returncode, 0, flags)
                self.assertNotIn('Traceback', ended.stderr)
                self.assertNotEqual(ended.stderr, '')


counted.main()
