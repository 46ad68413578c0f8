"""The networks whose speed is measured: leaky neurons that every framework computes alike.

A leak of one half is exact in floating point and, being dyadic, as good as exact in integers: the
integer membrane is the floor of the real one, so both cross an integer threshold in the same step
(see ``Soma``). With a reset to zero, no other rounding is left.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikewright.golden.spec import (
    Connection,
    Decision,
    Dense,
    Encoding,
    Fire,
    Input,
    Leak,
    Mode,
    Network,
    Payload,
    Population,
    Readout,
    ReadoutKind,
    Reset,
    Soma,
)

__all__ = ["SMALL", "SUBJECTS", "WIDE", "Subject"]

_WEIGHT_BITS = 4
_INPUT = "input"


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A chain of dense layers of random weights, and random events for it.

    ``sizes``: neurons of input, layers and output. ``lanes`` of each layer's core. ``density``:
    share of the input neurons that fire in a step. ``thresholds`` of the layers.
    ``model_samples``, ``simulated_samples``: how many are measured.
    """

    name: str
    sizes: tuple[int, ...]
    lanes: tuple[int, ...]
    density: float
    thresholds: tuple[int, ...]
    model_samples: int
    simulated_samples: int
    steps: int = 8
    seed: int = 1

    def network(self) -> Network:
        """The integer network; it runs stepwise and its output spikes are counted."""
        rng = np.random.default_rng(self.seed)
        limit = (1 << (_WEIGHT_BITS - 1)) - 1
        names = [_INPUT, *(f"layer_{k}" for k in range(1, len(self.sizes)))]
        populations, connections = [], []
        for k, (n, threshold) in enumerate(zip(self.sizes[1:], self.thresholds, strict=True)):
            soma = Soma(
                fire=Fire.BINARY,
                threshold=np.array([threshold]),
                reset=Reset.VALUE,
                leak_v=Leak(shift=1),
            )
            populations.append(
                Population(name=names[k + 1], shape=(n,), soma=soma, payload=Payload.UNIT)
            )
            weights = rng.integers(-limit, limit + 1, (self.sizes[k], n))
            connections.append(
                Connection(
                    source=names[k],
                    target=names[k + 1],
                    operator=Dense(weights=weights, weight_bits=_WEIGHT_BITS),
                )
            )
        return Network(
            name=self.name,
            inputs=(
                Input(
                    name=_INPUT,
                    shape=self.sizes[:1],
                    payload=Payload.UNIT,
                    low=0,
                    high=1,
                    encoding=Encoding.EVENTS,
                ),
            ),
            populations=tuple(populations),
            connections=tuple(connections),
            readout=Readout(population=names[-1], kind=ReadoutKind.COUNT, decision=Decision.ARGMAX),
            modes=(Mode.STEPWISE,),
            max_steps=self.steps,
        )

    def inputs(self, samples: int) -> npt.NDArray[np.int8]:
        """Events [samples, steps, n]."""
        rng = np.random.default_rng(self.seed)
        events = rng.random((samples, self.steps, self.sizes[0]), dtype=np.float32) < self.density
        return events.astype(np.int8)


SMALL = Subject(
    name="small",
    sizes=(64, 32, 10),
    lanes=(8, 8),
    density=0.3,
    thresholds=(9, 9),
    model_samples=4000,
    simulated_samples=16000,
)
WIDE = Subject(
    name="wide",
    sizes=(784, 128, 10),
    lanes=(128, 10),
    density=0.1,
    thresholds=(25, 15),
    model_samples=1000,
    simulated_samples=1600,
)
SUBJECTS = (SMALL, WIDE)
