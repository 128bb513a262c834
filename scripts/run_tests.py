#!/usr/bin/env python3
"""Runs the tests of a build directory and sums their test cases.

Meson says which tests there are. A test of the suite `counted` is a script whose last line is
`N passed, N failed`; every other one is a Catch2 program, whose XML report is counted. A test that
crashes, hangs, exits with an error that no test case explains, or reports nothing, counts as one
failed test case more.
"""

import argparse
import concurrent.futures
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

TAIL_LINES = 40
SUMMARY = re.compile(r'^(\d+) passed, (\d+) failed$')
FOREIGN_FRAME = re.compile(r'^ *#\d+ .*(/catch2/catch\.hpp:|/include/c\+\+/)')
# A sanitizer's report says most in its first lines, other output in its last.
SANITIZER_REPORT = re.compile(r'(ERROR|WARNING): \w+Sanitizer|: runtime error: ')


@dataclasses.dataclass
class Test:
    name: str
    command: list
    directory: str
    environment: dict
    counted: bool = False
    alone: bool = False


@dataclasses.dataclass
class Result:
    test: Test
    passed: int = 0
    failed: int = 0
    seconds: float = 0.0
    details: list = dataclasses.field(default_factory=list)


def read_tests(build):
    """The tests that Meson knows in the build directory."""
    text = subprocess.run(['meson', 'introspect', '--tests', str(build)],
                          check=True, stdout=subprocess.PIPE, text=True).stdout
    return [
        Test(name=entry['name'], command=entry['cmd'], directory=entry['workdir'] or str(build),
             environment=entry['env'], alone=not entry['is_parallel'],
             counted=any(suite.split(':')[-1] == 'counted' for suite in entry['suite']))
        for entry in json.loads(text)
    ]


def catch_specification(suite, pattern):
    """The test cases to run, in Catch2's language: a comma means or, juxtaposition means and.

    The tag comes first, since a name takes in everything that follows it.
    """
    tags = {'fast': ['~[slow]'], 'slow': ['[slow]'], 'all': ['~[slow]', '[slow]']}[suite]
    names = pattern.split(',') if pattern else ['']
    names = [name if not name or name[0] in '[~*"' or '*' in name else f'*{name}*'
             for name in names]
    return ','.join(tag + name for tag in tags for name in names)


class Runner:
    def __init__(self, root, build, suite, pattern, timeout):
        self.root = pathlib.Path(root)
        self.build = pathlib.Path(build)
        self.specification = catch_specification(suite, pattern)
        self.timeout = timeout
        self.reports = self.build / 'test-reports'
        self.processes = set()
        self.stopped = False

    def run(self, test):
        """Runs one test to its end or its time-out, and counts."""
        self.reports.mkdir(parents=True, exist_ok=True)
        stem = re.sub(r'[^\w.-]', '_', test.name)
        log, report = self.reports / f'{stem}.log', self.reports / f'{stem}.xml'
        report.unlink(missing_ok=True)
        command = list(test.command)
        if not test.counted:
            command += [self.specification, '-r', 'xml', '-o', str(report)]
        result = Result(test)
        start = time.monotonic()
        status = self.execute(command, test, log)
        result.seconds = time.monotonic() - start
        output = log.read_text(errors='replace')
        running = None
        if test.counted:
            complete = count_summary(output, result)
        else:
            complete, running = self.count_report(report, result)
        self.judge(result, status, complete, running, output)
        return result

    def execute(self, command, test, log):
        """The exit status, None after a time-out. The test's descendants end with it."""
        with open(log, 'wb') as sink, writer_of(sink) as output:
            try:
                process = subprocess.Popen(
                    command, cwd=test.directory, env={**os.environ, **test.environment},
                    stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                    start_new_session=True)
            except OSError as error:
                sink.write(f'{error}\n'.encode())
                return 127
            self.processes.add(process)
            try:
                return process.wait(0 if self.stopped else self.timeout)
            except subprocess.TimeoutExpired:
                # Catch2 answers the first signal by naming the test case, if it still can.
                signal_group(process, signal.SIGTERM)
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    pass
                return None
            finally:
                signal_group(process, signal.SIGKILL)
                process.wait()
                self.processes.discard(process)

    def stop(self):
        self.stopped = True
        for process in list(self.processes):
            signal_group(process, signal.SIGKILL)

    def count_report(self, report, result):
        """Counts a Catch2 report, cut off or not: whether it is whole, and the unfinished case."""
        running, totals = None, None
        for kind, element in read_events(report):
            if element.tag == 'TestCase':
                if kind == 'start':
                    running = element
                    continue
                running = None
                overall = element.find('OverallResult')
                if overall is not None and overall.get('success') == 'true':
                    result.passed += 1
                else:
                    result.failed += 1
                    result.details.append(self.describe_case(element))
            elif element.tag == 'OverallResultsCases' and kind == 'end':
                totals = element  # one for each group, then the one of the program
        if totals is not None:
            result.passed = int(totals.get('successes')) + int(totals.get('expectedFailures', 0))
            result.failed = int(totals.get('failures'))
        return totals is not None, running

    def describe_case(self, case):
        lines = [f'"{case.get("name")}" ({self.place(case)})']
        for element in case.iter():
            if element.tag == 'Expression' and element.get('success') == 'false':
                lines.append(f'  {self.place(element)}: {element.get("type", "")}'
                             f'( {text_of(element.find("Original"))} )')
                lines.append(f'    with expansion: {text_of(element.find("Expanded"))}')
            elif element.tag in ('Exception', 'Failure', 'FatalErrorCondition'):
                lines.append(f'  {self.place(element)}: {element.tag}: {text_of(element)}')
            elif element.tag in ('Info', 'Warning'):
                lines.append(f'  {element.tag.lower()}: {text_of(element)}')
        return '\n'.join(lines)

    def place(self, element):
        """file:line as seen from the root; the compiler saw the file from the build directory."""
        path = os.path.normpath(self.build / element.get('filename', ''))
        return f'{os.path.relpath(path, self.root)}:{element.get("line")}'

    def judge(self, result, status, complete, running, output):
        """Adds what no test case explains."""
        problem = None
        if status is None:
            problem = f'did not end within {self.timeout:g} s'
        elif status < 0:
            problem = f'was ended by {signal_name(-status)}'
        elif not complete:
            problem = f'ended with status {status} before it could report'
        elif status != 0 and result.failed == 0:
            problem = f'passed its test cases, but ended with status {status}'
        elif status == 0 and result.failed and result.test.counted:
            problem = 'reported failures, but ended with status 0'
        if problem is None:
            if result.failed and result.test.counted:
                result.details.append(excerpt(output))
            return
        if running is not None:
            problem += f'\n  in "{running.get("name")}" ({self.place(running)})'
        # A signal that Catch2 caught is in its report as a failed test case already.
        if not (complete and result.failed):
            result.failed += 1
        result.details.append(problem + '\n' + excerpt(output))


@contextlib.contextmanager
def writer_of(sink):
    """A pipe into a file. What a test writes to it is not subject to the test's own limits: a test
    case may limit the size of files, and a sanitizer's report on it must not be lost to that.
    """
    copier = subprocess.Popen(['cat'], stdin=subprocess.PIPE, stdout=sink, start_new_session=True)
    try:
        with copier.stdin:
            yield copier.stdin
    finally:
        try:
            copier.wait(5)
        except subprocess.TimeoutExpired:  # a descendant that left the test's process group
            copier.kill()
            copier.wait()


def read_events(report):
    """The elements of an XML file as they start and end, as far as the file can be read."""
    parser = ElementTree.XMLPullParser(['start', 'end'])
    try:
        parser.feed(report.read_bytes())
        yield from parser.read_events()
    except (OSError, ElementTree.ParseError):
        pass


def count_summary(output, result):
    """Counts a script's last line; False where it is not a summary."""
    lines = output.rstrip().splitlines()
    match = SUMMARY.match(lines[-1]) if lines else None
    if match:
        result.passed, result.failed = int(match[1]), int(match[2])
    return match is not None


def excerpt(output):
    # Of a report the second stack may tell more than the depths of the first.
    lines = [line for line in output.rstrip().splitlines() if not FOREIGN_FRAME.search(line)]
    first = next((i for i, line in enumerate(lines) if SANITIZER_REPORT.search(line)), None)
    lines = lines[-TAIL_LINES:] if first is None else lines[first:first + TAIL_LINES]
    return '\n'.join(f'  | {line}' for line in lines) if lines else '  (no output)'


def text_of(element):
    return '' if element is None else ' '.join((element.text or '').split())


def signal_name(number):
    try:
        return signal.Signals(number).name
    except ValueError:
        return f'signal {number}'


def signal_group(process, number):
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def print_result(result):
    counts = f'{result.passed} passed, {result.failed} failed'
    print(f'{result.test.name:<20} {counts:<24} {result.seconds:8.1f} s', flush=True)
    for detail in result.details:
        print('FAILED ' + result.test.name + ': ' + detail, flush=True)


def run_all(runner, tests, workers):
    """Runs the tests, at most `workers` at once; those that want to be alone come last."""
    results = []
    for group, width in (([test for test in tests if not test.alone], workers),
                         ([test for test in tests if test.alone], 1)):
        with concurrent.futures.ThreadPoolExecutor(width) as pool:
            futures = [pool.submit(runner.run, test) for test in group]
            try:
                for future in concurrent.futures.as_completed(futures):
                    results.append(future.result())
                    if results[-1].passed or results[-1].failed:
                        print_result(results[-1])
            except BaseException:
                for future in futures:
                    future.cancel()
                runner.stop()
                raise
    return results


def interrupt(number, frame):
    raise KeyboardInterrupt


def main():
    parser = argparse.ArgumentParser(description='Runs the tests of a build directory.')
    parser.add_argument('build')
    parser.add_argument('--suite', choices=['fast', 'slow', 'all'], default='fast')
    parser.add_argument('--filter', default='')
    parser.add_argument('--timeout', type=float, default=600)
    parser.add_argument('--programs-only', action='store_true')
    options = parser.parse_args()

    signal.signal(signal.SIGTERM, interrupt)
    sys.stdout.reconfigure(errors='replace')
    build = pathlib.Path(options.build).resolve()
    root = pathlib.Path(__file__).resolve().parent.parent
    tests = [
        test for test in read_tests(build)
        if not test.counted or (options.suite != 'slow' and not options.programs_only
                                and options.filter in test.name)
    ]
    runner = Runner(root, build, options.suite, options.filter, options.timeout)
    try:
        results = run_all(runner, tests, len(os.sched_getaffinity(0)))
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
        return 130
    passed = sum(result.passed for result in results)
    failed = sum(result.failed for result in results)
    print(f'{passed} passed, {failed} failed')
    return 1 if failed or not passed else 0


if __name__ == '__main__':
    sys.exit(main())
