"""Which models are taken, and from whom."""

import re

import pytest

from spikewright.flow.gates import cell_models
from spikewright.golden.errors import UnsupportedError


def modules(text):
    return re.findall(r"^module (\w+)", text, re.M)


def test_what_a_cell_is_made_of_comes_with_it():
    models = cell_models("ecp5", ["CCU2C", "DP16KD"])
    assert modules(models.text) == ["CCU2C", "DP16KD", "LUT2", "LUT4"]
    assert (models.shipped, models.own) == (("CCU2C", "LUT2", "LUT4"), ("DP16KD",))


def test_our_own_stands_in_place_of_the_shipped_one():
    models = cell_models("ice40", ["SB_RAM40_4K", "SB_LUT4"])
    assert modules(models.text) == ["SB_LUT4", "SB_RAM40_4K"]
    assert (models.shipped, models.own) == (("SB_LUT4",), ("SB_RAM40_4K",))
    assert "spoilt" in models.text
    assert models.text.startswith("`define NO_ICE40_DEFAULT_ASSIGNMENTS\n")


def test_a_cell_without_a_model_is_refused():
    with pytest.raises(
        UnsupportedError,
        match=r"^ecp5: every cell of a netlist must have a simulation model, found none of ALU54B$",
    ):
        cell_models("ecp5", ["LUT4", "ALU54B"])
