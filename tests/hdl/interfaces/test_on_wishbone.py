"""An accelerator's Wishbone top: its ports, its room, and one accelerator of another file in it."""

import re

import pytest
from amaranth.back import verilog

from spikewright.flow.plan import default_plan
from spikewright.golden.spec import Mode
from spikewright.hdl import Accelerator
from spikewright.hdl.interfaces import WishboneAccelerator
from spikewright.hdl.interfaces.on_wishbone import MOST_OUTPUT_DEPTH
from support.chains import bounded_chain
from support.registers import ports_in


def top_of(*sizes):
    network = bounded_chain(sizes, seed=5)
    plan = default_plan(network, Mode.COLLAPSED, lanes=4)
    accelerator = Accelerator(network=network, plan=plan)
    return WishboneAccelerator(
        accelerator=accelerator, module="accelerator", plan_hash="01234567" * 8
    )


def test_ports():
    top = top_of(6, 7, 3)
    text = verilog.convert(top, name="top", emit_src=False)
    found = ports_in(text, "top")
    assert {"wb_cyc", "wb_err", "irq", "clk", "rst"} <= found
    assert found - {"clk", "rst"} == {path[0] for path, _, _ in top.signature.flatten(top)}
    assert len(re.findall(r"^\s*accelerator \w", text, re.M)) == 1
    assert "module accelerator(" not in text


@pytest.mark.parametrize(("classes", "depth"), [(3, 16), (15, 16), (16, 32), (100, 128)])
def test_a_result_fits(classes, depth):
    """A token a neuron, and END."""
    assert top_of(4, classes).output_depth == depth <= MOST_OUTPUT_DEPTH
