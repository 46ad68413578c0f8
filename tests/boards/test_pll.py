"""Every clock that is offered is within the data sheets' limits, and is what its settings make."""

import pytest
from amaranth.hdl import IOPort, Signal

from spikewright.boards.pll import (
    Direct,
    Ecp5Pll,
    GowinPll,
    Ice40Pll,
    ecp5_plls,
    gowin_plls,
    ice40_plls,
)


@pytest.mark.parametrize("input_mhz", [12.0, 25.0, 100.0])
def test_every_ecp5_clock_is_legal(input_mhz):
    plls = ecp5_plls(input_mhz)
    assert len(plls) > 500
    for pll in plls:
        assert 1 <= pll.divide <= 128 and 1 <= pll.multiply <= 128 and 1 <= pll.output <= 128
        assert 10 <= input_mhz / pll.divide <= 400
        assert 400 <= pll.vco_mhz <= 800
        assert pll.mhz == pll.vco_mhz / pll.output
        assert 10 <= pll.mhz <= 250


def test_every_ice40_clock_is_legal():
    plls = ice40_plls(12.0)
    assert plls[0] == Direct(input_mhz=12.0)
    for pll in plls[1:]:
        vco = 12 / (pll.divr + 1) * (pll.divf + 1)
        assert 0 <= pll.divr <= 15 and 0 <= pll.divf <= 127 and 1 <= pll.divq <= 6
        assert 10 <= 12 / (pll.divr + 1) <= 133
        assert 533 <= vco <= 1066
        assert pll.mhz == vco / 2**pll.divq
        assert 16 <= pll.mhz <= 275


@pytest.mark.parametrize(
    ("device", "vco", "most"), [("GW1NR-9C", (400, 1200), 600), ("GW2AR-18C", (500, 1250), 625)]
)
def test_every_gowin_clock_is_legal(device, vco, most):
    plls = gowin_plls(27.0, device)
    assert len(plls) > 200
    for pll in plls:
        assert 1 <= pll.divide <= 64 and 1 <= pll.multiply <= 64 and pll.device == device
        assert pll.output in (2, 4, 8, 16, 32, 48, 64, 80, 96, 112, 128)
        assert 3 <= 27 / pll.divide <= 400
        assert vco[0] <= pll.vco_mhz <= vco[1] and pll.vco_mhz == pll.mhz * pll.output
        assert pll.mhz == 27 / pll.divide * pll.multiply <= most


@pytest.mark.parametrize(("pad", "cell"), [(True, "SB_PLL40_PAD"), (False, "SB_PLL40_CORE")])
def test_an_ice40_pll_takes_a_pad_or_a_wire(pad, cell):
    pll = ice40_plls(12.0, pad=pad)[1]
    assert pll.takes_pad == pad
    source = IOPort(1, name="pad") if pad else Signal()
    assert pll.instance(source, Signal(), Signal()).type == cell


@pytest.mark.parametrize(
    "plls",
    [ecp5_plls(25.0), ice40_plls(12.0), gowin_plls(27.0, "GW1NR-9C")],
    ids=["ecp5", "ice40", "gowin"],
)
def test_clocks_rise_and_differ(plls):
    clocks = [pll.mhz for pll in plls]
    assert clocks == sorted(set(clocks))


def test_known_settings():
    assert Ecp5Pll(input_mhz=25.0, divide=1, multiply=32, output=8).mhz == 100
    # What Sipeed's example of SDRAM has for 81 MHz.
    gowin = GowinPll(input_mhz=27.0, device="GW1NR-9C", divide=1, multiply=3, output=8)
    assert gowin.mhz == 81 and gowin in gowin_plls(27.0, "GW1NR-9C")
    # What icepll finds for 24 MHz from 12 MHz.
    assert Ice40Pll(input_mhz=12.0, divr=0, divf=63, divq=5).mhz == 24


@pytest.mark.parametrize(
    ("input_mhz", "divr", "expected"), [(12.0, 0, 1), (17.0, 0, 2), (48.0, 0, 4), (133.0, 0, 6)]
)
def test_filter_range(input_mhz, divr, expected):
    pll = Ice40Pll(input_mhz=input_mhz, divr=divr, divf=63, divq=5)
    assert pll.filter_range == expected
