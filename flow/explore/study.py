"""The study: what was tried, in a file that the next run goes on with."""

import fcntl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import optuna
from optuna.samplers import TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from spikewright.golden.errors import FileError

from .space import Point, Space

__all__ = [
    "FAILED",
    "JOURNAL",
    "STUDY_SCHEMA",
    "failures",
    "open_study",
    "point_of",
    "restart",
]

STUDY_SCHEMA = 2
FAILED = "failed"
"""Attribute of a trial of which a machine could say nothing: why."""
JOURNAL = "study.journal"
_OWNER = f"{JOURNAL}.owner"
_NAME = "explore"


@contextmanager
def open_study(
    folder: Path, identity: Mapping[str, Any], directions: Sequence[StudyDirection], *, seed: int
) -> Iterator[Study]:
    """Yield the study in ``folder``, a new one or one that was begun for the same ``identity``.

    A new one that ends by an exception before a point was asked for leaves nothing behind.

    Parameters
    ----------
    identity : plain data: hashes of network and samples, the space, what is asked for, what boards
        have, and versions of what changes answers.

    Raises
    ------
    FileError
        If the study there is of another network, or of another kind; if somebody else works on it;
        if it cannot be read or written.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    identity = {"schema": STUDY_SCHEMA, **identity}
    path = folder / JOURNAL
    new = not path.exists()
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.with_name(_OWNER).open("a") as owner:
            try:
                fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise FileError(
                    "one run at a time may work on a study",
                    found="another one that does",
                    where=str(folder),
                ) from error
            study = None
            try:
                study = _study(folder, identity, directions, seed)
                yield study
            except BaseException:
                if new and not (study and study.get_trials(deepcopy=False)):
                    _remove(folder, missing)
                raise
    except OSError as error:
        raise FileError(
            "the study must be readable and writable",
            found=error.strerror or str(error),
            where=str(folder),
            action="choose another output folder",
        ) from error


def _remove(folder: Path, made: Sequence[Path]) -> None:
    """What a study that nothing was asked of has made; ``made`` : folders, the innermost first."""
    for name in (JOURNAL, _OWNER):
        (folder / name).unlink(missing_ok=True)
    with suppress(OSError):  # somebody else's files
        for each in made:
            each.rmdir()


def _study(
    folder: Path, identity: dict[str, Any], directions: Sequence[StudyDirection], seed: int
) -> Study:
    path = folder / JOURNAL
    _drop_half_a_line(path)
    sampler = TPESampler(seed=seed, n_startup_trials=16)
    try:
        storage = JournalStorage(JournalFileBackend(str(path)))
        begun_before = any(each.study_name == _NAME for each in storage.get_all_studies())
        study = (
            optuna.load_study(study_name=_NAME, storage=storage, sampler=sampler)
            if begun_before
            else optuna.create_study(
                storage=storage, study_name=_NAME, sampler=sampler, directions=list(directions)
            )
        )
        begun = study.user_attrs.get("identity")
    except (KeyError, ValueError, TypeError, AttributeError, AssertionError) as error:
        raise FileError(
            "the study must be a whole journal of this version",
            found=f"{type(error).__name__}: {error}",
            where=str(path),
            action="choose another output folder",
        ) from error
    if begun is None and not study.trials:
        study.set_user_attr("identity", identity)
    elif begun != identity:
        _refuse(begun or {}, identity, str(path))
    return study


def _drop_half_a_line(journal: Path) -> None:
    """What a run wrote when it was killed; optuna would append to it, and make the line illegal."""
    if not journal.exists():
        return
    with journal.open("r+b") as file:
        whole = file.read().rpartition(b"\n")
        if whole[2]:
            file.truncate(len(whole[0]) + len(whole[1]))


_WORDS = {
    "network": "network (hash)",
    "calibration": "calibration data (hash)",
    "held_out": "held-out data (hash)",
    "version of area model": "area model (hash)",
}


def _refuse(begun: Mapping[str, Any], identity: Mapping[str, Any], where: str) -> None:
    """Name the first thing that differs."""
    before, now = _flat(begun), _flat(identity)
    name = next(each for each in [*now, *before] if before.get(each) != now.get(each))
    was, has = before.get(name), now.get(name)
    if isinstance(was, dict) and isinstance(has, dict):  # a board: what of it
        part = next(each for each in [*has, *was] if was.get(each) != has.get(each))
        name, was, has = f"{name}: {part}", was.get(part), has.get(part)
    raise FileError(
        f"a study that goes on must be of the same {_WORDS.get(name, name.replace('_', ' '))}",
        found=f"{_short(was)}, not {_short(has)}",
        where=where,
        action="choose another output folder, or repeat what it was begun with",
    )


def _flat(identity: Mapping[str, Any]) -> dict[str, Any]:
    """With choices, boards and versions each by itself."""
    flat = dict(identity)
    for part, words in (("space", "choices of"), ("boards", "board"), ("versions", "version of")):
        flat |= {f"{words} {name}": each for name, each in flat.pop(part, {}).items()}
    return flat


def _short(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    text = str(value)
    return text[:12] if len(text) == 64 and text.isalnum() else text


def failures(study: Study) -> list[FrozenTrial]:
    """Trials of which a machine could say nothing."""
    trials = study.get_trials(deepcopy=False, states=(TrialState.FAIL,))
    return [trial for trial in trials if FAILED in trial.user_attrs]


def restart(study: Study) -> int:
    """Queue again what an earlier run was at when it ended, and what failed and was not tried
    again since; how many there were.
    """
    begun = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    for trial in begun:
        study.tell(trial.number, state=TrialState.FAIL)
    trials = study.get_trials(deepcopy=False)
    again: list[dict[str, Any]] = []
    for trial in [*begun, *failures(study)]:
        later = [_asked(each) for each in trials[trial.number + 1 :] if _counts(each)]
        if trial.params not in [*again, *later]:
            again.append(dict(trial.params))
    for params in again:
        study.enqueue_trial(params, skip_if_exists=False)
    return len(again)


def _asked(trial: FrozenTrial) -> dict[str, Any]:
    """What a trial is of; one that waits has not been given it yet."""
    return trial.params or dict(trial.system_attrs.get("fixed_params", {}))


def _counts(trial: FrozenTrial) -> bool:
    """Whether a trial is to come or said something; those that were drawn twice did not."""
    waits = trial.state in (TrialState.WAITING, TrialState.COMPLETE)
    return waits or "refused" in trial.user_attrs or FAILED in trial.user_attrs


def point_of(space: Space, trial: FrozenTrial) -> Point:
    """The point of a trial that is over."""
    return space.suggest(optuna.trial.FixedTrial(trial.params))
