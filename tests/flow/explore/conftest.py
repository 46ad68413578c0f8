"""A Dask cluster of somebody else."""

import subprocess
import sys

import pytest

CLUSTER = """
import sys
from distributed import LocalCluster
sys.path.insert(0, {tests!r})
class Without:
    def find_spec(self, name, path=None, target=None):
        if {without} and name.partition(".")[0] == "spikewright":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Without())
if __name__ == "__main__":
    with LocalCluster(
        n_workers=1, processes=False, protocol="tcp", dashboard_address="127.0.0.1:0"
    ) as cluster:
        print(cluster.scheduler_address, flush=True)
        input()
"""


@pytest.fixture
def elsewhere(request):
    """A scheduler with a worker, in a process of its own; with the package or without."""
    tests = str(request.config.rootpath / "tests")
    started = []

    def start(*, without=False):
        code = CLUSTER.format(tests=tests, without=without)
        command = [sys.executable, "-c", code]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, stdout=pipe, stdin=pipe, text=True))
        return started[-1], started[-1].stdout.readline().strip()

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stdin.close()
