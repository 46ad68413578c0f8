"""Decoding of synthetic spikes: the data, what is learnt, its filter, and the hardware."""

import numpy as np
import pytest
import torch

from spikewright.flow.convert import SquaredError, TrainConfig
from spikewright.flow.plan import default_plan
from spikewright.flow.readouts import with_readout
from spikewright.flow.tuning import Leaks, Trainable, tune
from spikewright.flow.tuning.decoding import (
    Cortex,
    decoder,
    filter_operations,
    fitted,
    r_squared,
)
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.model import Model
from spikewright.golden.spec import Mode, ReadoutKind
from support.fuzz import Case, check


def test_the_data_are_tuned_to_cosines() -> None:
    cortex = Cortex(channels=12)
    x, v = cortex.record(200, 250, recording=0)
    assert x.dtype == np.int8 and x.shape == (200, 250, 12) and set(np.unique(x)) == {0, 1}
    assert v.shape == (200, 250, 2) and 0.2 < (np.abs(v).sum(-1) == 0).mean() < 0.5  # rests
    speed = np.linalg.norm(v, axis=-1)
    assert 1.3 < speed.max() <= 1.5
    # Each channel's mean rate follows the angle of movement as a cosine: one circle explains it.
    angle = np.arctan2(v[..., 1], v[..., 0])[speed > 0.3]
    spikes = x[speed > 0.3]
    basis = np.stack([np.ones_like(angle), np.cos(angle), np.sin(angle)], axis=1)
    found, *_ = np.linalg.lstsq(basis, spikes, rcond=None)
    depth = np.linalg.norm(found[1:], axis=0) / 0.004
    assert (depth > 1).all() and (depth < 20).all()
    best = np.arctan2(found[2], found[1])
    angles = np.random.default_rng(0).uniform(0, 2 * np.pi, 12)  # as the cortex draws them first
    assert np.cos(best - angles).min() > 0.9
    again, _ = cortex.record(200, 250, recording=0)
    other, _ = cortex.record(200, 250, recording=1)
    assert np.array_equal(again, x) and not np.array_equal(other, x)


def test_scores_by_hand() -> None:
    wanted = np.array([[[0.0, 1.0], [2.0, 3.0]]])
    found = np.array([[[0, 2], [4, 6]]])
    assert fitted(found, wanted) == pytest.approx([0.5, 0.5])
    assert r_squared(found * 0.5, wanted) == 1
    assert r_squared(np.array([[[1.0, 1.0], [1.0, 3.0]]]), wanted) == pytest.approx(0.5)
    assert filter_operations(2) == 18 and filter_operations(4, axes=1) == 18


def both_ways(x: np.ndarray, readout) -> np.ndarray:
    """The filter in floating point, every block forwards and backwards from rest."""
    found = x.astype(np.float64) * 2**readout.fraction
    for start in range(0, x.shape[1], readout.block):
        part = found[:, start : start + readout.block]
        for _ in range(2):
            for rule in readout.biquads:
                one = 2.0**rule.shift
                y = np.zeros((len(part), part.shape[1] + 2, part.shape[2]))
                u = np.concatenate([np.zeros_like(y[:, :2]), part], axis=1)
                for t in range(2, u.shape[1]):
                    fed = rule.b0 * (u[:, t] + 2 * u[:, t - 1] + u[:, t - 2])
                    y[:, t] = (fed - rule.a1 * y[:, t - 1] - rule.a2 * y[:, t - 2]) / one
                part = y[:, 2:]
            part = part[:, ::-1]
        found[:, start : start + readout.block] = part
    return found


def test_it_learns_and_the_filter_helps() -> None:
    """In short: R2 rises by the filter, whose integers are as good as floating point."""
    cortex, steps = Cortex(channels=48), 160
    x, v = cortex.record(64, steps, recording=0)
    module = Trainable(decoder(48, steps, hidden=(16, 24)), thresholds=True, leaks=Leaks.MULTIPLIER)
    config = TrainConfig(epochs=4, batch=8, learning_rate=1e-2)
    tuned = tune(
        module, torch.tensor(x), torch.tensor(v), config, objective=SquaredError(scale=4e-4)
    )
    x, v = cortex.record(40, steps, recording=1)
    raw = Model(tuned.network).run(x, mode=Mode.STEPWISE).values.numpy()
    score = r_squared(raw * fitted(raw, v), v)
    low = with_readout(tuned.network, ReadoutKind.STREAM, low_pass=(2, 0.05), fraction=4, block=160)
    smooth = Model(low).run(x, mode=Mode.STEPWISE).values.numpy()
    assert r_squared(smooth * fitted(smooth, v), v) > score + 0.03 > 0.15
    assert r_squared(smooth, both_ways(raw, low.readout)) > 0.9999


@pytest.mark.parametrize("block", [5, pytest.param(None, marks=pytest.mark.rest)])
def test_hardware(block, tmp_path) -> None:
    """Every spike and every value of the Verilog is the golden model's."""
    network = with_readout(
        decoder(6, 12, hidden=(5, 7)),
        ReadoutKind.STREAM,
        low_pass=(2, 0.2),
        fraction=4,
        block=block,
    )
    case = Case(
        network=network,
        plan=default_plan(network, Mode.STEPWISE, lanes=4),
        inputs={"in": np.random.default_rng(0).integers(0, 2, (2, 12, 6))},
        steps=12,
        keep=None,
        stalls=(None, "01"),
    )
    check(case, tmp_path)


def test_refusals() -> None:
    with pytest.raises(ConfigurationError) as error:
        Cortex(channels=0)
    assert str(error.value) == (
        "cortex: there must be a channel, and bins of more than 0 and less than 0.02 s, found 0, "
        "0.004 s"
    )
