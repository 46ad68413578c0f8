"""Choices: what is legal, and every point of them."""

import optuna
import pytest

from spikewright.flow.explore.space import Space
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Mode

SMALL = {
    "weight_bits": (3, 4),
    "levels": (1,),
    "modes": (Mode.STEPWISE, Mode.COLLAPSED),
    "steps": (2, 8),
    "lanes": (8,),
    "boards": ("icebreaker",),
}


def test_points():
    points = list(Space(**SMALL).points())
    assert len(points) == len(set(points)) == 2 * (2 + 1)
    assert {(p.mode, p.steps) for p in points} == {
        (Mode.STEPWISE, 2), (Mode.STEPWISE, 8), (Mode.COLLAPSED, None),
    }  # fmt: skip
    assert str(points[0]) == "icebreaker, stepwise, T = 2, 3 bits, 1 levels, 8 lanes"


def test_what_optuna_calls_a_point_is_that_point():
    space = Space()
    points = list(space.points())
    assert len(points) == 3 * 4 * 5 * 5 * 2
    for point in points:
        assert space.suggest(optuna.trial.FixedTrial(dict(space.params(point)))) == point


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"levels": ()}, r"^levels: must have a choice, found none$"),
        ({"lanes": (8, 8)}, r"^lanes: must name every choice once, found 8, 8$"),
        ({"weight_bits": (1, 4)}, r"^weight_bits: must lie in 2\.\.8, found 1$"),
        ({"levels": (0,)}, r"^levels: must lie in 1\.\.255, found 0$"),
        (
            {"steps": ()},
            r"^steps: must be given with the mode stepwise, .* found steps none, m",
        ),
        ({"modes": (Mode.SETTLE,)}, r"^steps: must be given .* found steps 2, 8, modes settle$"),
        ({"boards": ("de10",)}, r"^the board must be one of"),
    ],
)
def test_refused(changes, message):
    with pytest.raises(ConfigurationError, match=message):
        Space(**SMALL | changes)
