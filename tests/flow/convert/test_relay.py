"""Populations without weights, against the arithmetic they stand for."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from spikewright.flow.convert import MaxPool, Reference
from spikewright.flow.convert.connect import Sender
from spikewright.flow.convert.relay import relay
from spikewright.flow.importers import AverageStage, MaxStage, UpsampleStage
from spikewright.golden.errors import UnsupportedError
from spikewright.golden.spec import (
    BiasWhen,
    Connection,
    Decision,
    Delta,
    Dense,
    Encoding,
    Fire,
    Input,
    Mode,
    Network,
    Payload,
    Population,
    Readout,
    ReadoutKind,
    Reset,
    Soma,
    Window,
)

Relay = AverageStage | MaxStage | UpsampleStage


def sender(
    shape: tuple[int, ...], low: int, high: int, payload: Payload = Payload.GRADED
) -> Sender:
    return Sender(
        name="x",
        seen=shape,
        payload=payload,
        low=low,
        high=high,
        step=0.5,
        sign=np.ones(shape[0], dtype=np.int64),
        after=np.zeros(shape[0]),
    )


def levels(stage: Relay, x: torch.Tensor, low: int, high: int) -> torch.Tensor:
    """Levels of the relay for integer maps ``x``, by the closed form."""
    shape = tuple(x.shape[1:])
    population, connection = relay("y", stage, sender(shape, low, high), MaxPool.EXACT)
    source = Input(
        name="x",
        shape=shape,
        payload=Payload.GRADED,
        low=low,
        high=high,
        encoding=Encoding.ONCE,
    )
    silent = Soma(fire=Fire.NONE, reset=Reset.NONE, bias_when=BiasWhen.FIRST)
    last = Population(name="z", shape=(1,), soma=silent, payload=Payload.GRADED)
    ones = Dense(weights=np.ones((population.n, 1), dtype=np.int64), weight_bits=2)
    network = Network(
        name="relay",
        inputs=(source,),
        populations=(population, last),
        connections=(connection, Connection(source="y", target="z", operator=ones)),
        readout=Readout(population="z", kind=ReadoutKind.MEMBRANE, decision=Decision.RAW),
        modes=(Mode.STEPWISE, Mode.SETTLE, Mode.COLLAPSED),
        max_steps=8,
    )
    return Reference(network).levels(x.flatten(1))[0].reshape(len(x), *stage.shape)


def maps(low: int, high: int, *shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(low, high + 1, (50, *shape), generator=generator)


def test_means_of_what_lies_in_the_map_round_half_up() -> None:
    """Corners count 4 values, edges 6, the middle 9."""
    stage = AverageStage(
        name="y", shape=(2, 3, 3), source="x", kernel=(3, 3), stride=(2, 2), padding=(1, 1)
    )
    for low in (0, -3):
        x = maps(low, 3, 2, 5, 5)
        means = F.avg_pool2d(x.double(), 3, 2, 1, count_include_pad=False)
        assert torch.equal(levels(stage, x, low, 3), torch.floor(means + 0.5).long())
    population, _ = relay("y", stage, sender((2, 5, 5), 0, 3), MaxPool.EXACT)
    assert population.soma.threshold.tolist() == [8, 12, 8, 12, 18, 12, 8, 12, 8] * 2
    assert population.soma.initial_v.tolist() == [4, 6, 4, 6, 9, 6, 4, 6, 4] * 2


def test_largest_values() -> None:
    stage = MaxStage(
        name="y",
        shape=(2, 4),
        source="x",
        kernel=(3,),
        stride=(2,),
        padding=(1,),
        dilation=(1,),
    )
    x = maps(-3, 3, 2, 7)
    assert torch.equal(levels(stage, x, -3, 3), F.max_pool1d(x.double(), 3, 2, 1).long())
    population, connection = relay("y", stage, sender((2, 7), 0, 3), MaxPool.EXACT)
    assert isinstance(connection.operator, Delta)
    assert (population.soma.s_min, population.soma.s_max) == (0, 3)
    assert population.payload is Payload.SIGN


OR = MaxStage(
    name="y",
    shape=(1, 2, 2),
    source="x",
    kernel=(2, 2),
    stride=(2, 2),
    padding=(0, 0),
    dilation=(1, 1),
)


def test_an_or_fires_once_a_step_and_forgets() -> None:
    unit = sender((1, 4, 4), 0, 3, Payload.UNIT)
    population, connection = relay("y", OR, unit, MaxPool.OR)
    soma = population.soma
    assert (soma.fire, soma.reset, soma.reset_value) == (Fire.BINARY, Reset.VALUE, 0)
    assert soma.threshold.tolist() == [1] and not soma.traced
    assert population.payload is Payload.UNIT and isinstance(connection.operator, Window)


@pytest.mark.parametrize("payload", [Payload.SIGN, Payload.GRADED])
def test_an_or_of_values_is_refused(payload: Payload) -> None:
    message = (
        f"^y: an OR pool must read spikes without a value, found payload {payload} of 'x'; convert "
        'with max_pool "exact", or with input_levels 1 and samples that are never negative$'
    )
    with pytest.raises(UnsupportedError, match=message):
        relay("y", OR, sender((1, 4, 4), 0, 3, payload), MaxPool.OR)


def test_every_value_four_times() -> None:
    stage = UpsampleStage(name="y", shape=(3, 4, 6), source="x")
    x = maps(0, 3, 3, 2, 3)
    wanted = F.interpolate(x.double(), scale_factor=2).long()
    assert torch.equal(levels(stage, x, 0, 3), wanted)
