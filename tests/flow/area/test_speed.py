"""The estimate of a clock: what was fitted, its spread, and the stage that is slowest."""

import pytest

from spikewright.flow.area.designs import DESIGNS, design
from spikewright.flow.area.recording import timed_designs
from spikewright.flow.area.records import package_records
from spikewright.flow.area.speed import Timed, estimate_fmax, fit_delays, left_out, spread_of
from spikewright.flow.area.stages import Stage, stages
from spikewright.hdl.make_configs import core_configs

DELAYS = {"stage": 2.0, "level": 1.0, "bit": 0.1, "fan": 0.25, "block": 4.0}


def deep(levels, carried, fan, kind="sum"):
    return Stage(kind=kind, levels=levels, carried=carried, fan=fan)


def timed(*found, factor=1.0):
    periods = [2 + each.levels + each.carried / 10 + each.spread / 4 for each in found]
    return Timed(stages=found, period_ns=factor * max(periods))


KNOWN = [
    timed(deep(levels, carried, fan), deep(1, 4, 4))
    for levels, carried, fan in ((3, 30, 4), (9, 8, 16), (4, 10, 4096), (12, 40, 64), (2, 8, 2))
]


def test_a_fit_nears_what_made_the_periods():
    assert max(map(abs, left_out("ecp5", KNOWN))) < 0.15
    delays = fit_delays("ecp5", KNOWN)
    assert delays["level"] == pytest.approx(DELAYS["level"], rel=0.2)


def test_a_design_that_stages_do_not_explain_widens_the_spread():
    odd = timed(deep(4, 10, 16), factor=2.0)
    assert spread_of(left_out("ecp5", KNOWN)) == 0.1
    assert spread_of(left_out("ecp5", [*KNOWN, odd])) > 0.3


@pytest.mark.parametrize(
    ("family", "name", "slowest"),
    [("ecp5", "recurrent", "decision"), ("ecp5", "max-pool", "delta")],
)
def test_the_slowest_stage_is_named(family, name, slowest):
    found = stages(core_configs(*design(family, name).made()), multipliers=True)
    assert estimate_fmax(found, DELAYS, 0.1).slowest == slowest
    assert {"decision", "sum", "serialiser"} <= {each.kind for each in found}


def test_products_are_of_blocks_where_there_are_any():
    configs = core_configs(*design("ecp5", "middle-graded").made())
    for multipliers in (False, True):
        found = stages(configs, multipliers=multipliers)
        (product,) = [each for each in found if each.kind == "product"]
        assert (product.blocks > 0) is multipliers
        assert (product.levels == 0) is multipliers
    slow = {**DELAYS, "block": 90.0}
    assert estimate_fmax(found, slow, 0.1).hz == pytest.approx(
        1e9 / (2 + 90 * product.blocks + product.spread / 4), rel=1e-6
    )


@pytest.mark.parametrize("family", DESIGNS)
def test_routed_designs_are_within_the_spread(family):
    """Nearly all: what is told is half as much again as they are off on the average."""
    records = package_records(family)
    routed = [record for record in records.designs if record.fmax_mhz is not None]
    assert {record.name for record in routed} >= {
        each.name for each in DESIGNS[family] if each.routes
    }
    found = timed_designs(family, routed)
    off = []
    for record in routed:
        told = estimate_fmax(found[record.name].stages, records.delays, records.spread)
        off.append(abs(record.fmax_mhz * 1e6 / told.hz - 1) > told.spread)
    assert sum(off) <= len(off) / 4
