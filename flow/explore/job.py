"""A search under way: the trials that workers are at, and how one is begun."""

import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distributed import Client, Future
from distributed.comm.core import CommClosedError
from optuna.study import Study
from optuna.trial import Trial, TrialState

from spikewright.golden.errors import ToolError

from .front import Cost
from .space import Point, Space
from .task import Payload, Tasks

__all__ = ["Running", "Search", "itself", "network_file", "network_name", "scheduler", "start"]

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


@contextmanager
def scheduler(job: Search) -> Iterator[None]:
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


def start(job: Search, client: Client, known: set[Point]) -> None:
    """Begin a trial of a point that is not ``known``."""
    trial, point = _ask(job, known)
    network = _network(job, client, trial, point)
    name = f"{network_name(point)}-{point.mode}-{point.steps}"
    with scheduler(job):
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
    parts = (network_name(point), name)
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
    # Another one each time, and the same again for the same seed and study.
    n_trials = len(job.study.get_trials(deepcopy=False))
    chosen = random.Random(f"{job.payload.seed}, {n_trials}").choice(left)
    job.study.enqueue_trial(dict(job.space.params(chosen)))
    trial = job.study.ask()
    return trial, job.space.suggest(trial)


def _network(job: Search, client: Client, trial: Trial, point: Point) -> Future[Any]:
    """The network of a point, made once for all that share it."""
    name = network_name(point)
    if name not in job.made:
        path = network_file(job.networks, point)
        # What was cancelled is never asked for under the same key.
        key = f"{job.name}-network-{name}-{trial.number}"
        kept = path.read_bytes() if path.is_file() else None
        with scheduler(job):
            job.made[name] = (
                client.submit(
                    job.tasks.quantise,
                    job.made["payload"],
                    point.weight_bits,
                    point.levels,
                    key=key,
                )
                if kept is None
                else client.submit(itself, kept, key=key, pure=False)
            )
    return job.made[name]


def network_name(point: Point) -> str:
    """Points of the same name have the same network."""
    return f"{point.weight_bits}-{point.levels}"


def network_file(networks: Path, point: Point) -> Path:
    """Where the network of a point is kept in the folder ``networks``."""
    return networks / f"{network_name(point)}.safetensors"


def itself(value: Any) -> Any:
    """Data as a task: a scheduler makes it again where the worker that held it died."""
    return value
