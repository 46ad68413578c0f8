"""An accelerator behind Wishbone: registers, and tokens through them."""

from amaranth.hdl import Cat, Module, ResetInserter
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from spikewright.hdl.accelerator import Accelerator

from .control import Control, counters_of
from .instance import AcceleratorInstance
from .register_map import register_map
from .token_words import TokenReader, TokenWriter
from .wishbone import WISHBONE, WishboneSlave

__all__ = ["INPUT_DEPTH", "LEAST_OUTPUT_DEPTH", "MOST_OUTPUT_DEPTH", "WishboneAccelerator"]

INPUT_DEPTH = 64
LEAST_OUTPUT_DEPTH = 16
MOST_OUTPUT_DEPTH = 1024


class WishboneAccelerator(wiring.Component):
    """Everything of an accelerator as registers on Wishbone B4, classic cycles of 32 bits.

    A token is written into its input's DATA word by word, and read from the output's. What finds no
    room, and what reads where nothing is, ends with ERR, does nothing and is counted in REFUSED: a
    bus that waited instead could never be used to make the room that it waits for.

    Parameters
    ----------
    accelerator : what is wrapped. module : the name of its Verilog's top. plan_hash : of its plan.
    input_depth, output_depth : tokens that there is room for; the output by default has it for a
    result, within limits.

    Members
    -------
    wb_cyc, wb_stb, wb_we, wb_adr (words), wb_sel, wb_dat_w : In, wb_dat_r, wb_ack, wb_err : Out.
    irq : Out, a result waits and INTERRUPT is set.

    Timing
    ------
    latency, interval : cycles of an access, as of ``WishboneSlave``.
    """

    latency = WishboneSlave.latency
    interval = WishboneSlave.interval

    def __init__(
        self,
        *,
        accelerator: Accelerator,
        module: str,
        plan_hash: str,
        input_depth: int = INPUT_DEPTH,
        output_depth: int | None = None,
    ) -> None:
        self.core = AcceleratorInstance(accelerator=accelerator, module=module)
        self.registers = register_map(accelerator, plan_hash=plan_hash, tokens=True)
        self.control = Control(accelerator=accelerator, registers=self.registers)
        result = accelerator.output_layout.neurons + 1
        fits = min(max(LEAST_OUTPUT_DEPTH, 1 << (result - 1).bit_length()), MOST_OUTPUT_DEPTH)
        self.input_depth = input_depth
        self.output_depth = fits if output_depth is None else output_depth
        self.writers = [
            TokenWriter(layout=each.layout, depth=input_depth) for each in accelerator.inputs
        ]
        self.reader = TokenReader(layout=accelerator.output_layout, depth=self.output_depth)
        members = {f"wb_{name}": member for name, member in WISHBONE.items()}
        super().__init__({**members, "irq": Out(1)})

    def elaborate(self, platform: object) -> Module:
        """The bus; the registers; the tokens on both sides of the accelerator."""
        m = Module()
        m.submodules.wishbone = slave = WishboneSlave()
        m.submodules.control = control = self.control
        m.submodules.core = core = self.core
        again = control.reset
        m.d.comb += [core.restart.eq(control.restart), core.clear.eq(control.clear)]
        for name, member in WISHBONE.items():
            mine, its = getattr(self, f"wb_{name}"), getattr(slave, name)
            m.d.comb += its.eq(mine) if member.flow is wiring.In else mine.eq(its)
        wiring.connect(m, slave.bus, control.bus)
        for k, (each, writer) in enumerate(zip(core.accelerator.inputs, self.writers, strict=True)):
            m.submodules[f"writer_{k}"] = ResetInserter(again)(writer)
            wiring.connect(m, writer.o, getattr(core, each.member))
            data, free = getattr(control.of, f"in{k}_data"), getattr(control.of, f"in{k}_free")
            m.d.comb += [
                writer.word.eq(control.data),
                writer.written.eq(data.written),
                data.refuse.eq(writer.free == 0),
                free.value.eq(writer.free),
            ]
        m.submodules.reader = reader = ResetInserter(again)(self.reader)
        wiring.connect(m, core.o, reader.i)
        m.d.comb += [
            control.of.out_data.value.eq(reader.word),
            control.of.out_data.refuse.eq(reader.level == 0),
            reader.taken.eq(control.of.out_data.read),
            control.of.out_level.value.eq(reader.level),
            control.result.eq(reader.result),
            control.counters.eq(Cat(counters_of(core))),
            self.irq.eq(control.irq),
        ]
        if hasattr(core, "steps"):
            m.d.comb += core.steps.eq(control.steps)
        if hasattr(core, "load"):
            control.join_loader(m, core)
        return m
