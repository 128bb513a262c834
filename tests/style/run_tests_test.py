#!/usr/bin/env python3
"""scripts/run_tests.py counts what passes, and never passes what crashes, hangs or says nothing."""

import pathlib
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / 'scripts'))

import counted  # noqa: E402
import run_tests  # noqa: E402

PASSED = ('<TestCase name="one" filename="../core/a.cc" line="3">'
          '<OverallResult success="true"/></TestCase>')
FAILED = ('<TestCase name="two" filename="../core/a.cc" line="5">'
          '<Expression success="false" type="CHECK" filename="../core/a.cc" line="7">'
          '<Original>a == b</Original><Expanded>1 == 2</Expanded></Expression>'
          '<OverallResult success="false"/></TestCase>')
UNFINISHED = '<TestCase name="three" filename="../core/a.cc" line="9"><Section name="s">'


def totals(successes, failures):
    cases = (f'<OverallResultsCases successes="{successes}" failures="{failures}"'
             ' expectedFailures="0"/>')
    return f'{cases}</Group>{cases}</Catch>'


class RunTestsTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.build = pathlib.Path(self.folder.name) / 'build'
        self.build.mkdir()

    def tearDown(self):
        self.folder.cleanup()

    def run_script(self, script, is_counted=False, timeout=60):
        test = run_tests.Test('stand-in', [sys.executable, '-c', script], str(self.build), {},
                              counted=is_counted)
        runner = run_tests.Runner(self.build.parent, self.build, 'fast', '', timeout)
        return runner.run(test)

    def run_program(self, report, end='', **options):
        """A stand-in for a Catch2 program: writes a report, then does what `end` says."""
        report = '<?xml version="1.0"?><Catch name="t"><Group name="t">' + report
        return self.run_script(
            f'import os, sys, time\n'
            f'with open(sys.argv[sys.argv.index("-o") + 1], "w") as f: f.write({report!r})\n{end}',
            **options)

    def expect(self, result, passed, failed, *mentions):
        self.assertEqual((result.passed, result.failed), (passed, failed), result.details)
        for mention in mentions:
            self.assertIn(mention, '\n'.join(result.details))

    def test_counts_cases(self):
        self.expect(self.run_program(PASSED + totals(1, 0)), 1, 0)
        self.expect(self.run_program(PASSED + FAILED + totals(1, 1), 'sys.exit(1)'), 1, 1,
                    '"two" (core/a.cc:5)', 'core/a.cc:7: CHECK( a == b )', '1 == 2')

    def test_no_matching_case_is_neither(self):
        self.expect(self.run_program(totals(0, 0)), 0, 0)

    def test_crash_names_the_case(self):
        self.expect(self.run_program(PASSED + UNFINISHED, 'os.kill(os.getpid(), 11)'), 1, 1,
                    'SIGSEGV', '"three" (core/a.cc:9)')

    def test_crash_that_was_reported_counts_once(self):
        self.expect(self.run_program(PASSED + FAILED + totals(1, 1), 'os.kill(os.getpid(), 6)'),
                    1, 1, 'SIGABRT')

    def test_error_status_without_a_failed_case_fails(self):
        self.expect(
            self.run_program(PASSED + totals(1, 0),
                             'print("x\\nERROR: LeakSanitizer: leaks\\n" + "frame\\n" * 99)\n'
                             'sys.exit(23)'), 1, 1, 'status 23', 'LeakSanitizer')

    def test_a_report_tells_more_than_the_frames_of_the_standard_library(self):
        frame = '    #5 ~vector /usr/include/c++/12/bits/stl_vector.h:733:7 (test+0x1)\\n'
        self.expect(
            self.run_program(PASSED + UNFINISHED,
                             'print("WARNING: ThreadSanitizer: data race")\n'
                             f'print("{frame}" * 60 + "  Previous read", flush=True)\n'
                             'os._exit(66)'), 1, 1, 'data race', 'Previous read')

    def test_a_limit_on_the_size_of_files_takes_no_output(self):
        self.expect(
            self.run_program(PASSED + UNFINISHED,
                             'import resource, signal\n'
                             'print("x" * 5000, flush=True)\n'
                             'signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n'
                             'resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n'
                             'print("WARNING: ThreadSanitizer: data race", flush=True)\n'
                             'os._exit(66)'), 1, 1, 'status 66', 'data race')

    def test_what_outlives_a_test_does_not_hold_it_up(self):
        start = time.monotonic()
        self.expect(self.run_program(PASSED + totals(1, 0),
                                     'if os.fork() == 0: os.setsid(); time.sleep(50)'), 1, 0)
        self.assertLess(time.monotonic() - start, 40)

    def test_hang_fails_and_leaves_nothing_behind(self):
        start = time.monotonic()
        result = self.run_program(PASSED + UNFINISHED,
                                  'if os.fork() == 0: print("child", os.getpid(), flush=True)\n'
                                  'time.sleep(600)', timeout=1)
        self.expect(result, 1, 1, 'did not end within 1 s', '"three"')
        self.assertLess(time.monotonic() - start, 60)
        log = (self.build / 'test-reports' / 'stand-in.log').read_text()
        child = pathlib.Path('/proc') / log.split()[1]
        deadline = time.monotonic() + 30
        while child.exists() and time.monotonic() < deadline:
            if ') Z ' in (child / 'stat').read_text():
                break
            time.sleep(0.05)
        else:
            self.assertFalse(child.exists())

    def test_no_report_fails(self):
        self.expect(self.run_script('print("hello")'), 0, 1, 'before it could report', 'hello')
        self.expect(self.run_program(PASSED), 1, 1, 'before it could report')

    def test_an_old_report_does_not_count(self):
        self.expect(self.run_program(PASSED + totals(1, 0)), 1, 0)
        self.expect(self.run_script('pass'), 0, 1)

    def test_a_program_that_cannot_start_fails(self):
        test = run_tests.Test('absent', ['/nonexistent'], str(self.build), {})
        runner = run_tests.Runner(self.build.parent, self.build, 'fast', '', 60)
        self.expect(runner.run(test), 0, 1, 'No such file')

    def test_counted_scripts(self):
        self.expect(self.run_script('print("3 passed, 0 failed")', is_counted=True), 3, 0)
        self.expect(self.run_script('print("why\\n3 passed, 1 failed"); exit(1)', is_counted=True),
                    3, 1, 'why')
        self.expect(self.run_script('print("3 passed, 0 failed"); exit(1)', is_counted=True), 3, 1)
        self.expect(self.run_script('print("done")', is_counted=True), 0, 1)
        self.expect(self.run_script('', is_counted=True), 0, 1)

    def test_specification(self):
        self.assertEqual(run_tests.catch_specification('fast', ''), '~[slow]')
        self.assertEqual(run_tests.catch_specification('fast', 'a b'), '~[slow]*a b*')
        self.assertEqual(run_tests.catch_specification('slow', '[ci]'), '[slow][ci]')
        self.assertEqual(run_tests.catch_specification('all', 'x*,y'),
                         '~[slow]x*,~[slow]*y*,[slow]x*,[slow]*y*')


if __name__ == '__main__':
    counted.main()
