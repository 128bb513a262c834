"""Runs the unittest cases of a script and ends with the line that ./run-tests counts."""

import sys
import unittest


def main():
    result = unittest.main(module='__main__', exit=False, argv=sys.argv[:1]).result
    failed = len({id(test) for test, _ in result.failures + result.errors})
    sys.stderr.flush()
    print(f'{result.testsRun - failed} passed, {failed} failed')
    sys.exit(1 if failed else 0)
