"""The whole exploration: a search, and the files that say what it found."""

import hashlib
import json
import secrets
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from optuna.study import Study

from spikewright.boards import get_board
from spikewright.flow.area import model_hash
from spikewright.flow.area.grades import grade_of
from spikewright.flow.convert import ConvertConfig, TrainConfig
from spikewright.flow.original import Original
from spikewright.flow.plan_file import PLAN_SCHEMA
from spikewright.flow.progress import Working, silent
from spikewright.flow.project import Project
from spikewright.flow.samples import Samples
from spikewright.flow.tools import package_versions
from spikewright.golden.errors import ConfigurationError, FileError, UnsupportedError

from .cluster import connect
from .front import Cost, Found, front
from .job import Search
from .outcome import directions, failed_points, found_points, refused_points
from .points import write_points
from .run import search
from .space import Space
from .study import JOURNAL, open_study
from .task import Payload, Tasks
from .work import cost, measure, packed, quantise

__all__ = ["Explored", "Stopped", "Where", "explore_stage"]

TASKS = Tasks(quantise=quantise, measure=measure, cost=cost)
_LEAST_MAX_STEPS = 64
# What another answer may come from.
_ANSWERING = ("spikewright", "numpy", "torch")


@dataclass(frozen=True, kw_only=True)
class Where:
    """Where trials run, as ``connect``, and how long a worker may be at one; None is as long as it
    likes.
    """

    scheduler: str | None = None
    workers: int | None = None
    timeout_s: float = 10.0
    local_fallback: bool = False
    trial_timeout_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Explored:
    """``best`` : the points that no other beats. ``refused`` : how many of those tried cannot be,
    and ``why`` the first of them. ``failed`` : of how many a machine could not say anything, and
    ``failure`` the first of them; another run tries them again.
    """

    found: tuple[Found, ...]
    best: tuple[Found, ...]
    refused: int
    why: str
    failed: int
    failure: str


class Stopped(KeyboardInterrupt):
    """Somebody stopped the search: ``kept`` trials of ``wanted`` are known, and stay so."""

    def __init__(self, kept: int, wanted: int) -> None:
        super().__init__(f"{kept} of {wanted} trials are kept")


def explore_stage(
    project: Project,
    out: Path,
    space: Space,
    *,
    costs: Sequence[Cost] = (Cost.TIME, Cost.AREA),
    trials: int = 40,
    calibration: Samples | None = None,
    held_out: Samples | None = None,
    input_levels: int | None = None,
    training: TrainConfig | None = None,
    seed: int = 0,
    where: Where | None = None,
    tasks: Tasks = TASKS,
    working: Working = silent,
) -> Explored:
    """Search ``space`` for what a project's network can become, into the folder ``out``.

    What is there of an earlier run for the same network, data and choices goes on.

    Parameters
    ----------
    costs : what is to be little, beside the accuracy that is to be high.
    trials : points to try in all, those of earlier runs too.
    calibration, held_out : samples to calibrate and train on, and to measure the accuracy on;
        those of the project where they are left out.
    input_levels : the largest level of an input; the project's where it is left out.
    training : of each network, quantised; by default there is none. seed : of it and of the search.
    tasks : what workers do.

    Raises
    ------
    UnsupportedError
        If the project was not made of a network that can be quantised again.
    ConfigurationError
        If a choice is not legal, or labels are missing.
    FileError
        If ``out`` holds something else, such as the study of another network.
    ToolError
        If the scheduler does not answer.
    Stopped
        If it was interrupted.
    """
    where = where or Where()
    original = _original(project)
    if trials < 1:
        raise ConfigurationError("trials must be at least 1", found=str(trials))
    if not costs or len(set(costs)) < len(costs):
        raise ConfigurationError(
            "costs must be one or more different ones", found=", ".join(costs) or "none"
        )
    if training is not None and calibration is None:
        raise ConfigurationError(
            "training must have samples of its own: the accuracy is measured on the project's",
            found="no calibration data",
            action="give --calibrate train.npz with x and y",
        )
    calibration = calibration or project.samples
    held_out = held_out or project.samples
    classes = original.graph.readout.shape[0]
    held_out.labels(classes)
    if training is not None:
        calibration.labels(classes)
    config = ConvertConfig(
        name=project.network.name,
        input_levels=input_levels or project.network.inputs[0].high,
        max_steps=max(_LEAST_MAX_STEPS, *space.steps, 0),
    )
    payload = Payload(
        original=(project.root / "original.safetensors").read_bytes(),
        calibration=packed(calibration),
        held_out=packed(held_out),
        config=config,
        training=training,
        seed=seed,
    )
    identity = {
        "network": hashlib.sha256(payload.original).hexdigest(),
        "calibration": _hash(calibration),
        "held_out": _hash(held_out),
        "space": space.as_dict(),
        "costs": [*map(str, costs)],
        "input_levels": config.input_levels,
        "training": None if training is None else _plain(training),
        "seed": seed,
        "boards": {name: _board(name) for name in space.boards},
        "versions": {
            **{name: package_versions(name)[name] for name in _ANSWERING},
            "plan schema": str(PLAN_SCHEMA),
            "area model": model_hash({get_board(name).family for name in space.boards}),
        },
    }
    _check_folder(out)
    with (
        open_study(out, identity, directions(costs), seed=seed) as study,
        _stoppable(study, space, trials),
    ):
        job = Search(
            study=study,
            space=space,
            costs=costs,
            payload=payload,
            tasks=tasks,
            networks=out / "networks",
            # Keys of tasks are a scheduler's own, and trials of the same number are other points.
            name=f"explore-{secrets.token_hex(6)}",
            patience_s=max(where.timeout_s, 60.0),
            trial_timeout_s=where.trial_timeout_s,
        )
        with (
            working("explore") as advance,
            connect(
                where.scheduler,
                workers=where.workers,
                timeout_s=where.timeout_s,
                local_fallback=where.local_fallback,
            ) as client,
        ):
            search(job, client, trials, advance)
        found = found_points(study, space)
        refused = refused_points(study, space)
        failed = failed_points(study, space)
        best = front(found, costs)
        points = out / "points"
        # While nobody else works on the study: two would choose the same name for what they keep.
        with working("write"):
            aside = write_points(
                points,
                out / "networks",
                identity,
                found,
                best,
                costs,
                original=original,
                held_out=held_out,
            )
    if aside is not None:
        warnings.warn(f"{points} was worked in: as it was it is kept as {aside}", stacklevel=2)
    return Explored(
        found=found,
        best=best,
        refused=len(refused),
        why=refused[0][1] if refused else "",
        failed=len(failed),
        failure=failed[0][1] if failed else "",
    )


@contextmanager
def _stoppable(study: Study, space: Space, trials: int) -> Iterator[None]:
    """Say what an interrupted search leaves."""
    try:
        yield
    except KeyboardInterrupt as stop:
        kept = len(found_points(study, space)) + len(refused_points(study, space))
        raise Stopped(kept, min(trials, sum(1 for _ in space.points()))) from stop


def _original(project: Project) -> Original:
    original = project.original
    if not isinstance(original, Original):
        raise UnsupportedError(
            "exploration must have a network that can be quantised again: one that was converted "
            "from a module without spiking neurons",
            found=type(original).__name__,
            where=str(project.root),
        )
    return original


def _check_folder(out: Path) -> None:
    if out.is_dir() and any(out.iterdir()) and not (out / JOURNAL).is_file():
        raise FileError(
            "the output folder must be new, empty or hold a study",
            found="other files",
            where=str(out),
            action="choose another folder",
        )


def _board(name: str) -> dict[str, Any]:
    """What a board is planned with; a file of the same name may say something else tomorrow."""
    board = get_board(name)
    told = {**asdict(board.resources), "family": board.family, "device": board.device}
    return {**told, "faster": grade_of(board).ratio}


def _hash(samples: Samples) -> str:
    digest = hashlib.sha256(repr(tuple(samples.x.shape)).encode())
    digest.update(samples.x.numpy().tobytes())
    if samples.y is not None:
        digest.update(samples.y.numpy().tobytes())
    return digest.hexdigest()


def _plain(training: TrainConfig) -> dict[str, object]:
    """As it comes back from JSON."""
    plain: dict[str, object] = json.loads(json.dumps(asdict(training), default=str))
    return plain
