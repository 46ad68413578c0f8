"""Channels scaled by their largest activation compute the same, and are one at most."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from spikewright.flow.convert.equalise import channel_maxima, equalised, may_change
from spikewright.flow.importers import Graph, evaluate, import_module
from support.by_hand import G, H, calibration, tiny


def test_by_hand():
    graph = import_module(tiny((12.0, -3.0)), (2,))
    x = calibration(1).double()
    maxima = {name: each.tolist() for name, each in channel_maxima(graph, x).items()}
    assert (maxima[H], maxima[G]) == ([3, 12], [24])
    first, second, read = equalised(graph, x).stages
    # rows of h by 3 and by 12; g's 12 * 3 and -3 * 12 by 24, its bias too; the outputs' by 24
    assert first.branches[0].weight.tolist() == [[1 / 3, 1], [2 / 12, 3 / 12]]
    assert first.bias.tolist() == [-2, 0]
    assert second.branches[0].weight.tolist() == [[1.5, -1.5]] and second.bias.tolist() == [1]
    assert read.branches[0].weight.tolist() == [[72], [-48]] and read.bias.tolist() == [0, 24]


def norm(n: int, kind: type[nn.Module] = nn.BatchNorm2d) -> nn.Module:
    layer = kind(n)
    layer.weight.data, layer.bias.data = torch.randn(n), torch.randn(n) * 0.3
    layer.running_mean, layer.running_var = torch.randn(n) * 0.3, torch.rand(n) + 0.3
    return layer


class Branching(nn.Module):
    """A sum of two convolutions with norms of their own, pools, groups, a skip, upsampling."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(2, 4, 3, padding=1)
        self.b, self.b_norm = nn.Conv2d(4, 6, 3, padding=1, groups=2), norm(6)
        self.c, self.c_norm = nn.Conv2d(4, 6, 1), norm(6)
        self.d, self.e = nn.ConvTranspose2d(6, 6, 2, groups=3), nn.Conv2d(6, 6, 1)
        self.f, self.out = nn.Linear(54, 7), nn.Linear(7, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(torch.relu(self.a(x)), 2)
        x = torch.relu(self.b_norm(self.b(x)) + self.c_norm(self.c(x)))
        x = F.interpolate(x, scale_factor=2, mode="nearest")
        x = F.avg_pool2d(torch.relu(self.d(x)), 2, 2, 1)
        x = torch.relu(self.e(x) + x)  # a skip: neither may change
        return self.out(torch.relu(self.f(x.flatten(1))))


def sequence() -> nn.Module:
    return nn.Sequential(
        nn.Conv1d(2, 5, 3), norm(5, nn.BatchNorm1d), nn.ReLU(), nn.AvgPool1d(2),
        nn.Conv1d(5, 4, 2), nn.ReLU(), nn.Flatten(), nn.Linear(12, 3),
    )  # fmt: skip


MODULES = {"branching": (Branching, (2, 4, 4)), "sequence": (sequence, (2, 10))}


def graph_of(name: str) -> tuple[Graph, torch.Tensor]:
    make, shape = MODULES[name]
    torch.manual_seed(4)
    graph = import_module(make().eval(), shape)
    return graph, torch.rand(50, *shape, generator=torch.Generator().manual_seed(1)).double()


@pytest.mark.parametrize("name", MODULES)
def test_it_computes_the_same_with_maxima_of_one(name):
    graph, x = graph_of(name)
    made = equalised(graph, x)
    fresh = torch.rand(20, *graph.input_shape, generator=torch.Generator().manual_seed(2)).double()
    wanted, found = evaluate(graph, fresh), evaluate(made, fresh)
    assert torch.allclose(found, wanted, rtol=1e-12, atol=1e-12)
    before, after = channel_maxima(graph, x), channel_maxima(made, x)
    changed = {stage.name for stage in graph.stages if may_change(graph, stage)}
    assert changed
    for stage in changed:
        alive = before[stage] > 0
        assert alive.any() and np.allclose(after[stage][alive], 1), stage
        assert not after[stage][~alive].any()
    for stage in set(before) - changed - {made.readout.name}:
        assert set(graph.readers(stage)) and stage in after


def test_what_others_see_as_it_is_stays():
    graph, x = graph_of("branching")
    chosen = [stage.name for stage in graph.stages if may_change(graph, stage)]
    # the input of the skip and the sum with it, its maximum and its upsampling are not stages of
    # weights; the readout has no activation
    assert len(chosen) == len(graph.stages) - 5
    made = {stage.name: stage for stage in equalised(graph, x).stages}
    skipped = [s for s in graph.stages if s.name not in chosen and hasattr(s, "bias")]
    # of the three the sum and its source keep their largest; the readout only hears
    for stage in skipped[:-1]:
        assert channel_maxima(graph, x)[stage.name].tolist() == pytest.approx(
            channel_maxima(equalised(graph, x), x)[stage.name].tolist()
        )
        assert np.array_equal(made[stage.name].bias, stage.bias)


def test_a_clip_and_a_norm_behind_an_activation_stay():
    module = nn.Sequential(
        nn.Linear(3, 4), nn.ReLU6(), nn.Linear(4, 4), nn.ReLU(), norm(4, nn.BatchNorm1d),
        nn.Linear(4, 2),
    ).eval()  # fmt: skip
    graph = import_module(module, (3,))
    assert [may_change(graph, stage) for stage in graph.stages] == [False, False, False]
    x = torch.rand(9, 3, generator=torch.Generator().manual_seed(1)).double()
    assert torch.equal(evaluate(equalised(graph, x), x), evaluate(graph, x))


def test_a_dead_channel_is_left_alone():
    module = tiny()
    module[0].bias.data = torch.tensor([-60.0, 0.0])
    graph = import_module(module, (2,))
    first = equalised(graph, calibration(1).double()).stages[0]
    assert first.branches[0].weight.tolist()[0] == [1, 3] and first.bias.tolist()[0] == -60
