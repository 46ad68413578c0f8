"""Decoding movement from spikes of the cortex: synthetic data, the network, and its filter.

Zhou, Sun and Basu (Combining SNNs with Filtering for Efficient Neural Decoding in Implantable
Brain-Machine Interfaces, arXiv 2312.15889): the velocity of a reach in two dimensions is read of a
small spiking network in every step of 4 ms, and a Bessel low pass behind it makes it better at
little cost. Their ``SNN_Streaming`` has, in their published training script, neurons 32, 48 and 2
with leaks of 0.9, 0.7 and 0.8 and thresholds of 0.4, 0.6 and 0.5 to begin with, all learnt;
snnTorch resets the first layer by subtraction a step late, the others not at all; the velocities
are the membranes of the last, times a learnt factor each. The abstract says that two filters, both
bidirectional within blocks, gain about 5 % and 8 % of R2; their recordings are not at hand here.
Blocks of a golden ``Readout`` begin and end at rest, where scipy's ``filtfilt`` would extend them.

**The data here are synthetic**: reaches with a bell-shaped speed, neurons that are tuned to the
cosine of the angle between the velocity and a direction of their own (Georgopoulos et al., Journal
of Neuroscience 1982), and spikes drawn after Poisson, of which a bin keeps whether there was one.
What is learnt on them says how the method and the hardware behave, and nothing about a brain.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from spikewright.golden.errors import ConfigurationError
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

__all__ = ["Cortex", "decoder", "filter_operations", "fitted", "r_squared"]

FloatArray = npt.NDArray[np.float64]
AXES = 2
LEAKS = (0.9, 0.7, 0.8)
THRESHOLDS = (0.4, 0.6)
UNIT = 256  # of a weight of 1
LEAK_BITS = 8
OPERATIONS = 9  # of a biquad: 3 products, of which one is that of a sum of 3, and 4 sums


@dataclass(frozen=True, kw_only=True)
class Cortex:
    """A synthetic cortex.

    Parameters
    ----------
    channels : neurons, each with a direction, a rate at rest from 5 to 30 Hz, and a depth of 3 to
        15 Hz by which its rate rises with a speed of 1 in its direction, and falls against it.
    bin_s : seconds of a step.
    seed : of the neurons, and with the number of a recording of all that happens in it.

    Raises
    ------
    ConfigurationError
        If there is no channel, or a bin is not shorter than 20 ms.
    """

    channels: int = 96
    bin_s: float = 0.004
    seed: int = 0

    def __post_init__(self) -> None:
        if self.channels < 1 or not 0 < self.bin_s < 0.02:
            raise ConfigurationError(
                "there must be a channel, and bins of more than 0 and less than 0.02 s",
                found=f"{self.channels}, {self.bin_s} s",
                where="cortex",
            )

    def record(
        self, samples: int, steps: int, *, recording: int
    ) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
        """Spikes [samples, steps, channels], 0 or 1, and velocities [samples, steps, 2]."""
        tuning = np.random.default_rng(self.seed)
        angles = tuning.uniform(0, 2 * np.pi, self.channels)
        rest = tuning.uniform(5, 30, self.channels)
        depth = tuning.uniform(3, 15, self.channels)
        directions = np.stack([np.cos(angles), np.sin(angles)])
        rng = np.random.default_rng([self.seed, recording + 1])
        velocities = np.stack([self._movement(rng, steps) for _ in range(samples)])
        rates = np.maximum(0, rest + depth * (velocities @ directions))
        spikes = rng.poisson(rates * self.bin_s) > 0
        return spikes.astype(np.int8), velocities.astype(np.float32)

    def _movement(self, rng: np.random.Generator, steps: int) -> FloatArray:
        """Reaches of 0.4 to 0.8 s and rests of 0.1 to 0.3 s, begun anywhere within one."""
        parts: list[FloatArray] = []
        length = -int(rng.integers(0, round(0.8 / self.bin_s)))
        while length < steps:
            count = max(2, round(rng.uniform(0.4, 0.8) / self.bin_s))
            pause = round(rng.uniform(0.1, 0.3) / self.bin_s)
            angle, peak = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.5)
            along = (np.arange(count) + 0.5) / count
            speed = peak * 16 * along**2 * (1 - along) ** 2  # that of a movement of least jerk
            parts.append(np.outer(speed, [np.cos(angle), np.sin(angle)]))
            parts.append(np.zeros((pause, AXES)))
            length += count + pause
        return np.concatenate(parts)[-steps:] if length == steps else _cut(parts, steps, length)


def _cut(parts: Sequence[FloatArray], steps: int, length: int) -> FloatArray:
    whole = np.concatenate(parts)
    begin = len(whole) - length
    return whole[begin : begin + steps]


def decoder(
    channels: int,
    steps: int,
    *,
    hidden: tuple[int, int] = (32, 48),
    weight_bits: int = 8,
    seed: int = 0,
) -> Network:
    """An untrained ``SNN_Streaming``: what is read is a stream of two membranes.

    Parameters
    ----------
    channels, steps : of a sample's events, and how many at the most from reset to reset.
    hidden : neurons of the two layers that fire.
    weight_bits : of all weights. seed : of what they are drawn by.
    """
    rng = np.random.default_rng(seed)
    sizes = (channels, *hidden, AXES)
    names = ("in", "first", "second", "out")
    most = (1 << (weight_bits - 1)) - 1
    connections = []
    for k, (pre, post) in enumerate(pairwise(sizes)):
        wide = UNIT / pre**0.5
        shift = max(0, int(np.ceil(np.log2(2.5 * wide / most))))
        codes = np.rint(rng.standard_normal((pre, post)) * wide / 2**shift).clip(-most, most)
        operator = Dense(weights=codes.astype(np.int64), weight_bits=weight_bits, shift=shift)
        connections.append(Connection(source=names[k], target=names[k + 1], operator=operator))
    leaks = [_leak(share) for share in LEAKS]
    thresholds = [np.array([round(each * UNIT)]) for each in THRESHOLDS]
    first = Soma(fire=Fire.BINARY, threshold=thresholds[0], reset_delay=True, leak_v=leaks[0])
    second = Soma(fire=Fire.BINARY, threshold=thresholds[1], reset=Reset.NONE, leak_v=leaks[1])
    last = Soma(fire=Fire.NONE, leak_v=leaks[2])
    return Network(
        name="decoder",
        inputs=(
            Input(
                name="in",
                shape=(channels,),
                payload=Payload.UNIT,
                low=0,
                high=1,
                encoding=Encoding.EVENTS,
            ),
        ),
        populations=tuple(
            Population(name=name, shape=(size,), soma=soma, payload=Payload.UNIT)
            for name, size, soma in zip(names[1:], sizes[1:], (first, second, last), strict=True)
        ),
        connections=tuple(connections),
        readout=Readout(population="out", kind=ReadoutKind.STREAM, decision=Decision.RAW),
        modes=(Mode.STEPWISE,),
        max_steps=steps,
    )


def _leak(share: float) -> Leak:
    multiplier, shift = round(share * 2**LEAK_BITS), LEAK_BITS
    while multiplier % 2 == 0:
        multiplier, shift = multiplier // 2, shift - 1
    return Leak(multiplier=multiplier, shift=shift)


def fitted(found: npt.NDArray[np.number], wanted: npt.NDArray[np.number]) -> FloatArray:
    """The factor of each axis by which values [..., 2] come nearest to the wanted ones."""
    ours = np.asarray(found, np.float64).reshape(-1, found.shape[-1])
    theirs = np.asarray(wanted, np.float64).reshape(ours.shape)
    factors: FloatArray = (ours * theirs).sum(0) / np.maximum((ours**2).sum(0), 1e-30)
    return factors


def r_squared(found: npt.NDArray[np.number], wanted: npt.NDArray[np.number]) -> float:
    """R2 of values [..., n], the mean over the n."""
    ours = np.asarray(found, np.float64).reshape(-1, found.shape[-1])
    theirs = np.asarray(wanted, np.float64).reshape(ours.shape)
    spread = ((theirs - theirs.mean(0)) ** 2).sum(0)
    return float((1 - ((ours - theirs) ** 2).sum(0) / spread).mean())


def filter_operations(order: int, axes: int = AXES) -> int:
    """Products and sums that a low pass of that order takes in a step."""
    return order // 2 * OPERATIONS * axes
