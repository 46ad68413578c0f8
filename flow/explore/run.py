"""Asks for points, has them tried, and tells how they did."""

import time
from typing import Any

from distributed import Client, Future, KilledWorker, wait
from optuna.trial import Trial, TrialState

from spikewright.flow.files import atomic_files
from spikewright.flow.progress import Advance
from spikewright.golden.errors import ToolError

from .job import Search, itself, network_file, network_name, scheduler, start
from .outcome import found_points, refused_points
from .space import Point
from .study import FAILED, restart
from .task import Failed, Refused

__all__ = ["search"]

_POLL_SECONDS = 2.0
_RESTART_SECONDS = 30


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
        with scheduler(job):
            job.made["payload"] = client.submit(
                itself, job.payload, key=f"{job.name}-payload", pure=False
            )
        while True:
            tell(min(1.0, len(known) / total), _note(job, len(known), total))
            room = max(1, _threads(job, client))
            while len(known) + len(job.running) < total and len(job.running) < room:
                start(job, client, known)
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


def _done(job: Search, client: Client) -> list[Future[Any]]:
    if not job.running:
        return []
    # Dask waits by the current client, which that of another's scheduler is not by itself.
    with scheduler(job), client.as_current():
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
    path = network_file(job.networks, point)
    if not path.is_file():
        with scheduler(job):
            network = job.made[network_name(point)].result()
        with atomic_files(job.networks) as scratch:
            (scratch / path.name).write_bytes(network)
    trial.set_user_attr("figures", answer)
    job.study.tell(trial, [answer["accuracy"], *(answer[cost.figure] for cost in job.costs)])
    return point


def _answer(job: Search, future: Future[Any]) -> Any:
    """What a task gave; an error that it ended with is its machine's, or our own mistake."""
    if future.status != "error":
        with scheduler(job):
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
    with scheduler(job):
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

    with scheduler(job):
        seconds = client.run_on_scheduler(under_way, job.name)
    now = time.monotonic()
    for future, each in job.running.items():
        parts = [job.made[name] for name in each.parts if name in job.made]
        spent = [seconds[key] for key in (part.key for part in (future, *parts)) if key in seconds]
        if spent and each.begun is None:
            each.begun = max(each.asked, now - max(spent))


def _threads(job: Search, client: Client) -> int:
    """Of all workers there are."""
    with scheduler(job):
        threads: dict[str, int] = client.nthreads()
    return sum(threads.values())


def _note(job: Search, known: int, total: int) -> str:
    done = job.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    best = max((trial.values[0] for trial in done), default=None)
    return f"{known} of {total}" + ("" if best is None else f", best {100 * best:.2f} %")
