"""SpikMamba-like: linear attention within windows of tokens, and a diagonal scan over steps.

Chen et al. (SpikMamba, ACM Multimedia Asia 2024) see actions in event frames by linear attention
within windows and a state space model. Theirs is no network of spikes alone. Confirmed in the
authors' published code (Typistchen/SpikMamba, ``model_spikamamb_sla_8frame.py``): only the patch
embedding and the projection of q and k fire, as neurons of SpikingJelly with tau = 2, while the
neurons behind all other layers are commented out; then, of a window's n tokens, ::

    q, k = elu(q) + 1, elu(k) + 1;   v = x;   z = 1 / (q . mean(k) + 1e-6)
    y = rope(q) (rope(k)^T v / n) z + depthwise(v)

What is of spikes, or becomes so exactly, is here; a step is an event frame, and its tokens are a
window::

    x: v = (v + P e) >> 1                       fires and is reset to 0; a bias of each token
    q, k: v = (v + W x) >> 1                    the same
    q', k' = q + 1, k + 1                       elu + 1 of a spike: 0 becomes 1, and 1 becomes 2
    a: v = v + q' (k'^T x) + depthwise(x)       level = floor(v / 2**s), v -= level * 2**s
    h: v = (v >> r) + B a + D x                 a spike if v >= th, which takes nothing off
    out: v = v + C h

- q' is a neuron that hears q and a bias of 1, and fires as often: it is never silent.
- A fixed 2**s stands for n / z, the rest of a division waits for the next step, and is not lost.
- h is a diagonal scan of poles 2**-r, one for each block of channels (r = 0: a pole of 1), which no
  floor ever changes; what is sent of it is whether it is above a threshold.

What is not of spikes is left to a host, and not here: SiLU gates, GELU, layer norms, rotary
positions, the z of each token, dropout, and of the variant with Mamba the selective scan, whose
poles follow the input through softplus and exp.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2

import numpy as np

from spikewright.flow.tuning.parts import SPEAKING, THRESHOLD, Parts
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import (
    Dense,
    Encoding,
    Fire,
    Identity,
    Input,
    Leak,
    Network,
    Payload,
    Product,
    Reset,
    Soma,
)

__all__ = ["FIXED", "SpikmambaConfig", "spikmamba"]

FIXED = ("more_q", "more_k", "a")
"""Populations whose numbers are no matter of training."""

LEVELS = 15


@dataclass(frozen=True, kw_only=True)
class SpikmambaConfig:
    """Sizes of a SpikMamba-like network.

    Parameters
    ----------
    name : of the network. inputs : of a frame, in whole patches of ``patch``, a token each.
    steps : frames of a sample. width : channels of a token. heads : of the attention.
    scans : shifts r, of as many blocks of channels. classes : outputs. weight_bits : of all.

    Raises
    ------
    ConfigurationError
        If a number is not legal, the inputs are no whole number of patches, or the width none of
        heads or scans.
    """

    name: str
    inputs: int
    patch: int
    steps: int
    width: int = 32
    heads: int = 2
    scans: Sequence[int] = (0, 1, 2, 3)
    classes: int = 10
    weight_bits: int = 6

    def __post_init__(self) -> None:
        for key in ("inputs", "patch", "steps", "width", "heads", "classes"):
            value = getattr(self, key)
            if type(value) is not int or value < 1:
                raise ConfigurationError(
                    "must be an integer of at least 1", found=repr(value), where=key
                )
        if not self.scans or any(type(r) is not int or not 0 <= r <= 15 for r in self.scans):
            raise ConfigurationError(
                "must be shifts from 0 to 15", found=str(tuple(self.scans)), where="scans"
            )
        if self.inputs % self.patch:
            raise ConfigurationError(
                f"must be whole patches of {self.patch}", found=str(self.inputs), where="inputs"
            )
        for what, parts in (("heads", self.heads), ("scans", len(self.scans))):
            if self.width % parts:
                raise ConfigurationError(
                    f"must be whole {what}, of which there are {parts}",
                    found=str(self.width),
                    where="width",
                )

    @property
    def tokens(self) -> int:
        """Patches of a frame."""
        return self.inputs // self.patch

    @property
    def divisor(self) -> int:
        """The power of two next to q' (k'^T x) where a fifth of all neurons speak."""
        each = (1 + SPEAKING) ** 2 * SPEAKING
        return 1 << max(0, round(log2(self.width // self.heads * self.tokens * each)))


def spikmamba(config: SpikmambaConfig, seed: int = 0) -> Network:
    """An untrained SpikMamba-like network; weights are drawn by ``seed``.

    Populations ``x``, ``q``, ``k``, ``more_q``, ``more_k``, ``a`` [channels, tokens], ``h0``,
    ``h1`` and so on [channels / scans, tokens], and ``out``, a membrane.
    """
    parts = Parts(seed, config.weight_bits)
    width, shape = config.width, (config.width, config.tokens)
    patch = (config.patch,)
    embedding = parts.window(1, width, patch, SPEAKING, stride=patch)
    parts.lif("x", shape, [("frame", embedding)], places=True)
    more = Soma(fire=Fire.BURST, threshold=np.array([1]), bias=np.array([1]), max_level=2)
    for name in ("q", "k"):
        parts.lif(name, shape, [("x", parts.window(width, width, (1,), SPEAKING))])
        parts.add(f"more_{name}", shape, more, Payload.GRADED, [(name, Identity())])
    near = parts.window(
        width, width, (3,), SPEAKING, padding=(1,), groups=width, unit=config.divisor
    )
    product = Product(keys="more_k", values="x", heads=config.heads)
    attention = Soma(
        fire=Fire.BURST,
        threshold=np.array([config.divisor]),
        threshold_negative=np.array([1]),
        max_level=LEVELS,
    )
    parts.add("a", shape, attention, Payload.GRADED, [("more_q", product), ("x", near)])
    block = width // len(config.scans)
    for k, r in enumerate(config.scans):
        scan = Soma(
            fire=Fire.BINARY,
            threshold=np.full(block, THRESHOLD),
            bias=np.zeros(block, np.int64),
            reset=Reset.NONE,
            leak_v=Leak(multiplier=1, shift=r) if r else None,
        )
        into = parts.window(width, block, (1,), 1.0)
        past = parts.window(width, block, (1,), SPEAKING)
        parts.add(f"h{k}", (block, config.tokens), scan, Payload.UNIT, [("a", into), ("x", past)])
    n = block * config.tokens
    most = (1 << (config.weight_bits - 1)) - 1
    drawn = parts.rng.standard_normal((len(config.scans), n, config.classes)) * most / 4
    codes = np.rint(drawn).clip(-most, most).astype(np.int64)
    read = [
        (f"h{k}", Dense(weights=each, weight_bits=config.weight_bits))
        for k, each in enumerate(codes)
    ]
    parts.add("out", (config.classes,), Soma(fire=Fire.NONE), Payload.UNIT, read)
    source = Input(
        name="frame",
        shape=(1, config.inputs),
        payload=Payload.UNIT,
        low=0,
        high=1,
        encoding=Encoding.EVENTS,
    )
    return parts.network(config.name, source, config.steps)
