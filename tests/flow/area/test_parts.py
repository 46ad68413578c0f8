"""Cells of a netlist go to the part that drives their nets."""

import pytest

from spikewright.flow.area.parts import count_parts, part_of


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("selftest.pause", "selftest"),
        ("accelerator.core_3.sweep$7.soma_2.level", "core_3.sweep"),
        ("accelerator.core_0.synapses_1.address$4.c_turn", "core_0.synapses"),
        ("accelerator.core_0.stall", "core_0.shell"),
        ("accelerator.argmax.best", "readout"),
        ("accelerator.merge_b.held", "routers"),
        ("accelerator.o__payload", "board"),
        ("pll_feedback", "board"),
        ("", "board"),
    ],
)
def test_names(name, part):
    assert part_of(name) == part


def cell(kind, **pins):
    outputs = ("Z", "Q", "COUT", "S0", "DO")
    return {
        "type": kind,
        "connections": pins,
        "port_directions": {pin: "output" if pin in outputs else "input" for pin in pins},
    }


def test_cells_are_counted():
    module = {
        "cells": {
            "a": cell("LUT4", A=[9], Z=[1]),
            "b": cell("TRELLIS_FF", DI=[1], Q=[2]),
            "c": cell("CCU2C", CIN=["0"], COUT=[5], S0=[3]),
            "d": cell("CCU2C", CIN=[5], COUT=[6], S0=[4]),
            "e": cell("TRELLIS_DPR16X4", DI=[3], DO=[7]),
            "f": cell("DP16KD", DI=[3], DO=[8]),
        },
        "netnames": {
            "accelerator.core_0.serialiser.o_0__payload": {"bits": [1]},
            "accelerator.core_1.intake.queue_0.i__payload": {"bits": [1]},
            "accelerator.core_1.intake.queue_0.fifo.level": {"bits": [2, 7]},
            "accelerator.core_1.lanes.total": {"bits": [3, 4, 5, 6]},
        },
    }
    assert count_parts({"modules": {"top": module}}, "top") == {
        "core_0.serialiser": (1, 0, 0),
        "core_1.intake": (6, 1, 0),
        "core_1.lanes": (4, 0, 1),
    }
