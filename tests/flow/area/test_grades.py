"""Other speed grades by the digits network on boards of either."""

from dataclasses import replace

import pytest

from spikewright.boards import get_board
from spikewright.flow.area import calibrated, estimate_area, grades
from spikewright.flow.area.examples import EXAMPLES
from spikewright.flow.plan import default_plan
from spikewright.flow.routed import load_routed
from spikewright.golden.spec import Mode


@pytest.fixture
def record(monkeypatch):
    """Replace the record by one with these clocks."""

    def set_up(**clocks):
        any_ = next(iter(load_routed().values()))
        found = {
            name.replace("_", "-"): replace(any_, lanes=lanes, fmax_mhz=mhz, refused="")
            for name, (lanes, mhz) in clocks.items()
        }
        monkeypatch.setattr(grades, "load_routed", lambda: found)
        grades._grade.cache_clear()

    yield set_up
    grades._grade.cache_clear()


def test_the_models_own_grade_is_what_it_is(record):
    record(icebreaker=(8, 40.0), icesugar=(8, 44.0))
    for name in ("icebreaker", "fomu"):
        assert grades.grade_of(get_board(name)) == grades.Grade(ratio=1.0, spread=0.0)


def test_a_faster_one_by_medians(record):
    record(icebreaker=(8, 40.0), icesugar=(8, 44.0), fomu=(8, 48.0), hx8k_b_evn=(8, 88.0))
    grade = grades.grade_of(get_board("hx8k-b-evn"))
    assert grade.ratio == 2.0
    assert grade.spread == pytest.approx((32 / 3) ** 0.5 / 44)
    # The other HX, which nothing was routed for, is as fast.
    assert grades.grade_of(get_board("icestick")) == grade
    assert grades.grade_of(get_board("tinyfpga-bx")).ratio == 1.0


def test_other_lanes_are_another_design(record):
    record(icebreaker=(8, 40.0), hx8k_b_evn=(4, 88.0))
    assert grades.grade_of(get_board("hx8k-b-evn")).ratio == 1.0


def test_the_estimate_is_faster_and_wider(record):
    record(ulx3s_85f=(8, 100.0), ulx3s_25f=(8, 120.0), versa_ecp5=(8, 220.0))
    network = EXAMPLES[0].network()
    plan = default_plan(network, Mode.COLLAPSED, lanes=8)
    slow = estimate_area(network, plan, get_board("ulx3s-85f"))
    fast = estimate_area(network, plan, get_board("versa-ecp5"))
    assert fast.fmax_hz == pytest.approx(2 * slow.fmax_hz)
    assert fast.fmax_spread > slow.fmax_spread
    assert (fast.luts, fast.block_rams) == (slow.luts, slow.block_rams)


def test_a_5g_is_a_grade_of_its_own(record):
    record(ulx3s_85f=(8, 100.0), versa_ecp5=(8, 150.0), butterstick=(8, 200.0))
    assert grades.grade_of(get_board("orangecrab-85f")).ratio == 1.5
    assert grades.grade_of(get_board("ecp5-evn")).ratio == 2.0


def test_the_record_says_that_they_are_faster():
    grades._grade.cache_clear()
    record = load_routed()
    routed = [get_board(name) for name, each in record.items() if each.routed]
    for board in routed:
        ratio = grades.grade_of(board).ratio
        if board.speed in ("UP", "6"):
            assert ratio == 1.0
        elif calibrated(board.family):
            assert 1.1 < ratio < 4
