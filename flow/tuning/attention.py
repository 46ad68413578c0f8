"""Spiking transformers: self-attention of spikes alone, after Spikformer V2.

Zhou et al. (Spikformer V2, arXiv 2401.02020; Spikformer, ICLR 2023, arXiv 2209.15425) put a spiking
convolutional stem before blocks of spiking self-attention, which has no softmax. Confirmed in the
authors' published code, which is that of the first version (ZK-Zhou/spikformer): neurons of
SpikingJelly with tau = 2 and its other defaults (a decaying input, threshold 1, reset to 0), of the
attention with the threshold 1/2; the image goes in in every step; a convolution of 3 x 3 whose
spikes are added to the stem's gives positions; with S for such neurons a block is, token by token::

    q, k, v = S(BN(W x));   a = S_half(q (k^T v) / 8);   x = x + S(BN(W_p a))
    x = x + S(BN(W_2 S(BN(W_1 x))))

where spikes are added, so that x counts 0, 1, 2 and so on; the mean over tokens and steps is
classified. Of the second version the abstract was read: its stem has more convolutions, and it is
trained by reconstruction first, which is left out here. Their figures are of ImageNet.

In integers every neuron is ::

    v = (v + x) >> 1;   fires if v >= th, then v = 0

which is theirs exactly: floor((floor(a) + n) / 2) = floor((a + n) / 2), so that no fraction is ever
missed. An attention of threshold 1/2 on Y / 8, with u = 8 v, is u = (u + Y) >> 1 and the threshold
4. There are no batch norms: they would become a threshold and a bias of each channel, and these are
learnt in their place, with that of the attention. Sums of spikes are neurons that fire as often as
they were hit and remember nothing. Means are sums, as only the largest output counts. The stem is
one convolution of the size and the distance of the patches.
"""

from dataclasses import dataclass

import numpy as np

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import (
    Connection,
    Decision,
    Encoding,
    Fire,
    Identity,
    Input,
    Leak,
    LeakOrder,
    Mode,
    Network,
    Operator,
    Payload,
    Population,
    Product,
    Readout,
    ReadoutKind,
    Reset,
    Soma,
    Window,
    WindowKind,
)

__all__ = ["SpikformerConfig", "spikformer"]

THRESHOLD = 256
ATTENTION_THRESHOLD = 4
WIDE = 2.5  # standard deviations that weights are drawn within
DARK = 0.15  # of an image's pixels, roughly, as squares
SPEAKING = 0.2  # of neurons, roughly


@dataclass(frozen=True, kw_only=True)
class SpikformerConfig:
    """Sizes of a Spikformer.

    Parameters
    ----------
    name : of the network. image : height and width, in whole patches. patch : its side; tokens are
        as many as patches. levels : pixels are from 0 to this, which is a value of 1.
    width : channels of a token. heads : of the attention. hidden : channels within a block.
    blocks : behind each other. classes : outputs. steps : T. weight_bits : of all weights.

    Raises
    ------
    ConfigurationError
        If a number is not legal, the image is no whole number of patches, or the width of heads.
    """

    name: str
    image: tuple[int, int]
    patch: int
    width: int = 32
    heads: int = 2
    hidden: int = 64
    blocks: int = 1
    classes: int = 10
    levels: int = 15
    steps: int = 4
    weight_bits: int = 6

    def __post_init__(self) -> None:
        for key in ("patch", "width", "heads", "hidden", "blocks", "classes", "levels", "steps"):
            value = getattr(self, key)
            if type(value) is not int or value < 1:
                raise ConfigurationError(
                    "must be an integer of at least 1", found=repr(value), where=key
                )
        if any(side < 1 or side % self.patch for side in self.image):
            raise ConfigurationError(
                f"an image must be whole patches of {self.patch} x {self.patch}",
                found=" x ".join(map(str, self.image)),
                where="image",
            )
        if self.width % self.heads:
            raise ConfigurationError(
                f"must be whole heads of {self.heads}", found=str(self.width), where="width"
            )

    @property
    def tokens(self) -> tuple[int, int]:
        """Patches along y and x."""
        high, wide = self.image
        return high // self.patch, wide // self.patch


def spikformer(config: SpikformerConfig, seed: int = 0) -> Network:
    """An untrained Spikformer; weights are drawn by ``seed``.

    Populations: ``stem`` and ``place``, both added to ``x0``; of each block b from 1 ``q``, ``k``,
    ``v``, ``a``, ``p``, the sum ``y``, ``m``, ``o``, and the sum ``x``, all with the number b
    behind; ``out``, a membrane. Shapes are [channels, y, x].
    """
    parts = _Parts(config, seed)
    width, hidden = config.width, config.hidden
    patch = parts.window(1, width, config.patch, DARK * config.levels**2)
    parts.spiking("stem", width, [("image", patch)])
    around = parts.window(width, width, 3, SPEAKING, padding=1)
    parts.spiking("place", width, [("stem", around)])
    parts.added("x0", "stem", "place", 2)
    for block in range(1, config.blocks + 1):
        x, y = f"x{block - 1}", f"y{block}"
        for name in ("q", "k", "v"):
            operator = parts.window(width, width, 1, SPEAKING * 2 * block)
            parts.spiking(f"{name}{block}", width, [(x, operator)])
        product = Product(keys=f"k{block}", values=f"v{block}", heads=config.heads)
        parts.spiking(f"a{block}", width, [(f"q{block}", product)], threshold=ATTENTION_THRESHOLD)
        after = parts.window(width, width, 1, SPEAKING)
        parts.spiking(f"p{block}", width, [(f"a{block}", after)])
        parts.added(y, x, f"p{block}", 2 * block + 1)
        inner = parts.window(width, hidden, 1, SPEAKING * (2 * block + 1))
        parts.spiking(f"m{block}", hidden, [(y, inner)])
        outer = parts.window(hidden, width, 1, SPEAKING)
        parts.spiking(f"o{block}", width, [(f"m{block}", outer)])
        parts.added(f"x{block}", y, f"o{block}", 2 * block + 2)
    return parts.network()


class _Parts:
    """Populations and connections as they come; each hears what came before it."""

    def __init__(self, config: SpikformerConfig, seed: int) -> None:
        self.config = config
        self.rng = np.random.default_rng(seed)
        self.populations: list[Population] = []
        self.connections: list[Connection] = []

    def window(self, pre: int, post: int, kernel: int, power: float, *, padding: int = 0) -> Window:
        """Normal weights that spread charges by 1.5 thresholds, of levels with a mean square.

        A kernel of 1 or of 3 with padding keeps the tokens, another one is as far apart as wide.
        """
        most = (1 << (self.config.weight_bits - 1)) - 1
        spread = 1.5 * THRESHOLD / (power * pre * kernel**2) ** 0.5
        shift = max(0, int(np.ceil(np.log2(WIDE * spread / most))))
        drawn = self.rng.standard_normal((post, pre, kernel, kernel)) * spread / 2**shift
        return Window(
            kind=WindowKind.CONVOLUTION,
            kernel=(kernel, kernel),
            stride=(1, 1) if padding else (kernel, kernel),
            padding=(padding, padding),
            dilation=(1, 1),
            output_padding=(0, 0),
            weights=np.rint(drawn).clip(-most, most).astype(np.int64),
            weight_bits=self.config.weight_bits,
            shift=shift,
        )

    def spiking(
        self,
        name: str,
        channels: int,
        sources: list[tuple[str, Operator]],
        *,
        threshold: int = THRESHOLD,
    ) -> None:
        """LIF: (v + x) >> 1, reset to 0, with a threshold and a bias of each channel."""
        soma = Soma(
            fire=Fire.BINARY,
            threshold=np.full(channels, threshold),
            bias=np.zeros(channels, np.int64),
            reset=Reset.VALUE,
            leak_v=Leak(multiplier=1, shift=1),
            leak_order=LeakOrder.AFTER,
        )
        self._add(name, (channels, *self.config.tokens), soma, Payload.UNIT, sources)

    def added(self, name: str, one: str, other: str, most: int) -> None:
        """The spikes of two, up to ``most`` of a neuron in a step; nothing is left of them."""
        shape = self.populations[-1].shape
        soma = Soma(fire=Fire.BURST, threshold=np.array([1]), max_level=most)
        self._add(name, shape, soma, Payload.GRADED, [(one, Identity()), (other, Identity())])

    def network(self) -> Network:
        """With a readout: a linear layer of the sum over all tokens."""
        config = self.config
        last = self.populations[-1]
        ones, none = (1, 1), (0, 0)
        pool = Window(
            kind=WindowKind.SUM_POOL,
            kernel=config.tokens,
            stride=config.tokens,
            padding=none,
            dilation=ones,
            output_padding=none,
        )
        linear = self.window(config.width, config.classes, 1, 1.0)
        read = Window(
            kind=linear.kind,
            kernel=linear.kernel,
            stride=linear.stride,
            padding=none,
            dilation=ones,
            output_padding=none,
            weights=linear.weights,
            weight_bits=linear.weight_bits,
            shift=0,
            pool=pool,
        )
        soma = Soma(fire=Fire.NONE)
        self._add("out", (config.classes, 1, 1), soma, Payload.UNIT, [(last.name, read)])
        source = Input(
            name="image",
            shape=(1, *config.image),
            payload=Payload.UNIT if config.levels == 1 else Payload.GRADED,
            low=0,
            high=config.levels,
            encoding=Encoding.CONSTANT,
            step=1 / config.levels,
        )
        return Network(
            name=config.name,
            inputs=(source,),
            populations=tuple(self.populations),
            connections=tuple(self.connections),
            readout=Readout(population="out", kind=ReadoutKind.MEMBRANE, decision=Decision.ARGMAX),
            modes=(Mode.STEPWISE,),
            max_steps=config.steps,
        )

    def _add(
        self,
        name: str,
        shape: tuple[int, ...],
        soma: Soma,
        payload: Payload,
        sources: list[tuple[str, Operator]],
    ) -> None:
        self.populations.append(Population(name=name, shape=shape, soma=soma, payload=payload))
        self.connections += [
            Connection(source=source, target=name, operator=operator)
            for source, operator in sources
        ]
