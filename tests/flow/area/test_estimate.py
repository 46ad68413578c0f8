"""The area model against what was recorded, and against a design that it has not seen."""

from dataclasses import replace

import pytest

from spikewright.boards import get_board
from spikewright.flow.area import check_records, estimate_area, fits
from spikewright.flow.area.designs import DESIGNS, design
from spikewright.flow.area.recording import calibration_board, record_design
from spikewright.flow.area.records import package_records
from spikewright.flow.plan import default_plan
from spikewright.golden.errors import ConfigurationError, UnsupportedError
from spikewright.golden.spec import Mode
from spikewright.hdl.plan import MembraneStore, WeightStore
from support.attention import product_network
from support.chains import bounded_chain

RECORDS = [
    pytest.param(family, record, id=f"{family}-{record.name}")
    for family in DESIGNS
    for record in package_records(family).designs
]


def estimated(family, record):
    network = design(family, record.name).network()
    board = calibration_board(family)
    return estimate_area(network, record.hardware_plan(), board, stored=record.stored)


@pytest.mark.parametrize("family", DESIGNS)
def test_every_design_is_recorded(family):
    recorded = [record.name for record in package_records(family).designs]
    assert recorded == [each.name for each in DESIGNS[family]]


@pytest.mark.parametrize(("family", "record"), RECORDS)
def test_records(family, record):
    area = estimated(family, record)
    assert area.block_rams == record.block_rams
    assert area.dsps == record.dsps
    assert area.sprams == record.sprams
    assert area.luts == pytest.approx(record.luts, rel=0.15)
    assert area.flip_flops == pytest.approx(record.flip_flops, rel=0.15)
    if record.logic_cells is not None:
        assert area.logic_cells == pytest.approx(record.logic_cells, rel=0.15)


@pytest.mark.parametrize("family", DESIGNS)
def test_records_that_the_model_has_not_seen(family):
    checks = check_records(package_records(family))
    assert {check.name: check.error for check in checks if abs(check.error) > 0.15} == {}


@pytest.mark.parametrize("family", DESIGNS)
def test_a_design_that_was_not_recorded(family, real_tools):
    network = bounded_chain((24, 20, 6), seed=5, bits=3)
    membranes = MembraneStore.REGISTERS
    plan = default_plan(network, Mode.COLLAPSED, lanes=(5, 6), membranes=membranes)
    board = calibration_board(family)
    record = record_design("fresh", network, plan, board)
    area = estimate_area(network, plan, board, stored=record.stored)
    assert area.block_rams == record.block_rams
    assert area.luts == pytest.approx(record.luts, rel=0.15)
    assert area.flip_flops == pytest.approx(record.flip_flops, rel=0.15)


def test_lut_ram_where_there_is_none():
    network = bounded_chain((8, 40, 10), seed=1)
    plan = default_plan(network, Mode.COLLAPSED, lanes=2)
    with pytest.raises(
        ConfigurationError,
        match=r"^the membranes of 'h0' must be in block RAM or registers: icebreaker has no LUT "
        r"RAM, found lutram; generate with --membranes block,",
    ):
        estimate_area(network, plan, get_board("icebreaker"))


def test_large_rams_where_there_are_none():
    network = bounded_chain((300, 256, 5), seed=1)
    plan = default_plan(
        network,
        Mode.COLLAPSED,
        lanes=8,
        weights=WeightStore.SPRAM,
        membranes=MembraneStore.BLOCK,
    )
    assert estimate_area(network, plan, get_board("icebreaker")).sprams > 0
    with pytest.raises(
        ConfigurationError,
        match=r"^the weights of 'h0' must be in block RAM or logic: ulx3s-85f has no large RAMs, "
        r"found spram; generate with --weights block, or choose another board$",
    ):
        estimate_area(network, plan, get_board("ulx3s-85f"))


def test_products_are_not_known():
    network = product_network(("unit",) * 3)
    plan = default_plan(network, Mode.STEPWISE, lanes=2)
    with pytest.raises(
        UnsupportedError,
        match=r"^the area model knows all connections but products, found connection 'q' -> 'a'; "
        r"choose lanes yourself, and build: place and route tells what they take$",
    ):
        estimate_area(network, plan, get_board("ulx3s-85f"))


def test_what_does_not_fit_is_said():
    network = bounded_chain((784, 128, 10), seed=1)
    plan = default_plan(network, Mode.COLLAPSED, lanes=16, membranes=MembraneStore.BLOCK)
    board = get_board("ulx3s-85f")
    area = estimate_area(network, plan, board)
    assert fits(area, board.resources) == []
    small = replace(
        board, luts=area.luts - 1, block_ram=replace(board.block_ram, count=0)
    ).resources
    assert fits(area, small) == [
        f"{area.luts:,} LUTs where ulx3s-85f has {area.luts - 1:,}",
        f"{area.block_rams} block RAMs where ulx3s-85f has 0",
    ]
