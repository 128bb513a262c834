#!/usr/bin/env python3
"""The report of an experiment as a reader meets it: one that is made here, small, by
lutra-experiment, with names that are not harmless.

The argument is the build directory. Where a program that reads a report is not installed, what it
would check is left out, and said.
"""

import csv
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / 'tests/style'))

import browser  # noqa: E402
import counted  # noqa: E402
import report_test  # noqa: E402

BUILD = report_test.BUILD
HOSTILE = '[x] *y* <z> & 5% $_^~#|`" Łódź --'

EXPERIMENT = f'''
format = "lutra-experiment/1"
title = '{HOSTILE}'
measure = "simulation"
repetitions = 3
seed = 5
networks = ["lan-1g", "wan-100m"]
breakdown = ["protocol"]

[flags]
bits = 8

[[axes]]
name = "work"
cases = [
  {{ name = '{HOSTILE}', protocol = "lookup", elements = 64, index_bits = 4 }},
  {{ name = "* product", protocol = "element_product", elements = 64, bits = 16 }},
]

[[tables]]
name = "by_work"
title = "By work"
rows = ["work"]
columns = ["offline_bytes", "online_bytes", "rounds", "online_seconds", "framing_bytes", "agrees"]

[[tables]]
name = "by-protocol"
title = "By protocol"
rows = ["work", "protocol"]
columns = ["deal_bytes", "online_bytes"]

[[figures]]
name = "online_bytes"
title = "Online bytes"
style = "bars"
x = "work"
y = "online_bytes"

[[figures]]
name = "deal-bytes"
title = "Dealt"
style = "bars"
x = "work"
y = "deal_bytes"

[[comparisons]]
name = "beside"
title = "Beside others"
published = "others.toml"
rows = ["work"]
only = {{ work = "* product" }}
columns = ["online_seconds", "online_bytes"]
ratio = "online_seconds"
figure = "online_bytes"
'''

PUBLISHED = f'''
format = "lutra-published/1"
title = "Some work"

[[figures]]
system = "[Fast] *"
detail = "2 parties"
kind = "measured"
source = 'a "source" with _ and %'
conditions = "1 core"
online_seconds = 2.5
online_bytes = [1000000, 3000000]

[[figures]]
system = "Other"
detail = "3 parties"
kind = "measured"
source = "a paper"
conditions = "1 core"
online_bytes = 500
'''


def rows_of(path):
    with open(path, newline='', encoding='utf-8') as file:
        return list(csv.DictReader(file))


def call(*command):
    return subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)


class ExperimentReportTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix='lutra-experiment-report-')
        scratch = pathlib.Path(cls.scratch.name)
        cls.experiment, cls.folder = scratch / 'small', scratch / 'results'
        cls.experiment.mkdir()
        text = EXPERIMENT
        if shutil.which('gnuplot') is None:
            print('gnuplot is not installed: the experiment has no figures')
            text = re.sub(r'\[\[figures\]\].*?(?=\n\[\[comparisons)', '', text, flags=re.DOTALL)
            text = text.replace('\nfigure = "online_bytes"', '')
        (cls.experiment / 'experiment.toml').write_text(text, encoding='utf-8')
        (cls.experiment / 'others.toml').write_text(PUBLISHED, encoding='utf-8')
        report_test.run(BUILD / 'lutra-experiment', 'run', cls.experiment, '--out', cls.folder,
                        '--quiet')
        report_test.run(BUILD / 'lutra-analyze', 'report', cls.folder)

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def text(self, name):
        return (self.folder / name).read_text(encoding='utf-8')

    def cells(self, table):
        """The cells of a table of the page: its rows, each a list of (sorted by, shown)."""
        page = self.text('report.html')
        body = re.search(rf'id="{table}".*?<tbody>(.*?)</tbody>', page, re.DOTALL).group(1)
        return [[(value, re.sub(r'&nbsp;', ' ', shown)) for value, shown in
                 re.findall(r'<td(?: class="[^"]*")?(?: data-v="([^"]*)")?[^>]*>([^<]*)</td>', row)]
                for row in body.strip().splitlines()]

    # --------------------------------------------------------------------------- what it says

    def test_the_first_screen_says_what_ran(self):
        markdown = self.text('report.md')
        with open(self.folder / 'environment.json', encoding='utf-8') as file:
            facts = json.load(file)
        first = markdown.split('\n## ')[0]
        self.assertIn('| Runs finished | 6 of 6 | all of them |', first)
        self.assertIn('| Agreement | yes | 2 of 2 points checked equal', first)
        self.assertRegex(first, r'\| Online \| [\d.]+ k?B( to [\d.]+ k?B)? \| bytes; rounds: ')
        self.assertIn('by repetition: 5, 6, 7', first)
        self.assertIn(facts['versions']['lutra'], first)
        self.assertIn(facts['machine']['processor'], re.sub(r'\\(.)', r'\1', first))
        self.assertIn('lan-1g, wan-100m', first)
        programs = re.search(r'id="programs".*', self.text('report.html'), re.DOTALL).group(0)
        for point in facts['points']:
            self.assertIn(point['program'][:16], programs)
        names = [shown for (_, shown), *_ in self.cells('predicted')]
        self.assertEqual(names, ['lan-1g', 'wan-100m'])

    def test_tables_have_the_medians_in_full_and_their_sources(self):
        page = self.text('report.html')
        table = re.search(r'id="table-by_work".*?</table>', page, re.DOTALL).group(0)
        heads = re.findall(r'<th[^>]*>([a-z ]+)(?:<sup[^>]*>([a-z])</sup>)?</th>', table)
        # Framing is not known of a simulation: NA throughout, and not shown.
        self.assertEqual(heads, [('work', ''), ('offline bytes', 'f'), ('online bytes', 'f'),
                                 ('rounds', 'f'), ('online seconds', 'm'), ('agrees', 'r')])
        summary = {row['point']: row for row in rows_of(self.folder / 'summary.csv')}
        found = self.cells('table-by_work')
        self.assertEqual(len(found), 2)
        for row, expected in zip(found, summary.values()):
            self.assertEqual(row[1][0], expected['offline_bytes'])
            self.assertEqual(row[2][0], expected['online_bytes'])
            self.assertAlmostEqual(float(row[4][0]), float(expected['online_seconds']), 8)
            self.assertEqual(row[5][1], 'yes')
        for letter, source in [('f', 'closed form'), ('m', 'measured'), ('n', 'replayed')]:
            self.assertIn(f'<dt>{letter} {source}</dt>', page)
        self.assertNotIn('run.json', page)

    def test_all_points_are_there(self):
        self.assertEqual(len(self.cells('points-cost')), 2)
        self.assertEqual(len(self.cells('points-runs')), 2)
        self.assertEqual(len(self.cells('points-predicted')), 4)
        groups = {(row['work'], row['group']) for row in rows_of(self.folder / 'breakdown.csv')}
        self.assertEqual(len(self.cells('points-protocol')), len(groups))
        summary = rows_of(self.folder / 'summary.csv')
        for shown, expected in zip(self.cells('points-predicted'), summary):
            self.assertEqual(shown[1][1], expected['network'])
            self.assertAlmostEqual(float(shown[3][0]),
                                   float(expected['predicted_online_seconds']), 8)

    def test_comparisons_keep_their_kinds(self):
        rows = self.cells('comparison-beside')
        self.assertEqual([row[0][1] for row in rows],
                         ['Lutra, this experiment', 'measured', 'measured'])
        self.assertEqual(float(rows[2][3][0]), 500)
        self.assertEqual(float(rows[1][3][0]), 1e6)
        self.assertIn('1.00 MB to 3.00 MB', rows[1][3][1])
        self.assertIn('a &quot;source&quot; with _ and %', self.text('report.html'))
        self.assertIn('a paper', self.text('report.md'))
        self.assertIn('a paper', self.text('tables.tex'))

    def test_figures_are_there_once_and_linked(self):
        if shutil.which('gnuplot') is None:
            self.skipTest('gnuplot is not installed')
        self.assertEqual(self.text('report.html').count('<img '), 3)
        links = re.findall(r'!\[[^\]]*\]\(([^)]*)\)', self.text('report.md'))
        self.assertEqual(sorted(links), ['comparisons/beside.svg', 'figures/deal-bytes.svg',
                                         'figures/online_bytes.svg'])
        for link in links:
            self.assertTrue((self.folder / link).is_file(), link)
        out = pathlib.Path(self.scratch.name) / 'pages'
        report_test.run(BUILD / 'lutra-analyze', 'report', self.folder, '--out', out)
        for link in links:
            for ending in ['.svg', '.pdf']:
                name = pathlib.Path(link).with_suffix(ending)
                self.assertEqual((out / name).read_bytes(), (self.folder / name).read_bytes())
        # Once more over itself, but not over what has something else in it.
        report_test.run(BUILD / 'lutra-analyze', 'report', self.folder, '--out', out)
        (out / 'figures/notes.txt').write_text('mine', encoding='utf-8')
        again = call(BUILD / 'lutra-analyze', 'report', self.folder, '--out', out)
        self.assertEqual(again.returncode, 1)
        self.assertIn('figures/notes.txt', again.stderr)
        self.assertTrue((out / 'figures/notes.txt').exists())

    # ------------------------------------------------------------------------------ the output

    def test_its_own_directory_may_be_named(self):
        named = call(BUILD / 'lutra-analyze', 'report', self.folder, '--out', self.folder / '.')
        self.assertEqual(named.returncode, 0, named.stderr)
        self.assertIn('report.html', named.stdout)

    def test_a_network_is_not_silently_left_out(self):
        wrong = call(BUILD / 'lutra-analyze', 'report', self.folder, '--network', 'lan-1g')
        self.assertEqual(wrong.returncode, 1)
        self.assertIn('--network: expected a run', wrong.stderr)

    def test_an_experiment_that_has_not_run_is_said_to_be_one(self):
        wrong = call(BUILD / 'lutra-analyze', 'report', self.experiment)
        self.assertEqual(wrong.returncode, 1)
        self.assertIn('expected results.csv beside experiment.toml, found none', wrong.stderr)

    def test_later_results_take_the_report_away(self):
        again = pathlib.Path(self.scratch.name) / 'again'
        shutil.copytree(self.folder, again)
        (again / 'notes.txt').write_text('kept', encoding='utf-8')
        report_test.run(BUILD / 'lutra-experiment', 'run', self.experiment, '--out', again, '--quiet')
        left = {path.name for path in again.iterdir()}
        self.assertIn('notes.txt', left)
        self.assertFalse(left & {'report.html', 'report.md', 'tables.tex'})

    # ------------------------------------------------------------------ what others read

    def test_every_row_of_a_latex_table_has_all_its_cells(self):
        for table in [*(self.folder / 'tables').glob('*.tex'),
                      *(self.folder / 'comparisons').glob('*.tex')]:
            rows = [line for line in table.read_text(encoding='utf-8').splitlines()
                    if line.endswith('\\\\')]
            self.assertGreater(len(rows), 2)
            self.assertEqual({len(re.findall(r'(?<!\\)&', row)) for row in rows},
                             {len(re.findall(r'(?<!\\)&', rows[0]))}, table.name)

    def test_latex_takes_hostile_names(self):
        self.assertTrue(self.text('tables.tex').isascii())
        tables = [self.folder / 'tables.tex', *sorted((self.folder / 'tables').glob('*.tex')),
                  *sorted((self.folder / 'comparisons').glob('*.tex'))]
        self.assertEqual(len(tables), 4)
        for table in tables:
            with self.subTest(table=table.name):
                report_test.ReportTest.compile_latex(self, table)

    def test_in_the_browser_nothing_is_cut_and_nothing_goes_wrong(self):
        if not browser.available():
            self.skipTest(f'{browser.BROWSER} and {browser.DRIVER} are not installed')
        with browser.Browser() as shown:
            for width, media in [(400, 'screen'), (1400, 'screen'), (688, 'print')]:
                for scheme in report_test.SCHEMES if media == 'screen' else ['light']:
                    with self.subTest(width=width, media=media, scheme=scheme):
                        shown.show(width, scheme=scheme, media=media)
                        shown.open(self.folder / 'report.html')
                        self.assertEqual(shown.run(report_test.GEOMETRY), [])
                        self.assertEqual(shown.run(report_test.CONTRAST), [])
            self.assertEqual(shown.log('browser'), [])
            shown.show(1400)
            shown.open(self.folder / 'report.html')
            shown.run(report_test.SORT, 'comparison-beside', 3)
            values = [float(value) for value in
                      shown.run(report_test.COLUMN, 'comparison-beside', 3)]
            self.assertEqual(values, sorted(values, reverse=True))


if __name__ == '__main__':
    counted.main()
