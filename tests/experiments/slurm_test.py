#!/usr/bin/env python3
"""`lutra-experiment run --engine slurm` on a Slurm of one node, which the test starts for itself.

Skipped, with a message, where Slurm and munge are not installed, or where this is not root.
The argument is the build directory.
"""

import csv
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'style'))
import counted

BUILD = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path('build')
PROGRAMS = ['munged', 'slurmctld', 'slurmd', 'sbatch', 'squeue', 'scancel']

EXPERIMENT = '''
format = "lutra-experiment/1"
title = "On a cluster"
model = "synthetic:hidden=16,heads=2,vocabulary=9"
measure = "simulation"
repetitions = REPETITIONS
seed = 3
[flags]
threads = 1
[[axes]]
name = "sequence"
values = [4, 8]
'''


def path_of(program):
    return shutil.which(program, path=os.environ.get('PATH', '') + ':/usr/sbin:/sbin')


def why_not():
    missing = [program for program in PROGRAMS if path_of(program) is None]
    if missing:
        return f'{", ".join(missing)} not installed (Debian: slurm-wlm munge)'
    return None if os.geteuid() == 0 else 'a Slurm of one\'s own needs root'


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(('127.0.0.1', 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Cluster:
    """munged, slurmctld and slurmd in a directory of their own."""

    def __init__(self, folder):
        self.folder = folder
        self.processes = []
        self.environment = dict(os.environ, SLURM_CONF=str(folder / 'slurm.conf'))
        self.environment['PATH'] += ':/usr/sbin:/sbin'
        host = socket.gethostname().split('.')[0]
        control, node = free_ports(2)
        (folder / 'munge.key').write_bytes(os.urandom(128))
        (folder / 'munge.key').chmod(0o400)
        (folder / 'slurm.conf').write_text(f'''ClusterName=lutra-test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={control}
SlurmdPort={node}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
ReturnToService=2
MinJobAge=30
SchedulerParameters=batch_sched_delay=0,sched_interval=1
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=2000 State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
''')
        for name in ('state', 'spool'):
            (folder / name).mkdir()
        self.start('munged', '--foreground', '--force', f'--key-file={folder}/munge.key',
                   f'--socket={folder}/munge.socket', f'--pid-file={folder}/munged.pid',
                   f'--seed-file={folder}/munge.seed', '--num-threads=2')
        self.wait(lambda: (folder / 'munge.socket').exists(), 'munged')
        self.start('slurmctld', '-D', '-f', str(folder / 'slurm.conf'))
        self.start('slurmd', '-D', '-f', str(folder / 'slurm.conf'))
        self.wait(lambda: 'idle' in self.call('sinfo', '--noheader', '--format=%T'), 'slurm')

    def start(self, program, *arguments):
        with open(self.folder / f'{program}.log', 'wb') as log:
            self.processes.append(subprocess.Popen(
                [path_of(program), *arguments], env=self.environment, cwd=self.folder,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def call(self, *arguments):
        return subprocess.run(arguments, env=self.environment, text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout

    def wait(self, condition, what):
        until = time.monotonic() + 60
        while not condition():
            if time.monotonic() > until:
                logs = '\n'.join(path.read_text(errors='replace')[-2000:]
                                 for path in sorted(self.folder.glob('*.log')))
                raise RuntimeError(f'{what} does not come up:\n{logs}')
            time.sleep(0.1)

    def stop(self):
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class SlurmTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        reason = why_not()
        if reason:
            print(f'slurm_test: skipped: {reason}')
            raise unittest.SkipTest(reason)
        cls.temporary = tempfile.TemporaryDirectory(prefix='lutra-slurm-')
        cls.folder = pathlib.Path(cls.temporary.name)
        (cls.folder / 'cluster').mkdir()
        cls.cluster = Cluster(cls.folder / 'cluster')

    @classmethod
    def tearDownClass(cls):
        cls.cluster.stop()
        cls.temporary.cleanup()

    def command(self, name, repetitions=2):
        place = self.folder / name
        place.mkdir(exist_ok=True)
        (place / 'experiment.toml').write_text(
            EXPERIMENT.replace('REPETITIONS', str(repetitions)))
        return [BUILD / 'lutra-experiment', 'run', place, '--out', place / 'out',
                '--engine', 'slurm', '--jobs', '2'], place / 'out'

    def run_one(self, command):
        return subprocess.run([*map(str, command)], env=self.cluster.environment, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False, timeout=120)

    def test_the_array_is_run_and_collected(self):
        command, out = self.command('whole')
        ended = self.run_one(command)
        self.assertEqual((ended.returncode, ended.stderr), (0, ''), ended.stdout)
        with open(out / 'results.csv', newline='') as file:
            rows = list(csv.DictReader(file))
        self.assertEqual([(row['sequence'], row['repetition']) for row in rows],
                         [('4', '0'), ('8', '0'), ('4', '1'), ('8', '1')])
        self.assertTrue(all(row['agrees'] == 'TRUE' for row in rows))
        self.assertIn('--array=0-3%2', (out / 'slurm' / 'job-0.sh').read_text())
        # Nothing is left to submit.
        stamp = (out / 'slurm' / 'job-0.sh').stat().st_mtime_ns
        self.assertEqual(self.run_one(command).returncode, 0)
        self.assertEqual((out / 'slurm' / 'job-0.sh').stat().st_mtime_ns, stamp)

    def test_a_task_that_fails_is_told_of(self):
        command, out = self.command('failing')
        self.assertEqual(self.run_one(command).returncode, 0)
        one = sorted((out / 'points').glob('*.json'))[0]
        one.unlink()
        # A folder where its trace should go.
        one.with_suffix('.trace').unlink()
        one.with_suffix('.trace').mkdir()
        ended = self.run_one(command)
        self.assertEqual(ended.returncode, 1)
        self.assertIn('1 of 1 runs failed; the others are kept', ended.stderr)
        self.assertIn('.trace', ended.stderr)

    def test_an_interrupt_cancels_and_keeps(self):
        command, out = self.command('interrupted', repetitions=200)
        process = subprocess.Popen([*map(str, command)], env=self.cluster.environment,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        self.cluster.wait(lambda: list(out.glob('points/*.json')), 'the first result')
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130)
        self.assertIn('what is finished is kept', errors)
        self.cluster.wait(lambda: not self.cluster.call('squeue', '--noheader').strip(), 'cancel')
        kept = {path.name for path in out.glob('points/*.json')}
        self.assertTrue(0 < len(kept) < 400)
        command, _ = self.command('interrupted', repetitions=1)
        self.assertEqual(self.run_one(command).returncode, 0)
        self.assertTrue(kept <= {path.name for path in out.glob('points/*.json')})


if __name__ == '__main__':
    counted.main()
