#!/usr/bin/env python3
"""The microbenchmarks run, and report what they promise: rates, and shares of a calibrated peak.

One small benchmark of each kind, for a moment each; no figure is compared with another. The argument
is the build directory.
"""

import json
import math
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'style'))

import counted  # noqa: E402

MICRO = pathlib.Path(sys.argv[1]) / 'experiments/micro/micro'
# A benchmark of each kind, and the counters that it has.
KINDS = {
    'peak/.*/lanes16': ['MAC/s'],
    'peak/aes_128_ctr': ['bytes/s'],
    'matrix/.*/Z_2.16/pooler': ['MAC/s', 'of_peak'],
    'matrix/.*/Z_2.16/scores': ['MAC/s', 'of_peak'],
    'prg/expand/lane16/bits:16': ['bytes/s', 'of_peak'],
    'prg/gather/row:16': ['elements/s', 'of_peak'],
    'packing/pack/lane8/bits:5/first:0': ['elements/s', 'bytes/s', 'of_peak'],
    'packing/unpack/lane16/bits:12/first:0': ['elements/s', 'bytes/s', 'of_peak'],
    'lookup/deal/k:4/l:16': ['tables/s', 'bytes/s', 'of_peak'],
    'lookup/online_one_party/k:4/l:16': ['lookups/s', 'ns/lookup', 'of_peak'],
    'reshare/online_one_party': ['elements/s', 'bytes/s', 'of_peak'],
    'memory/first_touch': ['bytes/s'],
    'softmax/all_parties/threads:1': ['items/s', 'deal_s', 'prepare_s'],
    'layer_norm/all_parties/threads:2': ['items/s', 'deal_s', 'prepare_s'],
    'recording/lookups': ['events'],
}


def micro(*arguments):
    return subprocess.run([str(MICRO), *arguments], check=True, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout


class MicroTest(unittest.TestCase):
    def test_every_kind_of_benchmark_reports_its_counters(self):
        for pattern, counters in KINDS.items():
            report = json.loads(micro(f'--benchmark_filter=^{pattern}', '--benchmark_format=json',
                                      '--benchmark_min_time=0.001'))
            self.assertTrue(report['context']['simd'])
            self.assertTrue(report['benchmarks'], pattern)
            for benchmark in report['benchmarks']:
                for counter in counters:
                    value = benchmark.get(counter, 0)
                    self.assertTrue(math.isfinite(value) and value > 0,
                                    f'{benchmark["name"]}: {counter}: {value}')

    def test_every_instruction_set_has_every_shape(self):
        names = micro('--benchmark_list_tests').split()
        targets = {name.split('/')[1] for name in names if name.startswith('matrix/')}
        self.assertGreaterEqual(len(targets), 1)
        for target in targets:
            for shape in ['projection', 'ffn_in', 'ffn_out', 'scores', 'context', 'pooler']:
                self.assertTrue(any(name.startswith(f'matrix/{target}/Z_2^16/{shape}/')
                                    for name in names), f'{target} {shape}')
        self.assertIn('encoder_layer/all_parties/threads:1/manual_time', names)


if __name__ == '__main__':
    counted.main()
