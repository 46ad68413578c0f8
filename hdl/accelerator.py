"""A network in hardware: a chain of cores that work on different steps at once."""

from dataclasses import dataclass

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, Signature

from spikewright.golden.spec import Decision, Network, ReadoutKind, analyse

from .config import core_configs
from .core import Core
from .counters import COUNTER_BITS, CoreCounters
from .plan import HardwarePlan
from .readout import ArgmaxReadout, CountReadout
from .token import TokenLayout

__all__ = ["Accelerator", "Probe"]

_COUNTERS = {
    "rows": "rows",
    "synops": "synops",
    "spikes_in": "spikes_in",
    "spikes_out": "spikes_out",
    "stalls": "stalls",
    "busy": "busy_cycles",
}


@dataclass(frozen=True, kw_only=True)
class Probe:
    """Where a population's tokens can be watched: wires probe_<index>_{valid,ready,payload}."""

    population: str
    index: int
    layout: TokenLayout


class Accelerator(wiring.Component):
    """A chain of cores, one for each population, and the readout.

    Parameters
    ----------
    network : what it computes. plan : how it is built.

    Members
    -------
    i : In(stream), the input's tokens. o : Out(stream), STEPs as the last population takes them,
    then SPIKE(n, value) of every output neuron, then END with the label in its address (its flag
    where the decision is raw). clear : In, zeroes the counters. counters : Out, cycles, and for
    each core rows, synops, spikes_in, spikes_out, stalls, busy; modulo 2**32.

    Timing
    ------
    Cores work on different steps and samples at once; the result equals ``golden.model``'s in the
    plan's mode. A stall of the consumer stops the chain from the back; nothing is lost.
    """

    def __init__(self, *, network: Network, plan: HardwarePlan) -> None:
        self.network = network
        self.plan = plan
        configs = core_configs(network, plan)
        self.cores = tuple(Core(config=config) for config in configs)
        self.input_layout = configs[0].source
        self.probes = tuple(
            Probe(population=core.config.population.name, index=k, layout=core.config.target)
            for k, core in enumerate(self.cores)
        )
        self.output_layout = configs[-1].target
        self.count: CountReadout | None = None
        if network.readout.kind is ReadoutKind.COUNT:
            total = analyse(network, plan.mode)[network.readout.population].total
            self.count = CountReadout(
                layout=configs[-1].target, count_low=total.low, count_high=total.high
            )
            self.output_layout = self.count.target
        counters = {name: Out(COUNTER_BITS) for name in _COUNTERS}
        super().__init__(
            {
                "i": In(self.input_layout.signature),
                "o": Out(self.output_layout.signature),
                "clear": In(1),
                "counters": Out(
                    Signature(
                        {
                            "cycles": Out(COUNTER_BITS),
                            **{f"core{k}": Out(Signature(counters)) for k in range(len(configs))},
                        }
                    )
                ),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Cores in a row, each with its probe and its counters; then the readout."""
        m = Module()
        source = wiring.flipped(self.i)
        for k, core in enumerate(self.cores):
            m.submodules[f"core_{k}"] = core
            wiring.connect(m, source, core.i)
            source = core.o
            self._watch(m, k, core)
        if self.count is not None:
            m.submodules.count = self.count
            wiring.connect(m, source, self.count.i)
            source = self.count.o
        if self.network.readout.decision is Decision.ARGMAX:
            m.submodules.argmax = argmax = ArgmaxReadout(layout=self.output_layout)
            wiring.connect(m, source, argmax.i)
            source = argmax.o
        wiring.connect(m, source, wiring.flipped(self.o))
        with m.If(self.clear):
            m.d.sync += self.counters.cycles.eq(0)
        with m.Else():
            m.d.sync += self.counters.cycles.eq(self.counters.cycles + 1)
        return m

    def _watch(self, m: Module, k: int, core: Core) -> None:
        layout = core.config.target
        valid = Signal(name=f"probe_{k}_valid")
        ready = Signal(name=f"probe_{k}_ready")
        payload = Signal(layout.width, name=f"probe_{k}_payload")
        m.d.comb += [
            valid.eq(core.o.valid),
            ready.eq(core.o.ready),
            payload.eq(core.o.payload.as_value()),
        ]
        m.submodules[f"counters_{k}"] = counters = CoreCounters(neurons=core.config.n)
        m.d.comb += counters.clear.eq(self.clear)
        for event in ("row", "spike_in", "spike_out", "stall", "busy"):
            m.d.comb += getattr(counters, event).eq(getattr(core, event))
        port = getattr(self.counters, f"core{k}")
        for name, member in _COUNTERS.items():
            m.d.comb += getattr(port, name).eq(getattr(counters, member))
