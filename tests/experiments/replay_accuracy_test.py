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
    def test_a_row_for_each_phase_model_and_network(self):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / 'out'
            tiny = 'bert-tiny:layers=1,sequence=4'
            ended = call('--models', tiny, '--networks', 'lan-1g', '--offline-models', tiny,
                         '--offline-networks', 'lan-1g', '--repetitions', '1', '--threads', '2',
                         '--out', out)
            self.assertEqual(ended.returncode, 0, ended.stderr)
            self.assertEqual(ended.stdout, (out / 'table.md').read_text())
            rows = list(csv.DictReader((out / 'table.csv').read_text().splitlines()))
            self.assertEqual([(row['phase'], row['network']) for row in rows],
                             [('online', 'lan-1g'), ('offline', 'lan-1g')])
            for row in rows:
                phase = row['phase']
                measured = float(row['measured_seconds'])
                predicted = float(row['predicted_seconds'])
                self.assertAlmostEqual(float(row['error']), predicted / measured - 1, places=9)
                run, = (out / 'runs').glob(f'{phase}-*-lan-1g-1')
                told = json.loads((run / 'run.json').read_text())
                self.assertEqual(told['shaped'], {
                    'network': 'lan-1g', 'links': 'parties' if phase == 'online' else 'all'})
                session, = told['sessions']
                self.assertEqual(session[phase]['seconds'], measured)
                # Neither can be faster than the latency of its rounds.
                least = 0.0005 * (session['online']['rounds'] if phase == 'online' else 1)
                self.assertGreater(measured, least)
                self.assertGreater(predicted, least)
                # What the replay was given: the messages of this machine.
                file, = out.glob(f'messages-{phase}-*.toml')
                again = subprocess.run([BUILD / 'lutra-analyze', 'replay', run, '--network',
                                        'lan-1g', '--messages', file, '--json'], check=True,
                                       stdout=subprocess.PIPE)
                network, = json.loads(again.stdout)['networks']
                self.assertEqual(network[phase]['seconds'], predicted)

    def test_what_fails_says_so(self):
        with tempfile.TemporaryDirectory() as folder:
            for flags in [['--models', 'no-such-model'], ['--repetitions', '0'],
                          ['--networks', 'no-such-network'], ['--offline-networks', 'no-such'],
                          ['--models', '', '--offline-models', ''], ['--build', folder]]:
                ended = call('--out', f'{folder}/out', *flags)
                self.assertNotEqual(ended.returncode, 0, flags)
                self.assertNotIn('Traceback', ended.stderr)
                self.assertNotEqual(ended.stderr, '')


counted.main()
