#!/usr/bin/env python3
"""scripts/setup.sh asks apt only for what is missing, and says in one line what went wrong."""

import pathlib
import subprocess
import tempfile
import unittest

import counted

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class SetupTest(unittest.TestCase):
    """Runs install_packages with stand-ins for dpkg-query, apt-get, sudo and sleep."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.bin = pathlib.Path(self.folder.name)
        self.calls = self.bin / 'calls'
        self.calls.write_text('')
        # "here" is installed, "removed" has left its configuration behind.
        self.stand_in('dpkg-query', 'case "$3" in here) echo installed ;; removed) echo '
                      'config-files ;; *) exit 1 ;; esac')
        self.stand_in('apt-get', f'echo "$@" >> {self.calls}')
        self.stand_in('sudo', 'exit 1')
        self.stand_in('sleep', '')

    def tearDown(self):
        self.folder.cleanup()

    def stand_in(self, name, body):
        path = self.bin / name
        path.write_text(f'#!/bin/bash\n{body}\n')
        path.chmod(0o755)

    def install(self, *packages, root_user=True):
        text = (ROOT / 'scripts/setup.sh').read_text()
        # Bash does not let a script set EUID.
        text = text.replace('EUID', '0' if root_user else '1000')
        script = f'set -euo pipefail\nroot=/\n{text}\ninstall_packages {" ".join(packages)}'
        return subprocess.run(['bash', '-c', script, './quickstart'], text=True, check=False,
                              stdin=subprocess.DEVNULL, capture_output=True,
                              env={'PATH': f'{self.bin}:/usr/bin:/bin'})

    def expect_error(self, result, *mentions):
        self.assertEqual(result.returncode, 1)
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        for mention in mentions:
            self.assertIn(mention, result.stderr)

    def test_nothing_missing_calls_nothing(self):
        result = self.install('here', 'here', root_user=False)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, '', ''))
        self.assertEqual(self.calls.read_text(), '')

    def test_only_the_missing_are_installed(self):
        result = self.install('here', 'absent', 'removed')
        self.assertEqual(result.returncode, 0, result.stderr)
        update, install = self.calls.read_text().splitlines()
        self.assertIn('update', update)
        self.assertTrue(install.endswith('--no-install-recommends absent removed'), install)
        self.assertIn('DPkg::Lock::Timeout=300', install)

    def test_neither_root_nor_sudo(self):
        self.expect_error(self.install('absent', root_user=False), 'sudo', 'absent')
        self.assertEqual(self.calls.read_text(), '')

    def test_sudo_is_used(self):
        self.stand_in('sudo', '[[ "$1" == -n ]] && shift; exec "$@"')
        self.assertEqual(self.install('absent', root_user=False).returncode, 0)
        self.assertIn('absent', self.calls.read_text())

    def test_failing_apt_names_the_package(self):
        self.stand_in('apt-get', 'echo Reading; echo "E: Unable to locate package absent"; '
                      'echo more; exit 100')
        self.expect_error(self.install('here', 'absent'), 'Unable to locate package absent')

    def test_failing_update_is_no_failure_if_the_install_succeeds(self):
        self.stand_in('apt-get', f'echo "$@" >> {self.calls}; [[ "$*" != *update* ]]')
        self.assertEqual(self.install('absent').returncode, 0)

    def test_locked_lists_are_tried_again(self):
        self.stand_in('apt-get', f'echo "$@" >> {self.calls}; [[ "$*" != *update* ]] || '
                      '{ echo "E: Could not get lock /var/lib/apt/lists/lock"; exit 100; }')
        self.assertEqual(self.install('absent').returncode, 0)
        self.assertEqual(self.calls.read_text().count('update'), 3)


if __name__ == '__main__':
    counted.main()
