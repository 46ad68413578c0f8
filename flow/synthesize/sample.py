"""The sample that a bitstream carries: its tokens, and all that the golden model answers."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikewright.flow.cosim.golden import golden_streams
from spikewright.flow.cosim.streams import OUTPUT, TokenStream, frame_name, frame_streams
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Decision, Mode, Network
from spikewright.hdl.make_configs import node_layouts
from spikewright.hdl.plan import HardwarePlan

__all__ = ["StoredSample", "Tokens", "memories_of", "stored_sample"]

Values = npt.NDArray[np.int64]
Tokens = tuple[Values, Values, Values]
"""Kind, neuron and payload of tokens, each [tokens]."""


@dataclass(frozen=True, kw_only=True, eq=False)
class StoredSample:
    """``inputs``: the tokens of each input in the network's order. ``output``: those that must come
    out; their order within a step means nothing. ``label``: None where there is none, or a map.
    ``steps``: what encoders make of frames.
    """

    inputs: tuple[Tokens, ...]
    output: Tokens
    label: int | None
    steps: int


def stored_sample(
    network: Network,
    mode: Mode,
    values: Values | Mapping[str, Values],
    *,
    steps: int | None = None,
    encoders: bool = False,
) -> StoredSample:
    """Encode one sample for a mode and run it through the golden model.

    Parameters
    ----------
    values : integer inputs [1, n], or [1, steps, n] for events; by name where there are several.
    steps : as ``Model.run``. encoders : whether the inputs are sent as frames.

    Raises
    ------
    ConfigurationError
        If there is not exactly one sample.
    """
    arrays = list(values.values()) if isinstance(values, Mapping) else [values]
    if any(len(array) != 1 for array in arrays):
        raise ConfigurationError("one sample can be stored", found=f"{len(arrays[0])}")
    streams = golden_streams(network, mode, values, steps)
    names = {each.name: each.name for each in network.inputs}
    if encoders:
        by_name = values if isinstance(values, Mapping) else {network.inputs[0].name: values}
        frames = frame_streams(network, by_name)
        streams |= frames
        names = {name: frame_name(name) if frame_name(name) in frames else name for name in names}
    output = _tokens(streams[OUTPUT])
    read = network.population(network.readout.population)
    labelled = network.readout.decision is Decision.ARGMAX and read.positions == 1
    return StoredSample(
        inputs=tuple(_tokens(streams[name]) for name in names.values()),
        output=output,
        label=int(output[1][-1]) if labelled else None,
        steps=steps or network.max_steps,
    )


def memories_of(
    sample: StoredSample, network: Network, plan: HardwarePlan
) -> list[tuple[int, int]]:
    """(rows, bits) of the tokens that are kept for each input; a single one is wires."""
    layouts = node_layouts(network, plan)
    return [
        (len(tokens[0]), layouts[each.name].width)
        for each, tokens in zip(network.inputs, sample.inputs, strict=True)
        if len(tokens[0]) > 1
    ]


def _tokens(stream: TokenStream) -> Tokens:
    return stream.kind, stream.address, stream.payload
