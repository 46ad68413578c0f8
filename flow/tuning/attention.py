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

from dataclasses import dataclass, replace

from spikewright.flow.tuning.parts import SPEAKING, Parts
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import (
    Encoding,
    Fire,
    Input,
    Network,
    Payload,
    Product,
    Soma,
    Window,
    WindowKind,
)

__all__ = ["SpikformerConfig", "spikformer"]

ATTENTION_THRESHOLD = 4
DARK = 0.15  # of an image's pixels, roughly, as squares


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
    hidden: int = 128
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
    parts = Parts(seed, config.weight_bits)
    shape, hidden = (config.width, *config.tokens), (config.hidden, *config.tokens)
    width, one = config.width, (1, 1)
    far = (config.patch, config.patch)
    patch = parts.window(1, width, far, DARK * config.levels**2, stride=far)
    parts.lif("stem", shape, [("image", patch)])
    around = parts.window(width, width, (3, 3), SPEAKING, padding=one)
    parts.lif("place", shape, [("stem", around)])
    parts.sum("x0", "stem", "place", 2)
    for block in range(1, config.blocks + 1):
        x, y = f"x{block - 1}", f"y{block}"
        for name in ("q", "k", "v"):
            operator = parts.window(width, width, one, SPEAKING * 2 * block)
            parts.lif(f"{name}{block}", shape, [(x, operator)])
        product = Product(keys=f"k{block}", values=f"v{block}", heads=config.heads)
        parts.lif(f"a{block}", shape, [(f"q{block}", product)], threshold=ATTENTION_THRESHOLD)
        after = parts.window(width, width, one, SPEAKING)
        parts.lif(f"p{block}", shape, [(f"a{block}", after)])
        parts.sum(y, x, f"p{block}", 2 * block + 1)
        inner = parts.window(width, config.hidden, one, SPEAKING * (2 * block + 1))
        parts.lif(f"m{block}", hidden, [(y, inner)])
        outer = parts.window(config.hidden, width, one, SPEAKING)
        parts.lif(f"o{block}", shape, [(f"m{block}", outer)])
        parts.sum(f"x{block}", y, f"o{block}", 2 * block + 2)
    linear = parts.window(width, config.classes, one, 1.0)
    mean = replace(linear, shift=0, pool=_pool(config.tokens))
    silent = Soma(fire=Fire.NONE)
    last = f"x{config.blocks}"
    parts.add("out", (config.classes, 1, 1), silent, Payload.UNIT, [(last, mean)])
    source = Input(
        name="image",
        shape=(1, *config.image),
        payload=Payload.UNIT if config.levels == 1 else Payload.GRADED,
        low=0,
        high=config.levels,
        encoding=Encoding.CONSTANT,
        step=1 / config.levels,
    )
    return parts.network(config.name, source, config.steps)


def _pool(tokens: tuple[int, int]) -> Window:
    """The sum over all tokens."""
    return Window(
        kind=WindowKind.SUM_POOL,
        kernel=tokens,
        stride=tokens,
        padding=(0, 0),
        dilation=(1, 1),
        output_padding=(0, 0),
    )
