"""What fits a board without building it."""

import pytest

from spikewright.boards import get_board
from spikewright.flow.area.examples import EXAMPLES, fit_of
from spikewright.golden.errors import ConfigurationError

BY_NAME = {each.name: each for each in EXAMPLES}
DIGITS = BY_NAME["digits 64-32-10, 8 lanes"]
MNIST = BY_NAME["MNIST 784-128-10, 16 lanes"]


def test_a_large_board_holds_all():
    assert not any(fit_of(each, get_board("ulx3s-85f")).short for each in EXAMPLES)


def test_weights_go_to_large_rams_where_they_fit_nothing_else():
    assert fit_of(MNIST, get_board("icebreaker")).large
    fit = fit_of(MNIST, get_board("hx8k-b-evn"))
    assert not fit.large and any("block RAMs where hx8k-b-evn has 32" in s for s in fit.short)
    assert not fit_of(DIGITS, get_board("icebreaker")).large


def test_a_small_board_holds_little():
    assert fit_of(DIGITS, get_board("icestick")).short
    # 1,318 cells it was in the end.
    least = fit_of(BY_NAME["digits 64-32-10, 1 lane"], get_board("icestick"))
    assert not least.short and least.close
    assert not fit_of(DIGITS, get_board("icebreaker")).close


def test_what_was_not_calibrated_is_refused_by_name():
    message = (
        r"^the area model must have been calibrated on the family of the board, found gowin, which"
        r" was not; choose lanes yourself: spikewright generate --lanes, and build$"
    )
    with pytest.raises(ConfigurationError, match=message):
        fit_of(DIGITS, get_board("tang-nano-9k"))
