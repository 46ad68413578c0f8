"""A search on real workers with tasks that pretend: nothing is lost, nothing is done twice."""

import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest
from optuna.trial import TrialState

from spikewright.flow.explore import cluster
from spikewright.flow.explore.cluster import connect
from spikewright.flow.explore.front import Cost
from spikewright.flow.explore.job import Search
from spikewright.flow.explore.outcome import (
    directions,
    failed_points,
    found_points,
    refused_points,
)
from spikewright.flow.explore.run import search
from spikewright.flow.explore.space import Space
from spikewright.flow.explore.study import open_study
from spikewright.golden.errors import ConfigurationError, ToolError
from spikewright.golden.spec import Mode
from support.exploring import (
    BREAKING,
    DYING,
    DYING_ONCE,
    FULL,
    FULL_ONCE,
    PRETENDED,
    SLOW,
    payload_in,
    told,
)

SPACE = Space(
    weight_bits=(3, 4),
    levels=(1, 3),
    modes=(Mode.STEPWISE, Mode.COLLAPSED),
    steps=(2,),
    lanes=(8, 32),
    boards=("icebreaker", "ulx3s-85f"),
)
ONE = Space(
    weight_bits=(3,),
    levels=(1,),
    modes=(Mode.SETTLE,),
    steps=(),
    lanes=(8,),
    boards=("icebreaker",),
)
COSTS = (Cost.TIME, Cost.AREA)


@pytest.fixture(scope="module")
def client():
    with connect(None, workers=2) as found:
        yield found


def begin(folder, space):
    return open_study(folder, {"space": space.as_dict()}, directions(COSTS), seed=0)


class Run:
    """A folder, and searches in it one after the other."""

    def __init__(self, folder, client):
        self.folder = folder
        self.client = client

    def search(self, n, *, space=SPACE, tasks=PRETENDED, name="t", **options):
        folder = self.folder / "out"
        notes = []
        with begin(folder, space) as study:
            job = Search(
                study=study,
                space=space,
                costs=COSTS,
                payload=payload_in(self.folder),
                tasks=tasks,
                networks=folder / "networks",
                name=f"{self.folder.name}-{name}",
                **options,
            )
            search(job, self.client, n, lambda share, note: notes.append((share, note)))
            self.found = found_points(study, space)
            self.refused = refused_points(study, space)
            self.failed = failed_points(study, space)
            self.states = Counter(trial.state for trial in study.trials)
        assert [share for share, _ in notes] == sorted(share for share, _ in notes)
        assert notes[-1][0] == 1.0
        return self


@pytest.fixture
def run(tmp_path, client):
    return Run(tmp_path, client)


def test_all_are_tried_where_there_are_no_more(run):
    run.search(1000)
    points = set(SPACE.points())
    tried = {each.point for each in run.found} | {point for point, _ in run.refused}
    assert tried == points and len(points) == 32
    assert {point.lanes for point, _ in run.refused} == {32}
    assert {why for _, why in run.refused} == {"the plan must fit icebreaker, found too many lanes"}
    for each in run.found:
        point = each.point
        assert each.accuracy == pytest.approx(
            0.8 + point.weight_bits / 100 + point.levels / 1000 + (point.steps or 9) / 10000
        )
    kinds = Counter(line.split()[0] for line in told(run.folder))
    # What points have in common is done once.
    assert kinds == {"quantise": 4, "measure": 8, "cost": 32}


def test_it_goes_on_where_it_ended(run):
    run.search(5)
    first = {each.point for each in run.found} | {point for point, _ in run.refused}
    assert len(first) == 5
    before = told(run.folder)
    run.search(5, name="again")
    assert told(run.folder) == before
    run.search(9, name="on")
    after = {each.point for each in run.found} | {point for point, _ in run.refused}
    assert first < after and len(after) == 9
    done = [line for line in told(run.folder) if line.startswith("cost")]
    assert len(done) == len(set(done)) == 9
    # Networks that were made are read from their files.
    made = [line for line in told(run.folder) if line.startswith("quantise")]
    assert len(made) == len(set(made))


def test_a_worker_that_is_killed_loses_nothing(run):
    run.search(6, tasks=DYING_ONCE)
    lines = told(run.folder)
    (died,) = (line.removeprefix("die ") for line in lines if line.startswith("die"))
    assert f"cost {died}" in lines
    tried = [str(each.point) for each in run.found] + [str(point) for point, _ in run.refused]
    assert died in tried and len(set(tried)) == len(tried) == 6


def test_a_point_that_kills_every_worker_is_given_up(run):
    run.search(1, space=ONE, tasks=DYING)
    ((_, why),) = run.failed
    assert why.startswith("its workers died, tcp://")
    assert len(told(run.folder)) >= 4


def test_what_a_machine_failed_at_is_tried_again(run):
    """A full disk is neither an answer nor the scheduler's fault, and nobody is stopped by it."""
    run.search(3, tasks=FULL)
    assert len(run.failed) == 3 and not run.found and not run.refused
    assert {why for _, why in run.failed} == {"a worker: [Errno 28] No space left on device"}
    before = {point for point, _ in run.failed}
    run.search(3, name="again")
    assert {each.point for each in run.found} | {point for point, _ in run.refused} == before
    assert run.failed == ()


def test_what_failed_once_fails_no_points_to_come(run):
    """Those that share a measurement with a point that was under way, only."""
    space = replace(ONE, lanes=(8, 16, 32, 64), boards=("ulx3s-85f",))
    run.search(4, space=space, tasks=FULL_ONCE)
    assert {why for _, why in run.failed} == {"no room"}
    assert len(run.found) >= 2 and len(run.found) + len(run.failed) == 4


def test_a_trial_that_takes_too_long_is_cancelled_and_its_worker_is_free_again(run):
    begun = time.monotonic()
    run.search(1, space=ONE, tasks=SLOW, trial_timeout_s=0.5)
    assert [why for _, why in run.failed] == ["it took more than 0.5 s"]
    run.search(1, space=ONE, name="again")
    assert len(run.found) == 1 and run.failed == ()
    assert time.monotonic() - begun < 100  # the task would have taken 120 s


def test_a_trial_is_not_late_while_it_waits_for_a_worker(run, client):
    """Of a cluster that others use too."""
    others = [client.submit(time.sleep, 4, key=f"other-{k}", pure=False) for k in range(2)]
    run.search(1, space=ONE, trial_timeout_s=1.0)
    assert run.failed == () and len(run.found) == 1
    del others


def test_workers_leave_an_interrupt_to_who_started_them():
    """A terminal sends it to them too."""
    with connect(None, workers=1) as client:
        blocked = client.run(signal.pthread_sigmask, signal.SIG_BLOCK, ())
    assert len(blocked) == 1 and all(signal.SIGINT in each for each in blocked.values())
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_a_worker_that_is_lost_twice_within_seconds_comes_back():
    """At 15 s too, when Dask looks after the first loss: the worker is away for a second time."""
    with connect(None, workers=1) as client:
        begun = time.monotonic()
        client.restart_workers(list(client.nthreads()), timeout=30)
        time.sleep(max(0, begun + 13 - time.monotonic()))
        busy = client.submit(time.sleep, 120)  # its worker is killed 4 s after it is asked to end
        while busy.key not in client.processing()[next(iter(client.nthreads()))]:
            time.sleep(0.05)
        client.cancel(busy, force=True)
        client.restart_workers(list(client.nthreads()), timeout=30)
        assert len(client.nthreads()) == 1


def test_a_mistake_of_our_own_is_no_answer(run):
    with pytest.raises(ZeroDivisionError, match="planted"):
        run.search(1, space=ONE, tasks=BREAKING)


def test_a_run_that_is_killed_is_gone_on_with(run):
    """What it was at is tried first, and is found."""
    folder = run.folder / "out"
    with begin(folder, SPACE) as study:
        trial = study.ask()
        point = SPACE.suggest(trial)
    run.search(1)
    tried = [each.point for each in run.found] + [each for each, _ in run.refused]
    assert tried == [point]
    assert run.states[TrialState.RUNNING] == 0


@pytest.fixture(scope="module")
def scheduler():
    """A scheduler without workers, in a process of its own."""
    code = (
        "import asyncio\n"
        "from distributed import Scheduler\n"
        "async def main():\n"
        "    async with Scheduler(host='127.0.0.1', port=0, dashboard=False) as s:\n"
        "        print(s.address, flush=True)\n"
        "        await s.finished()\n"
        "asyncio.run(main())\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    yield process.stdout.readline().strip()
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_scheduler_that_does_not_answer(unused):
    address = f"tcp://127.0.0.1:{unused}"
    with pytest.raises(
        ToolError,
        match=rf"^{address}: the scheduler must answer within 0\.5 s, found .*; start one with: "
        r"dask scheduler",
    ):
        with connect(address, timeout_s=0.5):
            pass


@pytest.fixture
def unused():
    """A port on which nobody listens."""
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def test_a_scheduler_without_workers(scheduler):
    with pytest.raises(ToolError, match=r"must have a worker within 0\.5 s, found none; start one"):
        with connect(scheduler, timeout_s=0.5):
            pass


def test_this_machine_only_when_asked_for(unused):
    address = f"tcp://127.0.0.1:{unused}"
    with pytest.warns(UserWarning, match=r"the scheduler must answer .*: this machine is taken$"):
        with connect(address, timeout_s=0.5, workers=1, local_fallback=True) as client:
            assert client.submit(sum, (1, 2)).result() == 3


def test_a_scheduler_that_is_there(client):
    with connect(client.scheduler.address) as other:
        assert other.submit(sum, (1, 2)).result() == 3


@pytest.mark.parametrize("address", ["here", "http://a:1", "tcp://a", "tcp://:8786", "tcp://a:x"])
def test_no_address(address):
    with pytest.raises(ConfigurationError, match=r"^--scheduler: the scheduler must be tcp://HOST"):
        with connect(address):
            pass


def test_workers_that_lack_the_package(elsewhere):
    _, address = elsewhere(without=True)
    with pytest.raises(
        ToolError,
        match=r"the scheduler and every worker must have spikewright installed, found 2 that do "
        r"not: tcp://.*, the scheduler$",
    ):
        with connect(address, timeout_s=5):
            pass


def test_workers_that_hang():
    hang = threading.Event()
    client = SimpleNamespace(run=lambda _: hang.wait())
    message = r"^tcp://a:1: the scheduler and every worker must answer within 0\.1 s, found one"
    with pytest.raises(ToolError, match=message):
        cluster._check_package(client, "tcp://a:1", 0.1)
    hang.set()


def test_a_scheduler_that_goes_away(tmp_path, elsewhere):
    """Nobody waits for ever, and what was found is kept."""
    process, address = elsewhere()
    with begin(tmp_path / "out", ONE) as study, connect(address, timeout_s=5) as client:
        job = Search(
            study=study,
            space=ONE,
            costs=COSTS,
            payload=payload_in(tmp_path),
            tasks=SLOW,
            networks=tmp_path / "networks",
            name="gone",
            patience_s=3,
        )

        def tell(share, note=""):
            if any(line.startswith("linger") for line in told(tmp_path)):
                process.kill()

        with pytest.raises(ToolError, match=r"study goes on$"):
            search(job, client, 1, tell)
