"""An accelerator with AXI4-Stream tokens, and registers on AXI4-Lite."""

from amaranth.hdl import Cat, ClockDomain, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from spikewright.hdl.accelerator import Accelerator

from .axi_lite import AXI_LITE, AxiLiteSlave
from .axi_stream import AxiStreamMaster, AxiStreamSlave
from .control import Control, counters_of
from .instance import AcceleratorInstance
from .register_map import register_map

__all__ = ["AxiAccelerator"]

_STREAM = ("tdata", "tvalid", "tready", "tlast")


class AxiAccelerator(wiring.Component):
    """Inputs and output as AXI4-Stream, all else as registers on AXI4-Lite.

    Parameters
    ----------
    accelerator : what is wrapped. module : the name of its Verilog's top. plan_hash : of its plan.

    Members
    -------
    aclk, aresetn : In, clock and reset of all, the reset active low and synchronous.
    s_axis_<input>_{tdata, tvalid, tlast} : In, s_axis_<input>_tready : Out, of each input.
    m_axis_{tdata, tvalid, tlast} : Out, m_axis_tready : In. s_axil_* : as AXI4-Lite names them.

    Timing
    ------
    latency, interval : cycles of an access, as of ``AxiLiteSlave``. Tokens pass at one a cycle; the
    output has a cycle more than the accelerator.

    While CONTROL resets it no token is taken, and an offer on m_axis stands until it is taken, as
    AXI asks for.
    """

    latency = AxiLiteSlave.latency
    interval = AxiLiteSlave.interval

    def __init__(self, *, accelerator: Accelerator, module: str, plan_hash: str) -> None:
        self.core = AcceleratorInstance(accelerator=accelerator, module=module)
        self.registers = register_map(accelerator, plan_hash=plan_hash, tokens=False)
        self.control = Control(accelerator=accelerator, registers=self.registers)
        self.slaves = [AxiStreamSlave(layout=each.layout) for each in accelerator.inputs]
        self.master = AxiStreamMaster(layout=accelerator.output_layout)
        streams = {
            f"s_axis_{each.name}_{name}": slave.signature.members[name]
            for each, slave in zip(accelerator.inputs, self.slaves, strict=True)
            for name in _STREAM
        } | {f"m_axis_{name}": self.master.signature.members[name] for name in _STREAM}
        lite = {f"s_axil_{name}": member for name, member in AXI_LITE.items()}
        super().__init__({"aclk": In(1), "aresetn": In(1), **streams, **lite})

    def elaborate(self, platform: object) -> Module:
        """The domain; the bus; the registers; the tokens on both sides of the accelerator."""
        m = Module()
        m.domains.sync = domain = ClockDomain(local=True)
        m.d.comb += [domain.clk.eq(self.aclk), domain.rst.eq(~self.aresetn)]
        m.submodules.axi_lite = lite = AxiLiteSlave()
        m.submodules.control = control = self.control
        m.submodules.core = core = self.core
        self._join(m, "s_axil", lite, AXI_LITE)
        wiring.connect(m, lite.bus, control.bus)
        for each, slave in zip(core.accelerator.inputs, self.slaves, strict=True):
            m.submodules[f"slave_{each.name}"] = slave
            self._join(m, f"s_axis_{each.name}", slave, _STREAM)
            wiring.connect(m, slave.o, getattr(core, each.member))
            m.d.comb += slave.stop.eq(control.reset)
        m.submodules.master = master = self.master
        self._join(m, "m_axis", master, _STREAM)
        wiring.connect(m, core.o, master.i)
        m.d.comb += [
            core.restart.eq(control.restart),
            core.clear.eq(control.clear),
            control.counters.eq(Cat(counters_of(core))),
            control.framing.eq(Cat(slave.framing for slave in self.slaves).any()),
        ]
        if hasattr(core, "steps"):
            m.d.comb += core.steps.eq(control.steps)
        if hasattr(core, "load"):
            control.join_loader(m, core)
        return m

    def _join(self, m: Module, prefix: str, part: wiring.Component, names: object) -> None:
        """Ports ``<prefix>_<name>`` to members of a part."""
        for name in names:
            mine, its = getattr(self, f"{prefix}_{name}"), getattr(part, name)
            inside = part.signature.members[name].flow is wiring.In
            m.d.comb += its.eq(mine) if inside else mine.eq(its)
