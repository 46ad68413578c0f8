"""What a study knows: the points that were tried, and how they did."""

from collections.abc import Sequence

from optuna.study import Study, StudyDirection
from optuna.trial import TrialState

from .front import Cost, Found
from .space import Point, Space
from .study import FAILED, failures, point_of

__all__ = ["directions", "failed_points", "found_points", "refused_points"]


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
