"""The designs that the area model is calibrated on: small and large, of every kind of part."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from spikewright.flow.plan import default_plan
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import DeltaFunction, Mode, Network
from spikewright.hdl.plan import HardwarePlan, MembraneStore, Products, Rows, Sweeps, WeightStore

from .networks import (
    binary,
    burst,
    chain,
    current,
    leaky,
    maps,
    onehot,
    onehot_unit,
    onehot_wide,
    pooled,
    residual,
)

__all__ = ["DESIGNS", "Design", "FAMILIES", "design"]

FAMILIES = ("ecp5", "ice40")


@dataclass(frozen=True, kw_only=True)
class Design:
    """A network with random weights, and a plan for it.

    Parameters
    ----------
    name : what the records call it. network : makes it; always the same one.
    mode : of the plan. options : of ``default_plan``.
    routes : whether it is placed and routed too, which takes long, for its clock.
    """

    name: str
    network: Callable[[], Network]
    mode: Mode
    options: Mapping[str, Any]
    routes: bool = False

    def made(self) -> tuple[Network, HardwarePlan]:
        """The network and the plan."""
        network = self.network()
        return network, default_plan(network, self.mode, **self.options)


def design(family: str, name: str) -> Design:
    """The design of that name; raises ConfigurationError."""
    for each in DESIGNS.get(family, ()):
        if each.name == name:
            return each
    raise ConfigurationError(f"a design of {family} must be in the list", found=repr(name))


def _made(name: str, network: Callable[[], Network], mode: Mode, **options: Any) -> Design:
    return Design(name=name, network=network, mode=mode, options=options)


_S, _T, _C = Mode.STEPWISE, Mode.SETTLE, Mode.COLLAPSED
_BLOCK, _LARGE_RAM = MembraneStore.BLOCK, MembraneStore.SPRAM
_SPARSE, _SPRAM = Rows.SPARSE, WeightStore.SPRAM
_SMALL, _MIDDLE, _LARGE = (64, 32, 10), (256, 64, 10), (784, 128, 10)

_ECP5 = (
    _made("small-collapsed", chain(_SMALL), _C, lanes=8),
    _made("small-stepwise", chain(_SMALL), _S, lanes=16),
    _made("small-settle", chain(_SMALL, high=3), _T, lanes=(16, 10)),
    _made("middle-stepwise", chain(_MIDDLE, bits=6), _S, lanes=32),
    _made("middle-collapsed-block", chain(_MIDDLE), _C, lanes=4, membranes=_BLOCK),
    _made("middle-settle-wide", chain(_MIDDLE), _T, lanes=(64, 10)),
    _made("middle-counts", chain(_MIDDLE, soma=binary, counts=True), _S, lanes=16),
    _made("middle-graded", chain(_MIDDLE, high=15, bits=6), _C, lanes=8),
    _made("graded-wide", chain(_MIDDLE, high=15, bits=6), _C, lanes=(64, 10)),
    _made("middle-serial", chain(_MIDDLE, high=15), _C, lanes=16, products=Products.SERIAL),
    _made("leaky", chain(_MIDDLE, soma=leaky), _S, lanes=16),
    _made("current", chain(_SMALL, soma=current), _S, lanes=8),
    _made("onehot", chain(_MIDDLE, soma=onehot), _S, lanes=(32, 10)),
    _made("burst", chain(_SMALL, soma=burst), _S, lanes=8),
    _made("recurrent", chain(_SMALL, soma=leaky, recurrent=True), _S, lanes=16),
    _made("deep-shared", chain((96, 32, 32, 32, 10)), _C, lanes=8, share=[("h0", "h1", "h2")]),
    _made("parts", chain((96, 64, 10)), _S, lanes=8, partition={"h0": 2}),
    _made("large-collapsed", chain(_LARGE), _C, lanes=(16, 10)),
    _made("large-wide", chain(_LARGE), _C, lanes=(128, 10)),
    _made("maps-banked", maps(14, (8, 16)), _C, lanes=(36, 72, 10)),
    _made("maps-serial", maps(14, (8, 16)), _S, lanes=(8, 8, 10), banks=(1, 1)),
    _made("touched", maps(14, (8, 16)), _C, lanes=(16, 8, 10), sweeps=Sweeps.TOUCHED),
    _made("residual", residual, _C, lanes=16),
    _made("max-pool", pooled(DeltaFunction.MAX), _C, lanes=16),
    _made("sum-pool", pooled(None), _T, lanes=18),
    _made("overlap-small", chain(_SMALL), _C, lanes=(32, 10), sweep_lanes=4),
    _made("overlap-middle-settle", chain(_MIDDLE), _T, lanes=(64, 10), sweep_lanes=8),
    _made("overlap-middle-stepwise", chain(_MIDDLE), _S, lanes=(64, 10), sweep_lanes=4),
    _made("overlap-middle-2", chain(_MIDDLE), _C, lanes=(64, 10), sweep_lanes=4, spikes=2),
    _made("overlap-leaky", chain(_MIDDLE, soma=leaky), _S, lanes=(64, 10), sweep_lanes=8),
    _made("overlap-large", chain(_LARGE), _C, lanes=(128, 10), sweep_lanes=8),
    _made("overlap-large-2", chain(_LARGE), _C, lanes=(128, 10), sweep_lanes=16, spikes=2),
    _made("overlap-large-4", chain(_LARGE), _C, lanes=(128, 10), sweep_lanes=8, spikes=4),
    _made(
        "overlap-onehot-2",
        chain(_LARGE, soma=onehot),
        _S,
        lanes=(128, 10),
        sweep_lanes=16,
        spikes=2,
    ),
    _made(
        "overlap-onehot-few-words",
        chain(_LARGE, soma=onehot),
        _S,
        lanes=(128, 10),
        sweep_lanes=32,
        spikes=2,
    ),
    *(
        _made(name, chain(_LARGE, soma=soma), _S, lanes=(128, 10), sweep_lanes=32, spikes=2)
        for name, soma in (
            ("overlap-onehot-unit", onehot_unit),
            ("overlap-onehot-wide", onehot_wide),
        )
    ),
    _made(
        "overlap-leaky-few-words", chain(_MIDDLE, soma=leaky), _S, lanes=(64, 10), sweep_lanes=32
    ),
    _made("sparse-registers", chain(_MIDDLE, kept=(1, 16)), _C, lanes=16, rows=_SPARSE),
    _made("sparse-lutram", chain(_LARGE, kept=(4, 8)), _S, lanes=8, rows=_SPARSE),
    _made("sparse-block", chain(_LARGE, kept=(6, 4)), _T, lanes=4, rows=_SPARSE, membranes=_BLOCK),
    _made("sparse-overlap", chain(_LARGE, kept=(2, 16)), _C, lanes=16, rows=_SPARSE, sweep_lanes=4),
    _made(
        "sparse-overlap-settle",
        chain(_LARGE, kept=(1, 32)),
        _T,
        lanes=32,
        rows=_SPARSE,
        sweep_lanes=8,
    ),
    _made(
        "sparse-overlap-leaky",
        chain(_MIDDLE, soma=leaky, kept=(2, 8)),
        _S,
        lanes=8,
        rows=_SPARSE,
        sweep_lanes=8,
    ),
)

_TINY = (48, 24, 10)
_ICE40 = (
    _made("tiny-collapsed", chain(_TINY), _C, lanes=4, membranes=_BLOCK),
    _made("tiny-stepwise", chain(_TINY), _S, lanes=8, membranes=_BLOCK),
    _made("tiny-settle", chain(_TINY, high=3), _T, lanes=8, membranes=_BLOCK),
    _made("tiny-registers", chain(_TINY), _C, lanes=(12, 10)),
    _made("tiny-counts", chain(_TINY, soma=binary, counts=True), _S, lanes=4, membranes=_BLOCK),
    _made("small-collapsed", chain(_SMALL), _C, lanes=8, membranes=_BLOCK),
    _made("small-stepwise", chain(_SMALL), _S, lanes=4, membranes=_BLOCK),
    _made("small-settle", chain(_SMALL), _T, lanes=(16, 10), membranes=_BLOCK),
    _made("small-wide", chain(_SMALL, bits=3), _S, lanes=(32, 10)),
    _made("leaky", chain(_TINY, soma=leaky), _S, lanes=4, membranes=_BLOCK),
    _made("current", chain(_TINY, soma=current), _S, lanes=2, membranes=_BLOCK),
    _made("onehot", chain(_SMALL, soma=onehot), _S, lanes=8, membranes=_BLOCK),
    _made("burst", chain(_TINY, soma=burst), _S, lanes=4, membranes=_BLOCK),
    _made("recurrent", chain(_TINY, soma=leaky, recurrent=True), _S, lanes=8, membranes=_BLOCK),
    _made(
        "serial",
        chain(_TINY, high=15),
        _C,
        lanes=8,
        membranes=_BLOCK,
        products=Products.SERIAL,
    ),
    _made("graded", chain(_TINY, high=7), _C, lanes=4, membranes=_BLOCK),
    _made("maps", maps(8, (4, 8)), _C, lanes=(4, 8, 5), membranes=_BLOCK),
    _made("maps-banked", maps(8, (4, 4)), _S, lanes=(9, 9, 5), membranes=_BLOCK),
    _made("touched", maps(8, (4, 4)), _S, lanes=(4, 4, 5), membranes=_BLOCK, sweeps=Sweeps.TOUCHED),
    _made(
        "touched-collapsed",
        maps(8, (4, 8)),
        _C,
        lanes=(4, 4, 5),
        membranes=_BLOCK,
        sweeps=Sweeps.TOUCHED,
    ),
    _made("sum-pool", pooled(None), _C, lanes=(4, 8, 5), membranes=_BLOCK),
    _made("overlap-tiny", chain(_TINY), _C, lanes=(24, 10), sweep_lanes=2, membranes=_BLOCK),
    _made("overlap-tiny-settle", chain(_TINY), _T, lanes=(24, 10), sweep_lanes=4, membranes=_BLOCK),
    _made("overlap-small", chain(_SMALL), _S, lanes=(32, 10), sweep_lanes=4, membranes=_BLOCK),
    _made(
        "overlap-small-2",
        chain(_SMALL),
        _C,
        lanes=(32, 10),
        sweep_lanes=4,
        spikes=2,
        membranes=_BLOCK,
    ),
    _made("sparse", chain(_TINY, kept=(2, 4)), _C, lanes=4, rows=_SPARSE, membranes=_BLOCK),
    _made("sparse-registers", chain(_SMALL, kept=(1, 8)), _S, lanes=8, rows=_SPARSE),
    _made("sparse-overlap", chain(_SMALL, kept=(1, 8)), _C, lanes=8, rows=_SPARSE, sweep_lanes=4),
    _made(
        "sparse-overlap-settle",
        chain(_TINY, kept=(1, 8)),
        _T,
        lanes=8,
        rows=_SPARSE,
        sweep_lanes=2,
    ),
    _made("spram", chain((256, 64, 10)), _C, lanes=(16, 5), weights=_SPRAM, membranes=_BLOCK),
    _made(
        "spram-stepwise", chain((200, 48, 10)), _S, lanes=(8, 5), weights=_SPRAM, membranes=_BLOCK
    ),
    _made("spram-8", chain((384, 32, 10)), _C, lanes=(8, 5), weights=_SPRAM, membranes=_BLOCK),
    _made("spram-settle", chain((512, 32, 10)), _T, lanes=(16, 5), weights=_SPRAM),
    _made("membranes-spram", maps(28, (24, 4)), _C, lanes=(4, 4, 5), membranes=_LARGE_RAM),
    _made("membranes-spram-stepwise", maps(28, (24, 4)), _S, lanes=(6, 4, 5), membranes=_LARGE_RAM),
)

# Placed and routed as well: small ones, since that takes minutes, of every kind of stage.
_ROUTED = {
    "ecp5": (
        "graded-wide",
        "leaky",
        "maps-serial",
        "max-pool",
        "middle-graded",
        "middle-settle-wide",
        "overlap-small",
        "small-collapsed",
        "sparse-overlap",
        "sparse-registers",
    ),
    "ice40": (
        "burst",
        "maps",
        "membranes-spram",
        "overlap-tiny",
        "recurrent",
        "sparse",
        "spram",
        "tiny-collapsed",
        "tiny-registers",
        "tiny-settle",
    ),
}

DESIGNS: Mapping[str, tuple[Design, ...]] = {
    family: tuple(replace(each, routes=each.name in _ROUTED[family]) for each in designs)
    for family, designs in (("ecp5", _ECP5), ("ice40", _ICE40))
}
