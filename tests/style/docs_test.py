#!/usr/bin/env python3
"""The documentation names what is there: links, files, flags, phases of CI, pictures.

What only C++ knows (protocols, headers of tables, fields, tensors) is in
tests/analysis/documentation_test.cc. The argument is the build directory.
"""

import html
import pathlib
import re
import subprocess
import sys
import unittest
import xml.etree.ElementTree

import check_style
import counted

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / 'build'

LINK = re.compile(r'\]\(([^)\s]+)\)')
FOLDERS = [*check_style.LAYERS, 'examples', 'docs', 'scripts', '.ci']
# A path from the root, as prose and code name it. What lies under build/ or runs/ is not one.
PATH = re.compile(r'(?<![\w./-])(?:' + '|'.join(map(re.escape, FOLDERS)) + r')/[\w./-]*')
FLAG = re.compile(r'(?<![\w-])--[a-z][a-z-]*')
# Where somebody's machine shows.
ELSEWHERE = re.compile(r'\.\./shared|(?<![\w.])/(?:work|tmp|home|root)\b')

HELP = [
    [BUILD / 'lutra-sim'],
    [BUILD / 'lutra-analyze'],
    [BUILD / 'lutra-analyze', 'cost'],
    [BUILD / 'lutra-analyze', 'graph'],
    [BUILD / 'lutra-analyze', 'trace'],
    [BUILD / 'lutra-analyze', 'compare'],
    [BUILD / 'lutra-analyze', 'report'],
    [BUILD / 'lutra-analyze', 'replay'],
    [BUILD / 'lutra-analyze', 'calibrate'],
    [BUILD / 'lutra-launch'],
    [BUILD / 'lutra-experiment'],
    *([BUILD / 'lutra-experiment', command]
      for command in ('run', 'check', 'render', 'list', 'point')),
    [BUILD / 'lutra-keygen'],
    [BUILD / 'lutra-dealer'],
    [BUILD / 'lutra-party'],
    [BUILD / 'lutra-client'],
    *([BUILD / 'lutra-client', command]
      for command in ('compile', 'share-model', 'infer', 'status', 'gather')),
    [ROOT / 'quickstart'],
    [ROOT / 'run-tests'],
    [ROOT / '.ci/run'],
]


def pages():
    return [ROOT / 'README.md', *sorted((ROOT / 'docs').glob('*.md')),
            *sorted((ROOT / 'models').glob('**/README.md'))]


def text_of(page):
    return page.read_text(encoding='utf-8')


def help_of(command):
    return subprocess.run([*map(str, command), '--help'], check=True, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout


def links_in(text):
    return [link.split('#')[0] for link in LINK.findall(text)
            if not re.match(r'[a-z]+:|#', link)]


def paths_in(text):
    return sorted({path.rstrip('.') for path in PATH.findall(text)})


def labels_in(dot):
    """The lines of all labels of a Graphviz file."""
    labels = re.findall(r'label="((?:[^"\\]|\\.)*)"', dot)
    return [line.strip() for label in labels for line in label.split(r'\n') if line.strip()]


class DocsTest(unittest.TestCase):
    def expect_none(self, problems):
        self.assertFalse(problems, '\n' + '\n'.join(problems))

    def test_there_are_pages(self):
        self.assertGreaterEqual(len(pages()), 5)
        for page in pages():
            self.assertTrue(text_of(page).startswith('# '), page)

    def test_links_lead_to_files(self):
        self.expect_none([f'{page.relative_to(ROOT)}: {link}' for page in pages()
                          for link in links_in(text_of(page))
                          if not (page.parent / link).exists()])

    def test_named_files_and_folders_exist(self):
        self.expect_none([f'{page.relative_to(ROOT)}: {path}' for page in pages()
                          for path in paths_in(text_of(page)) if not (ROOT / path).exists()])

    def test_the_folder_maps_are_complete(self):
        names = check_style.repository_files(ROOT)
        folders = {name.split('/')[0] for name in names if '/' in name and name[0] != '.'}
        for page in ['README.md', 'docs/architecture.md']:
            text = text_of(ROOT / page)
            expected = folders if page == 'README.md' else folders & set(check_style.LAYERS)
            self.expect_none([f'{page}: {folder}/' for folder in sorted(expected - {'scripts'})
                              if f'[{folder}/]' not in text and f'| `{folder}/` |' not in text])

    def test_flags_of_the_programs_and_of_the_pages_are_the_same(self):
        offered = {flag for command in HELP for flag in FLAG.findall(help_of(command))}
        self.assertGreater(len(offered), 15)
        named = {flag for page in pages() for flag in FLAG.findall(text_of(page))}
        self.expect_none([f'not documented: {flag}' for flag in sorted(offered - named)])
        self.expect_none([f'documented, not there: {flag}' for flag in sorted(named - offered)])

    def test_phases_of_ci_are_documented(self):
        phases = re.search(r'default: (.*)', help_of([ROOT / '.ci/run'])).group(1).split()
        text = text_of(ROOT / 'docs/testing.md')
        self.assertGreater(len(phases), 3)
        self.expect_none([phase for phase in phases if f'`{phase}`' not in text])

    def test_pages_name_no_machine(self):
        self.expect_none([f'{page.relative_to(ROOT)}: {match.group()}' for page in pages()
                          for match in ELSEWHERE.finditer(text_of(page))])

    def test_pictures_show_what_their_source_says(self):
        sources = sorted((ROOT / 'docs').glob('*.dot'))
        self.assertTrue(sources)
        for source in sources:
            picture = text_of(source.with_suffix('.svg'))
            shown = {html.unescape(text).replace('\xa0', ' ').strip()
                     for text in re.findall(r'<text[^>]*>([^<]*)</text>', picture)}
            self.expect_none([f'{source.name}: {label}' for label in labels_in(text_of(source))
                              if label not in shown])

    def test_the_gallery_shows_its_pictures(self):
        page = text_of(ROOT / 'docs/gallery.md')
        shown = {link for link in links_in(page) if link.startswith('gallery/')}
        pictures = {f'gallery/{file.name}' for file in (ROOT / 'docs/gallery').iterdir()}
        self.assertGreater(len(pictures), 5)
        linked = {f'gallery/{link}' for name in pictures if name.endswith('.svg')
                  for link in re.findall(r'xlink:href="([^"]*)"', text_of(ROOT / 'docs' / name))}
        self.expect_none([f'not shown: {name}' for name in sorted(pictures - shown - linked)])
        self.expect_none([f'not there: {name}' for name in sorted((shown | linked) - pictures)])
        sizes = {name: (ROOT / 'docs' / name).stat().st_size for name in pictures}
        self.expect_none([f'{name}: {size} bytes' for name, size in sorted(sizes.items())
                          if size > 300 << 10])
        self.assertLess(sum(sizes.values()), 2 << 20)
        for name in sorted(pictures):
            if name.endswith('.svg'):
                xml.etree.ElementTree.parse(ROOT / 'docs' / name)

    def test_the_test_sees_what_is_wrong(self):
        self.assertEqual(links_in('[a](docs/b.md#c) [d](https://e.f) ![g](h.svg) [i](#j)'),
                         ['docs/b.md', 'h.svg'])
        self.assertEqual(paths_in('`mpc/absent.h`, build/mpc/x, a core/. And (sim/y.cc).'),
                         ['core/', 'mpc/absent.h', 'sim/y.cc'])
        self.assertEqual(FLAG.findall('--a-b `--c`, x--d ---'), ['--a-b', '--c'])
        self.assertTrue(ELSEWHERE.search('in ../' + 'shared/x'))
        self.assertFalse(ELSEWHERE.search('the tmp/ of core/work'))
        self.assertEqual(labels_in(r'a [label="one\ntwo"]'), ['one', 'two'])


if __name__ == '__main__':
    counted.main()
