"""Parts of networks of tokens, that are put together by hand: linear layers, neurons, sums."""

from collections.abc import Sequence
from math import prod

import numpy as np

from spikewright.golden.spec import (
    Connection,
    Decision,
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
    Readout,
    ReadoutKind,
    Reset,
    Soma,
    Window,
    WindowKind,
)

__all__ = ["SPEAKING", "THRESHOLD", "Parts"]

THRESHOLD = 256
WIDE = 2.5  # standard deviations that weights are drawn within
SPREAD = 1.5  # of a charge, in thresholds
SPEAKING = 0.2
"""Of binary neurons, roughly, in a step: the mean square of their levels."""

Sources = Sequence[tuple[str, Operator]]


class Parts:
    """Populations and connections as they come; each hears what came before it.

    Parameters
    ----------
    seed : of all weights. weight_bits : of each.
    """

    def __init__(self, seed: int, weight_bits: int) -> None:
        self.rng, self.weight_bits = np.random.default_rng(seed), weight_bits
        self.populations: list[Population] = []
        self.connections: list[Connection] = []

    def window(
        self,
        pre: int,
        post: int,
        kernel: tuple[int, ...],
        power: float,
        *,
        stride: tuple[int, ...] | None = None,
        padding: tuple[int, ...] | None = None,
        groups: int = 1,
        unit: int = THRESHOLD,
    ) -> Window:
        """Normal weights that spread charges by 1.5 units, of levels of a mean square.

        Parameters
        ----------
        pre, post : channels. kernel, stride, padding : as torch has them, 1 and 0 by default.
        power : mean square of what comes in.
        groups : blocks of channels that do not hear each other.
        unit : the target's threshold.
        """
        ones, none = (1,) * len(kernel), (0,) * len(kernel)
        most = (1 << (self.weight_bits - 1)) - 1
        spread = SPREAD * unit / (power * (pre // groups) * prod(kernel)) ** 0.5
        shift = max(0, int(np.ceil(np.log2(WIDE * spread / most))))
        drawn = self.rng.standard_normal((post, pre // groups, *kernel)) * spread / 2**shift
        return Window(
            kind=WindowKind.CONVOLUTION,
            kernel=kernel,
            stride=ones if stride is None else stride,
            padding=none if padding is None else padding,
            dilation=ones,
            output_padding=none,
            groups=groups,
            weights=np.rint(drawn).clip(-most, most).astype(np.int64),
            weight_bits=self.weight_bits,
            shift=shift,
        )

    def lif(
        self,
        name: str,
        shape: tuple[int, ...],
        sources: Sources,
        *,
        threshold: int = THRESHOLD,
        places: bool = False,
    ) -> None:
        """LIF: (v + x) >> 1, reset to 0, with a threshold and a bias of each channel.

        With ``places`` each neuron has a bias of its own, which tells tokens apart.
        """
        soma = Soma(
            fire=Fire.BINARY,
            threshold=np.full(shape[0], threshold),
            bias=np.zeros(prod(shape) if places else shape[0], np.int64),
            reset=Reset.VALUE,
            leak_v=Leak(multiplier=1, shift=1),
            leak_order=LeakOrder.AFTER,
        )
        self.add(name, shape, soma, Payload.UNIT, sources)

    def sum(self, name: str, one: str, other: str, most: int) -> None:
        """The spikes of two, up to ``most`` of a neuron in a step; nothing is left of them."""
        shape = next(each.shape for each in self.populations if each.name == one)
        soma = Soma(fire=Fire.BURST, threshold=np.array([1]), max_level=most)
        self.add(name, shape, soma, Payload.GRADED, [(one, Identity()), (other, Identity())])

    def add(
        self, name: str, shape: tuple[int, ...], soma: Soma, payload: Payload, sources: Sources
    ) -> None:
        """Any population, and what it hears in the same step."""
        self.populations.append(Population(name=name, shape=shape, soma=soma, payload=payload))
        self.connections += [
            Connection(source=source, target=name, operator=operator)
            for source, operator in sources
        ]

    def network(self, name: str, source: Input, steps: int) -> Network:
        """The network, of which the last membrane is read in the end."""
        return Network(
            name=name,
            inputs=(source,),
            populations=tuple(self.populations),
            connections=tuple(self.connections),
            readout=Readout(
                population=self.populations[-1].name,
                kind=ReadoutKind.MEMBRANE,
                decision=Decision.ARGMAX,
            ),
            modes=(Mode.STEPWISE,),
            max_steps=steps,
        )
