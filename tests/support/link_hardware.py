"""The link's hardware and an accelerator, in Amaranth's simulator, as a device of a Line."""

from amaranth.hdl import Module, ResetInserter
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from spikewright.golden.spec import Network
from spikewright.hdl import Accelerator, HardwarePlan
from spikewright.hdl.counters import COUNTERS
from spikewright.hdl.design import design_hash
from spikewright.hdl.link import HostLink, LinkPlan
from spikewright.hdl.link.uart import BYTES

__all__ = ["LinkedHardware"]

_CYCLE_S = 1e-5  # slow, so that the seconds that a host waits are few of them
_BYTE_CYCLES = 12  # of the line; the link needs 10
_LOOK_CYCLES = 100


class _Design(wiring.Component):
    """What a board has but its clock, its pins and its UART."""

    def __init__(self, network: Network, plan: HardwarePlan, sizes: LinkPlan) -> None:
        self.accelerator = Accelerator(network=network, plan=plan)
        self.loads = self.accelerator.loader is not None
        inputs = self.accelerator.inputs
        framed = [each.encoder is not None for each in inputs]
        ports = self.accelerator.counters
        cores = [getattr(ports, f"core{k}") for k in range(len(self.accelerator.cores))]
        self.counters = [ports.cycles, *(getattr(c, name) for c in cores for name in COUNTERS)]
        self.link = HostLink(
            layouts=[each.layout for each in inputs],
            framed=framed,
            output=self.accelerator.output_layout,
            steps_bits=network.max_steps.bit_length() if any(framed) else 0,
            counters=len(self.counters),
            network=None if self.loads else bytes.fromhex(network.content_hash),
            plan=bytes.fromhex(design_hash(network, plan)),
            board="simulated",
            sizes=sizes,
        )
        super().__init__({"rx": In(BYTES), "tx": Out(BYTES), "reset": In(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.link = ResetInserter(self.reset)(self.link)
        m.submodules.accelerator = accelerator = self.accelerator
        for sender, each in zip(self.link.outputs, self.accelerator.inputs, strict=True):
            wiring.connect(m, sender, getattr(self.accelerator, each.member))
        wiring.connect(m, self.accelerator.o, self.link.i)
        wiring.connect(m, wiring.flipped(self.rx), self.link.rx)
        wiring.connect(m, self.link.tx, wiring.flipped(self.tx))
        m.d.comb += [
            accelerator.clear.eq(self.link.clear),
            accelerator.restart.eq(self.link.restart),
            self.link.ready.eq(accelerator.loaded if self.loads else 1),
        ]
        if self.loads:
            wiring.connect(m, self.link.load, accelerator.load)
            wiring.connect(m, accelerator.network_hash, self.link.network_hash)
            m.d.comb += [
                accelerator.reload.eq(self.link.reload),
                self.link.load_done.eq(accelerator.load_done),
                self.link.load_result.eq(accelerator.load_result),
                self.link.tag.eq(accelerator.tag),
            ]
        for k, counter in enumerate(self.counters):
            m.d.comb += getattr(self.link, f"count_{k}").eq(counter)
        if self.link.steps_bits:
            m.d.comb += self.accelerator.steps.eq(self.link.steps)
        return m


class LinkedHardware:
    """Bytes that come are fed one in a while; the clock goes on while the line's time does."""

    stuck = False

    def __init__(self, network: Network, plan: HardwarePlan, *, sizes: LinkPlan) -> None:
        self.to_host = bytearray()
        self._waiting = bytearray()
        self._restart = False
        self._cycles = 0
        design = self._design = _Design(network, plan, sizes)
        self._simulator = Simulator(design)
        self._simulator.add_clock(_CYCLE_S)
        self._simulator.add_testbench(self._bench, background=True)

    async def _bench(self, ctx):
        design, pace = self._design, 0
        ctx.set(design.tx.ready, 1)
        while True:
            ctx.set(design.reset, self._restart)
            self._restart = False
            pace = max(0, pace - 1)
            send = bool(self._waiting) and pace == 0
            ctx.set(design.rx.valid, send)
            if send:
                ctx.set(design.rx.payload, self._waiting[0])
                assert ctx.get(design.rx.ready), "a byte of the line was lost"
                del self._waiting[0]
                pace = _BYTE_CYCLES
            if ctx.get(design.tx.valid):
                self.to_host.append(ctx.get(design.tx.payload))
            await ctx.tick()

    def reset(self) -> None:
        self._restart = True

    def feed(self, data: bytes, now: float) -> None:
        self._waiting += data

    def run(self, now: float) -> None:
        while self._cycles * _CYCLE_S < now:
            self._cycles += _LOOK_CYCLES
            self._simulator.run_until(self._cycles * _CYCLE_S)

    def next_event(self, now: float) -> list[float]:
        return [self._cycles * _CYCLE_S + _CYCLE_S]
