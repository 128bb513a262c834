#!/usr/bin/env python3
"""The shipped experiments: each is read, priced, and compared with its closed form; one that runs
nothing is run whole; each has a README that says question, method, how to run and finding."""

import csv
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / 'tests/style'))
import counted  # noqa: E402  pylint: disable=wrong-import-position

PROGRAM = pathlib.Path(sys.argv[1]) / 'lutra-experiment'
FOLDERS = sorted(path.parent for path in (ROOT / 'experiments').glob('*/experiment.toml'))
NAMED = ['accuracy', 'linear-forms', 'lookup-width', 'network-sweep', 'offline-online-split',
         'published-comparison', 'sequence-scaling', 'threads', 'transport']


def call(*arguments):
    return subprocess.run([PROGRAM, *arguments], check=False, text=True, cwd=ROOT,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


class ShippedTest(unittest.TestCase):
    def test_all_are_there_and_listed(self):
        names = [folder.name for folder in FOLDERS]
        for name in NAMED:
            self.assertIn(name, names)
        listed = call('list', 'experiments')
        self.assertEqual(listed.returncode, 0, listed.stderr)
        for name in names:
            self.assertIn(f'\n{name} ', listed.stdout)

    def test_every_closed_form_is_as_expected(self):
        checked = call('check', *FOLDERS)
        self.assertEqual(checked.returncode, 0, checked.stderr)
        for folder in FOLDERS:
            found = re.search(rf'^{folder.name}: (\d+) points?, ([\d,]+) figures as expected$',
                              checked.stdout, re.M)
            self.assertIsNotNone(found, folder.name)
            with open(folder / 'expected.csv', encoding='utf-8') as file:
                self.assertEqual(len(list(csv.DictReader(file))), int(found.group(1)))

    def test_another_figure_is_found(self):
        source = ROOT / 'experiments/sequence-scaling'
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder) / 'sequence-scaling'
            copy.mkdir()
            (copy / 'experiment.toml').write_text((source / 'experiment.toml').read_text())
            expected = (source / 'expected.csv').read_text().replace('bert-base,32,',
                                                                     'bert-base,33,', 1)
            (copy / 'expected.csv').write_text(expected)
            ended = call('check', copy)
            self.assertEqual(ended.returncode, 1)
            self.assertIn('sequence=33', ended.stderr)

    def test_every_one_is_ready_to_run(self):
        for folder in FOLDERS:
            with tempfile.TemporaryDirectory() as out:
                ended = call('run', folder, '--dry-run', '--out', pathlib.Path(out) / 'out')
                self.assertEqual(ended.returncode, 0, f'{folder.name}: {ended.stderr}')
                self.assertIn(f'experiment  {folder.name}', ended.stdout)
                self.assertEqual(list(pathlib.Path(out).iterdir()), [])

    def test_one_runs_to_its_figures(self):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / 'out'
            ended = call('run', 'experiments/sequence-scaling', '--out', out)
            self.assertEqual(ended.returncode, 0, ended.stderr)
            with open(out / 'results.csv', encoding='utf-8') as file:
                rows = list(csv.DictReader(file))
            with open(ROOT / 'experiments/sequence-scaling/expected.csv', encoding='utf-8') as file:
                expected = list(csv.DictReader(file))
            self.assertEqual([row['deal_bytes'] for row in rows],
                             [row['deal_bytes'] for row in expected])
            self.assertTrue((out / 'tables/by-sequence.md').exists())

    def test_every_one_has_a_page(self):
        for folder in FOLDERS:
            page = (folder / 'README.md').read_text(encoding='utf-8')
            for part in ['**Question.**', '**Method.**', '**Finding.**',
                         f'build/lutra-experiment run experiments/{folder.name}']:
                self.assertIn(part, page, folder.name)


counted.main()
