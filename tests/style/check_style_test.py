#!/usr/bin/env python3
"""The checks of the tree find what they are there to find."""

import pathlib
import tempfile
import unittest

import check_style
import counted


class CheckStyleTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.root = pathlib.Path(self.folder.name)

    def tearDown(self):
        self.folder.cleanup()

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def problems(self, check):
        return list(check(self.root, check_style.repository_files(self.root)))

    def include_problems(self, name, *included):
        for target in included:
            if target not in (name,) and not (self.root / target).exists():
                self.write(target, '')
        self.write(name, ''.join(f'#include "{target}"\n' for target in included))
        return self.problems(check_style.check_includes)

    def test_downward_includes_pass(self):
        self.assertEqual(self.include_problems('mpc/a.cc', 'mpc/a.h', 'core/b.h'), [])
        self.assertEqual(self.include_problems('sim/s.cc', 'dealer/d.h', 'parties/p.h'), [])

    def test_upward_and_sideways_includes_fail(self):
        for name, target in [('core/a.cc', 'mpc/b.h'), ('mpc/a.cc', 'models/b.h'),
                             ('dealer/a.cc', 'parties/b.h'), ('parties/a.cc', 'dealer/b.h'),
                             ('dealer/a.cc', 'models/b.h'), ('models/a.cc', 'analysis/b.h'),
                             ('analysis/a.cc', 'sim/b.h'), ('sim/a.cc', 'tests/b.h')]:
            with self.subTest(name=name, target=target):
                self.assertEqual(len(self.include_problems(name, target)), 1)
                (self.root / name).unlink()

    def test_a_folder_missing_from_the_table_may_include_nothing(self):
        self.assertEqual(len(self.include_problems('novel/a.cc', 'core/b.h')), 1)

    def test_mpc_includes_no_channel(self):
        self.assertEqual(len(self.include_problems('mpc/a.cc', 'core/channel.h')), 1)
        self.write('mpc/a.cc', '#include <zmq.hpp>\n')
        self.assertEqual(len(self.problems(check_style.check_includes)), 1)

    def test_includes_are_paths_from_the_root_to_files(self):
        self.write('mpc/a.cc', '#include "b.h"\n#include "../core/b.h"\n#include <core/b.h>\n'
                   '#include "core/absent.h"\n#include "absl/status/status.h"\n#include <map>\n')
        self.assertEqual(len(self.problems(check_style.check_includes)), 4)

    def test_guards_follow_the_path(self):
        self.write('mpc/protocols/top_bits.h', '#ifndef LUTRA_MPC_PROTOCOLS_TOP_BITS_H_\n'
                   '#define LUTRA_MPC_PROTOCOLS_TOP_BITS_H_\n#endif\n')
        self.assertEqual(self.problems(check_style.check_guards), [])
        self.write('mpc/other.h', '#ifndef LUTRA_OTHER_H_\n#define LUTRA_OTHER_H_\n#endif\n')
        self.assertEqual(len(self.problems(check_style.check_guards)), 1)

    def test_leftovers_and_sizes(self):
        self.write('core/a.cc', '// ' + 'TO' + 'DO: more\n')
        self.write('quickstart', '# FIX' + 'ME\n')
        self.assertEqual(len(self.problems(check_style.check_leftovers)), 2)
        self.write('models/large.bin', 'x' * (check_style.LARGEST_FILE + 1))
        self.assertEqual(len(self.problems(check_style.check_sizes)), 1)

    def test_shell_scripts_parse_and_are_strict(self):
        self.write('sourced.sh', 'f() { echo a; }\n')
        self.write('good', '#!/usr/bin/env bash\nset -euo pipefail\n')
        (self.root / 'good').chmod(0o755)
        self.assertEqual(self.problems(check_style.check_scripts), [])
        self.write('good', '#!/usr/bin/env bash\nset -euo pipefail\nif true; then\n')
        self.write('lax.sh', '#!/bin/bash\necho\n')  # neither executable nor strict
        self.assertEqual(len(self.problems(check_style.check_scripts)), 3)

    def test_build_outputs_are_not_the_repository(self):
        for name in ['build/a.h', 'build-asan/a.h', 'runs/a.h', 'core/a.h']:
            self.write(name, '')
        self.assertEqual(check_style.repository_files(self.root), ['core/a.h'])


if __name__ == '__main__':
    counted.main()
