"""Pruning: which weights go, that they stay away, and that all lanes keep equally many."""

import numpy as np
import pytest
import torch
from torch import nn

from spikewright.flow.convert import ConvertConfig, TrainConfig, convert, prepare, train
from spikewright.flow.convert.prune import balanced_mask, prune
from spikewright.flow.importers import import_module
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Dense


def network(hidden: int = 12, *, norm: bool = True) -> nn.Sequential:
    torch.manual_seed(1)
    layers: list[nn.Module] = [nn.Linear(20, hidden, bias=False)]
    if norm:
        layers.append(nn.BatchNorm1d(hidden))
    return nn.Sequential(*layers, nn.ReLU(), nn.Linear(hidden, 4)).eval()


def data(n: int = 64) -> torch.Tensor:
    return torch.rand(n, 20, generator=torch.Generator().manual_seed(2))


def labels(n: int = 64) -> torch.Tensor:
    return torch.randint(4, (n,), generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("share", [0.01, 0.3, 0.5, 0.8, 0.99])
@pytest.mark.parametrize(("n_out", "lanes"), [(12, 4), (12, 1), (12, 12), (10, 4), (5, 3)])
def test_all_lanes_keep_equally_many(share: float, n_out: int, lanes: int) -> None:
    size = np.random.default_rng(n_out).random((n_out, 9))
    mask = balanced_mask(size, share=share, lanes=lanes)
    groups = -(-n_out // lanes)
    rows = np.zeros(9, np.int64)
    for source in range(9):
        each = [int(mask[lane::lanes, source].sum()) for lane in range(lanes)]
        rows[source] = max(each)
        # Lanes that the last group does not have can miss their last one only.
        members = [len(range(lane, n_out, lanes)) for lane in range(lanes)]
        assert each == [min(rows[source], have) for have in members]
        for lane in range(lanes):
            stays, goes = size[lane::lanes, source], mask[lane::lanes, source]
            assert not goes.any() or goes.all() or stays[goes].min() > stays[~goes].max()
    assert rows.sum() == max(1, round((1 - share) * groups * 9))


def test_the_rows_that_stay_are_the_largest() -> None:
    size = np.array([[9.0, 1], [8, 1], [3, 4], [2, 4]])  # lanes of neurons 0, 2 and 1, 3
    mask = balanced_mask(size, share=0.5, lanes=2)
    # Ranks of input 0: 9 + 8, 3 + 2; of input 1: 4 + 4, 1 + 1.
    assert mask.tolist() == [[True, False], [True, False], [False, True], [False, True]]


def test_nothing_goes_where_the_share_is_nought() -> None:
    assert balanced_mask(np.zeros((6, 3)), share=0.0, lanes=2).all()


def test_size_counts_behind_the_norm() -> None:
    module = network()
    assert isinstance(module[1], nn.BatchNorm1d) and isinstance(module[0], nn.Linear)
    with torch.no_grad():
        module[0].weight.fill_(1.0)
        module[1].weight.copy_(torch.arange(1.0, 13.0))
    (mask,) = prune(import_module(module, (20,)), share=0.5, lanes=4).masks.values()
    # Of the three neurons of a lane those with the largest gain; 1.5 of 3 rows, ranked by size.
    assert mask[8:].all() and not mask[:4].any() and mask.sum() == 120


@pytest.mark.parametrize("norm", [True, False])
@pytest.mark.parametrize("epochs", [0, 3])
def test_weights_that_went_stay_away(norm: bool, epochs: int) -> None:
    config = ConvertConfig(weight_bits=4, levels=3, input_levels=3, prune=0.7, prune_lanes=4)
    quantised = prepare(network(norm=norm), data(), config)
    mask = prune(import_module(network(norm=norm), (20,)), share=0.7, lanes=4).masks
    if epochs:
        train(quantised, data(), labels(), TrainConfig(epochs=epochs, batch=16, learning_rate=0.05))
    conversion = convert(quantised, data(), config)
    first, last = (connection.operator for connection in conversion.network.connections)
    assert isinstance(first, Dense) and isinstance(last, Dense)
    (stays,) = mask.values()
    assert not first.weights[~stays.T].any()
    assert np.count_nonzero(first.weights) > 0.5 * stays.sum()
    assert np.count_nonzero(last.weights) > 0.5 * last.weights.size, "a layer of one group is left"


def test_without_pruning_nothing_is_different() -> None:
    plain, zero = (ConvertConfig(levels=3, input_levels=3, prune=share) for share in (0, 0.0))
    assert (
        convert(network(), data(), plain).network.content_hash
        == convert(network(), data(), zero).network.content_hash
    )


def test_a_layer_must_be_large_enough() -> None:
    config = ConvertConfig(prune=0.5, prune_lanes=12)
    message = (
        r"^prune: a network that is pruned must have a Linear layer of more than 12 outputs, "
        r"found none; give fewer lanes to balance for$"
    )
    with pytest.raises(ConfigurationError, match=message):
        prepare(network(), data(), config)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"prune": 1.0}, r"^prune: must be at least 0 and below 1, found 1\.0$"),
        ({"prune": -0.1}, r"^prune: must be at least 0 and below 1, found -0\.1$"),
        ({"prune": "half"}, "^prune: must be a number, found 'half'$"),
        ({"prune_lanes": 0}, "^prune_lanes: must be at least 1, found 0$"),
        ({"prune_lanes": 1.5}, r"^prune_lanes: must be a whole number, found 1\.5$"),
    ],
)
def test_what_is_refused(fields: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        ConvertConfig(**fields)  # type: ignore[arg-type]
