"""An accelerator's AXI top: its ports, and one accelerator of another file in it."""

import re

from amaranth.back import verilog

from spikewright.flow.plan import default_plan
from spikewright.golden.spec import Mode
from spikewright.hdl import Accelerator
from spikewright.hdl.interfaces import AxiAccelerator
from support.chains import bounded_chain
from support.registers import ports_in

NETWORK = bounded_chain((6, 7, 3), seed=5)
PLAN = default_plan(NETWORK, Mode.COLLAPSED, lanes=4)


def test_ports():
    accelerator = Accelerator(network=NETWORK, plan=PLAN)
    top = AxiAccelerator(accelerator=accelerator, module="accelerator", plan_hash="01234567" * 8)
    text = verilog.convert(top, name="top", emit_src=False)
    found = ports_in(text, "top")
    assert {"s_axis_x_tdata", "m_axis_tlast", "s_axil_awaddr", "aclk", "aresetn"} <= found
    assert found == {path[0] for path, _, _ in top.signature.flatten(top)}
    assert len(re.findall(r"^\s*accelerator \w", text, re.M)) == 1
    assert "module accelerator(" not in text
