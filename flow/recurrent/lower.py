"""The integer network of a quantised recurrent one."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from spikewright.golden.spec import (
    BiasWhen,
    Connection,
    Decision,
    Dense,
    Encoding,
    Fire,
    Input,
    IntArray,
    Mode,
    Network,
    Operator,
    Payload,
    Population,
    Readout,
    ReadoutKind,
    Soma,
    Window,
    WindowKind,
)

from .config import Form, RecurrentConfig, Rotations
from .rotations import turning

__all__ = ["lowered"]


def lowered(config: RecurrentConfig, whole: Mapping[str, IntArray]) -> Network:
    """The network, one sample of which is a step of the sequence.

    A memory's levels are too many to settle one by one, so with ``rotations`` it is collapsed only.

    Parameters
    ----------
    config : of the recurrent network. whole : its integers, as ``RecurrentNetwork.integers``
        names them.
    """
    sizes = {"hidden": config.hidden}
    somas = {"hidden": _hidden(config, whole)}
    connections = _recurrence(config, whole)
    memory = config.rotations is not None
    unit = 1 if config.rotations is None else config.rotations.unit
    for k, layer in enumerate(config.layers, 1):
        name, threshold = f"layer_{k}", layer.threshold * unit
        sizes[name], unit = layer.neurons, 1
        somas[name] = _soma(threshold, 0, layer.levels, whole[f"b_{k}"])
    sizes["out"] = config.classes
    somas["out"] = Soma(fire=Fire.NONE, bias=whole["b_out"], bias_when=BiasWhen.FIRST)
    bits = [*(layer.weight_bits for layer in config.layers), config.weight_bits]
    weights = [*(whole[f"w_{k}"] for k in range(1, len(config.layers) + 1)), whole["w_out"]]
    connections += [
        Connection(
            source=source, target=target, operator=Dense(weights=weight, weight_bits=weight_bits)
        )
        for (source, target), weight, weight_bits in zip(
            pairwise(sizes), weights, bits, strict=True
        )
    ]
    return Network(
        name=config.name,
        inputs=(_input(config),),
        populations=tuple(
            Population(
                name=name,
                shape=(n, 1) if memory and name == "hidden" else (n,),
                soma=somas[name],
                payload=Payload.UNIT if name == "out" else Payload.SIGN,
            )
            for name, n in sizes.items()
        ),
        connections=tuple(connections),
        readout=Readout(population="out", kind=ReadoutKind.MEMBRANE, decision=Decision.ARGMAX),
        modes=(Mode.SETTLE, Mode.COLLAPSED) if config.rotations is None else (Mode.COLLAPSED,),
        max_steps=1,
    )


def _input(config: RecurrentConfig) -> Input:
    delta = config.form is Form.DELTA
    payload = Payload.GRADED
    if config.input_levels == 1:
        payload = Payload.SIGN if delta else Payload.UNIT
    return Input(
        name="input",
        shape=(config.inputs,),
        payload=payload,
        low=0,
        high=config.input_levels,
        encoding=Encoding.CHANGE if delta else Encoding.ONCE,
        step=config.input_step,
    )


def _hidden(config: RecurrentConfig, whole: Mapping[str, IntArray]) -> Soma:
    if config.rotations is None:
        return _soma(config.threshold, config.low, config.levels, whole["b_h"])
    return _soma(config.rotations.threshold, config.low, config.levels, np.array([0]))


def _soma(threshold: int, low: int, high: int, bias: IntArray) -> Soma:
    """Settles to clip(floor((sum I + bias) / threshold + 1/2), low, high)."""
    return Soma(
        fire=Fire.TERNARY,
        threshold=np.array([threshold]),
        threshold_negative=np.array([1]),
        s_min=low,
        s_max=high,
        initial_v=np.array([threshold // 2]),
        bias=bias,
        bias_when=BiasWhen.FIRST,
    )


def _recurrence(config: RecurrentConfig, whole: Mapping[str, IntArray]) -> list[Connection]:
    """What the recurrent neurons hear, of the input and of themselves."""
    given: Operator
    back: Operator
    if config.rotations is None:
        bits = config.weight_bits
        given = Dense(weights=whole["w_x"], weight_bits=bits, shift=config.input_shift)
        back = Dense(weights=whole["w_h"], weight_bits=bits)
    else:
        given, back = _memory(config.rotations, whole["gains"])
    return [
        Connection(source="input", target="hidden", operator=given),
        Connection(source="hidden", target="hidden", operator=back, delay=1),
    ]


def _memory(rotations: Rotations, gains: IntArray) -> tuple[Dense, Window]:
    """Weights of the input, to the first level of each pair, and those by which pairs turn.

    These are a convolution of a kernel of 1 in as many groups as pairs: a spike fetches one row.
    """
    given = np.stack([gains, np.zeros_like(gains)], axis=1).reshape(1, -1)
    cosines, sines = (each.numpy() for each in turning(rotations))
    turns = np.stack([cosines, -sines, sines, cosines], axis=1).reshape(-1, 2, 1)
    shift = rotations.threshold.bit_length() - 1
    return (
        Dense(weights=given, weight_bits=_bits(given), shift=shift),
        Window(
            kind=WindowKind.CONVOLUTION,
            kernel=(1,),
            stride=(1,),
            padding=(0,),
            dilation=(1,),
            output_padding=(0,),
            groups=len(gains),
            weights=turns,
            weight_bits=_bits(turns),
        ),
    )


def _bits(weights: IntArray) -> int:
    """Bits of the widest, at least 2."""
    return max(2, int(np.abs(weights).max()).bit_length() + 1)
