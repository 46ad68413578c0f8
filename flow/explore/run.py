"""Asks for points, has them tried, and tells how they did."""

import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distributed import Client, Future, KilledWorker, wait
from distributed.comm.core import CommClosedError
from optuna.study import Study, StudyDirection
from optuna.trial import Trial, TrialState

from spikewright.flow.files import atomic_files
from spikewright.flow.progress import Advance
from spikewright.golden.errors import ToolError

from .front import Cost, Found
from .space import Point, Space
from .study import FAILED, failures, point_of, restart
from .task import Failed, Payload, Refused, Tasks

__all__ = [
    "Search",
    "directions",
    "failed_points",
    "found_points",
    "refused_points",
    "search",
]

_POLL_SECONDS = 2.0
_RESTART_SECONDS = 30
_REPEATS = 20


@dataclass(kw_only=True, eq=False)
class Running:
    """A trial under way: ``parts`` of its tasks that others may share, when it was ``asked`` for;
    ``begun``, when a worker was first at one of its tasks, None while they wait for one.
    """

    trial: Trial
    point: Point
    parts: tuple[str, str]
    asked: float
    begun: float | None = None


@dataclass(kw_only=True, eq=False)
class Search:
    """A search under way.

    Parameters
    ----------
    study, space, costs : as they are. payload : what workers need. tasks : what they do.
    networks : folder of networks that are made already, which no worker has to make again.
    name : of this search's tasks, unlike that of any other on the same scheduler.
    patience_s : how long there may be no worker at all. trial_timeout_s : how long one trial may
        take from when a worker is at it; None is as long as it likes.
    """

    study: Study
    space: Space
    costs: Sequence[Cost]
    payload: Payload
    tasks: Tasks
    networks: Path
    name: str
    patience_s: float = 60.0
    trial_timeout_s: float | None = None
    made: dict[str, Future[Any]] = field(default_factory=dict)
    running: dict[Future[Any], Running] = field(default_factory=dict)


def search(job: Search, client: Client, n_trials: int, tell: Advance) -> None:
    """Try points until ``n_trials`` are known, those of earlier runs too, or there are no others.

    A point whose worker dies is tried again, on another. One of which a machine could say nothing,
    since it failed or took too long, counts as tried until the next run, which tries it again; so
    does what an earlier run was at when it ended.

    Raises
    ------
    ToolError
        If the scheduler is lost, or keeps no worker.
    """
    restart(job.study)
    size = sum(1 for _ in job.space.points())
    total = min(n_trials, size)
    known = _known(job)
    if total == size:
        _queue_all(job, known)
    seen_worker = time.monotonic()
    try:
        with _scheduler(job):
            job.made["payload"] = client.submit(
                _itself, job.payload, key=f"{job.name}-payload", pure=False
            )
        while True:
            tell(min(1.0, len(known) / total), _note(job, len(known), total))
            room = max(1, _threads(job, client))
            while len(known) + len(job.running) < total and len(job.running) < room:
                _start(job, client, known)
            if not job.running and len(known) >= total:
                return
            if _threads(job, client):
                seen_worker = time.monotonic()
            elif time.monotonic() - seen_worker > job.patience_s:
                raise ToolError(
                    f"the scheduler must have a worker again within {job.patience_s:g} s",
                    found="none",
                    where=job.name,
                    action="start workers and run the same command: the study goes on",
                )
            for future in _done(job, client):
                known.add(_finish(job, future))
            known |= _stop_late(job, client)
    finally:
        job.running.clear()
        job.made.clear()


@contextmanager
def _scheduler(job: Search) -> Iterator[None]:
    """What goes wrong in here is the scheduler's; errors of tasks and files are looked at apart."""
    try:
        yield
    except (CancelledError, asyncio.CancelledError, CommClosedError, OSError) as error:
        raise ToolError(
            "the scheduler must stay until the search ends",
            found=f"{type(error).__name__}: {error}",
            where=job.name,
            action="run the same command again: the study goes on",
        ) from error


def directions(costs: Sequence[Cost]) -> list[StudyDirection]:
    """Of the values of a trial: the accuracy, and each cost."""
    return [StudyDirection.MAXIMIZE, *(StudyDirection.MINIMIZE for _ in costs)]


def found_points(study: Study, space: Space) -> tuple[Found, ...]:
    """Every point that was tried and is possible, each once."""
    points: dict[Point, Found] = {}
    for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        point = point_of(space, trial)
        if point not in points:
            points[point] = Found(
                number=trial.number, point=point, figures=trial.user_attrs["figures"]
            )
    return tuple(points.values())


def refused_points(study: Study, space: Space) -> tuple[tuple[Point, str], ...]:
    """Every point that cannot be, and why."""
    trials = study.get_trials(deepcopy=False, states=(TrialState.FAIL,))
    refused = {
        point_of(space, trial): str(trial.user_attrs["refused"])
        for trial in trials
        if "refused" in trial.user_attrs
    }
    return tuple(refused.items())


def failed_points(study: Study, space: Space) -> tuple[tuple[Point, str], ...]:
    """Every point of which no machine could say anything yet, and why."""
    known = {each.point for each in found_points(study, space)}
    known |= {point for point, _ in refused_points(study, space)}
    failed = {point_of(space, trial): str(trial.user_attrs[FAILED]) for trial in failures(study)}
    return tuple((point, why) for point, why in failed.items() if point not in known)


def _known(job: Search) -> set[Point]:
    found = {each.point for each in found_points(job.study, job.space)}
    return found | {point for point, _ in refused_points(job.study, job.space)}


def _queue_all(job: Search, known: set[Point]) -> None:
    """Where all can be tried nothing is drawn."""
    waiting = job.study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
    queued = [trial.system_attrs.get("fixed_params") for trial in waiting]
    for point in job.space.points():
        params = dict(job.space.params(point))
        if point not in known and params not in queued:
            job.study.enqueue_trial(params)


def _start(job: Search, client: Client, known: set[Point]) -> None:
    trial, point = _ask(job, known)
    network = _network(job, client, trial, point)
    name = f"{_network_name(point)}-{point.mode}-{point.steps}"
    with _scheduler(job):
        if name not in job.made:
            job.made[name] = client.submit(
                job.tasks.measure,
                job.made["payload"],
                network,
                point.mode,
                point.steps,
                key=f"{job.name}-measure-{name}-{trial.number}",
            )
        priced = client.submit(
            job.tasks.cost,
            network,
            job.made[name],
            point,
            job.costs[0],
            key=f"{job.name}-cost-{trial.number}",
        )
    parts = (_network_name(point), name)
    job.running[priced] = Running(trial=trial, point=point, parts=parts, asked=time.monotonic())


def _ask(job: Search, known: set[Point]) -> tuple[Trial, Point]:
    """A point that is neither known nor under way: the sampler's, or else any."""
    taken = known | {each.point for each in job.running.values()}
    for _ in range(_REPEATS):
        trial = job.study.ask()
        point = job.space.suggest(trial)
        if point not in taken:
            return trial, point
        job.study.tell(trial, state=TrialState.FAIL)
    left = [point for point in job.space.points() if point not in taken]
    chosen = random.Random(len(job.study.get_trials(deepcopy=False))).choice(left)
    job.study.enqueue_trial(dict(job.space.params(chosen)))
    trial = job.study.ask()
    return trial, job.space.suggest(trial)


def _network(job: Search, client: Client, trial: Trial, point: Point) -> Future[Any]:
    """The network of a point, made once for all that share it."""
    name = _network_name(point)
    if name not in job.made:
        path = job.networks / f"{name}.safetensors"
        # What was cancelled is never asked for under the same key.
        key = f"{job.name}-network-{name}-{trial.number}"
        kept = path.read_bytes() if path.is_file() else None
        with _scheduler(job):
            job.made[name] = (
                client.submit(
                    job.tasks.quantise,
                    job.made["payload"],
                    point.weight_bits,
                    point.levels,
                    key=key,
                )
                if kept is None
                else client.submit(_itself, kept, key=key, pure=False)
            )
    return job.made[name]


def _network_name(point: Point) -> str:
    """Points of the same name have the same network."""
    return f"{point.weight_bits}-{point.levels}"


def _done(job: Search, client: Client) -> list[Future[Any]]:
    if not job.running:
        return []
    # Dask waits by the current client, which that of another's scheduler is not by itself.
    with _scheduler(job), client.as_current():
        try:
            return list(wait(list(job.running), _POLL_SECONDS, "FIRST_COMPLETED").done)
        except TimeoutError:
            return []


def _finish(job: Search, future: Future[Any]) -> Point:
    running = job.running.pop(future)
    trial, point = running.trial, running.point
    answer = _answer(job, future)
    if isinstance(answer, (Refused, Failed)):
        _give_up(job, trial, answer)
        _forget_failed(job, running.parts)
        return point
    path = job.networks / f"{_network_name(point)}.safetensors"
    if not path.is_file():
        with _scheduler(job):
            network = job.made[_network_name(point)].result()
        with atomic_files(job.networks) as scratch:
            (scratch / path.name).write_bytes(network)
    trial.set_user_attr("figures", answer)
    job.study.tell(trial, [answer["accuracy"], *(answer[cost.figure] for cost in job.costs)])
    return point


def _answer(job: Search, future: Future[Any]) -> Any:
    """What a task gave; an error that it ended with is its machine's, or our own mistake."""
    if future.status != "error":
        with _scheduler(job):
            return future.result()
    try:
        return future.result()
    except KilledWorker as error:
        return Failed(reason=f"its workers died, {error.last_worker.address} the last of them")
    except (OSError, MemoryError) as error:
        return Failed(reason=f"a worker: {str(error) or type(error).__name__}")


def _give_up(job: Search, trial: Trial, answer: Refused | Failed) -> None:
    trial.set_user_attr("refused" if isinstance(answer, Refused) else FAILED, answer.reason)
    job.study.tell(trial, state=TrialState.FAIL)


def _forget_failed(job: Search, parts: tuple[str, str]) -> None:
    """What a machine failed at is made again for points to come, maybe by another."""
    for name in parts:
        part = job.made.get(name)
        if part is not None and (part.status == "error" or part.type is Failed):
            del job.made[name]


def _stop_late(job: Search, client: Client) -> set[Point]:
    """Cancel trials that took too long, and those that wait for the same; which they are."""
    if job.trial_timeout_s is None:
        return set()
    _see_begun(job, client)
    latest = time.monotonic() - job.trial_timeout_s
    late = [
        future
        for future, each in job.running.items()
        if each.begun is not None and each.begun < latest
    ]
    if not late:
        return set()
    unfinished = {
        name
        for future in late
        for name in job.running[future].parts
        if name in job.made and not job.made[name].done()
    }
    late = [
        future
        for future, each in job.running.items()
        if future in late or unfinished & set(each.parts)
    ]
    stopped = [*late, *(job.made.pop(name) for name in sorted(unfinished))]
    reason = f"it took more than {job.trial_timeout_s:g} s"
    points = set()
    for each in map(job.running.pop, late):
        _give_up(job, each.trial, Failed(reason=reason))
        points.add(each.point)
    with _scheduler(job):
        keys = {future.key for future in stopped}
        busy = [worker for worker, own in client.processing().items() if keys & set(own)]
        client.cancel(stopped, force=True)
        # A thread cannot be stopped, its process can; on a cluster of others it ends by itself.
        if busy and client.cluster is not None:
            client.restart_workers(busy, timeout=_RESTART_SECONDS, raise_for_error=False)
    return points


def _see_begun(job: Search, client: Client) -> None:
    """When workers began, as their heartbeats say: a task may wait long on another's cluster."""

    # Inside, so that it is sent as it is.
    def under_way(prefix: str, dask_scheduler: Any) -> dict[str, float]:
        return {
            str(task.key): seconds
            for worker in dask_scheduler.workers.values()
            for task, seconds in worker.executing.items()
            if str(task.key).startswith(prefix)
        }

    with _scheduler(job):
        seconds = client.run_on_scheduler(under_way, job.name)
    now = time.monotonic()
    for future, each in job.running.items():
        parts = [job.made[name] for name in each.parts if name in job.made]
        spent = [seconds[key] for key in (part.key for part in (future, *parts)) if key in seconds]
        if spent and each.begun is None:
            each.begun = max(each.asked, now - max(spent))


def _itself(value: Any) -> Any:
    """Data as a task: a scheduler makes it again where the worker that held it died."""
    return value


def _threads(job: Search, client: Client) -> int:
    """Of all workers there are."""
    with _scheduler(job):
        threads: dict[str, int] = client.nthreads()
    return sum(threads.values())


def _note(job: Search, known: int, total: int) -> str:
    done = job.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    best = max((trial.values[0] for trial in done), default=0.0)
    return f"{known} of {total}, best {100 * best:.2f} %"
