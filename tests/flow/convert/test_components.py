"""Channels by principal components: their number by hand, and the mix of those that stay."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from spikewright.flow.convert import ConvertConfig, convert
from spikewright.flow.convert.components import without_redundant_channels
from spikewright.flow.importers import evaluate, import_module
from spikewright.golden.errors import ConfigurationError
from support.by_hand import linear


def spread(n: int, *shape: int, seed: int = 1) -> torch.Tensor:
    return torch.rand(n, *shape, generator=torch.Generator().manual_seed(seed)).double()


def test_the_number_of_channels_by_hand():
    """Activations that vary by 30, 3 and 1/10 in directions at right angles.

    Of the samples +-1 in three places, relu(w x + 40) is 40 +- w: variances 900, 9 and 0.01. Of
    909.01 the first has 99.009 %, the first two 99.9989 %.
    """
    signs = torch.tensor([[a, b, c] for a in (-1.0, 1) for b in (-1.0, 1) for c in (-1.0, 1)])
    module = nn.Sequential(
        linear([[30.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 0.1]], [40.0, 40.0, 40.0]),
        nn.ReLU(),
        linear([[1.0, 2.0, 3.0]], [0.5]),
    )
    graph = import_module(module, (3,))
    for share, wanted in ((0.99, 1), (0.9902, 2), (0.999, 2), (0.99999, 3), (1.0, 3)):
        found = without_redundant_channels(graph, signs.double(), share)
        assert list(found.channels.values()) == [(3, wanted)], share
    # Of two the third is gone; it is 40 on average, and nothing that the others say.
    first, second = without_redundant_channels(graph, signs.double(), 0.999).graph.stages
    assert first.branches[0].weight.tolist() == [[30, 0, 0], [0, pytest.approx(3), 0]]
    assert second.branches[0].weight.tolist() == [[pytest.approx(1), pytest.approx(2)]]
    assert second.bias.tolist() == [pytest.approx(0.5 + 3 * 40)]


def test_channels_that_others_make_up_go_and_nothing_changes():
    """h2 = h0 + 2 h1 + 5 on all samples: two components, and the mix is exact."""
    module = nn.Sequential(
        linear([[1.0, 0.0], [0.0, 1.0], [1.0, 2.0]], [0.0, 0.0, 5.0]), nn.ReLU(),
        linear([[1.0, -1.0, 1.0], [2.0, 0.0, -1.0]], [0.0, 1.0]),
    )  # fmt: skip
    graph, x = import_module(module, (2,)), spread(30, 2)
    made = without_redundant_channels(graph, x)
    assert list(made.channels.values()) == [(3, 2)]
    assert torch.allclose(evaluate(made.graph, x), evaluate(graph, x), atol=1e-9)
    fresh = spread(30, 2, seed=2)
    assert torch.allclose(evaluate(made.graph, fresh), evaluate(graph, fresh), atol=1e-9)
    # h2 varies most; of what it does not say h0 has 1 - 1/5 and h1 1 - 4/5, so h0 stays, and
    # h1 = (h2 - h0 - 5) / 2. Outputs h0 - h1 + h2 = 3/2 h0 + 1/2 h2 + 5/2, and 2 h0 - h2 + 1.
    weight = made.graph.stages[1].branches[0].weight
    assert np.allclose(weight, [[1.5, 0.5], [2, -1]])
    assert np.allclose(made.graph.stages[1].bias, [2.5, 1])


class Doubled(nn.Module):
    """Every channel of a map twice, in another size, behind norms and pools."""

    def __init__(self, transposed: bool) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.a, self.norm = nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6)
        half, sizes = self.a.weight.data[:3], torch.tensor([2.0, 0.5, 3.0])
        self.a.weight.data[3:] = half * sizes[:, None, None, None]
        self.a.bias.data[3:] = self.a.bias.data[:3] * sizes
        self.b = nn.Conv2d(6, 4, 2)
        self.t = nn.ConvTranspose2d(4, 3, 2) if transposed else nn.Conv2d(4, 3, 1)
        self.b.bias.data[:2] = 1.0  # so that both fire
        self.b.weight.data[2:] = self.b.weight.data[:2] * 2
        self.b.bias.data[2:] = self.b.bias.data[:2] * 2
        self.out = nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.avg_pool2d(torch.relu(self.norm(self.a(x))), 2)
        x = torch.relu(self.t(torch.relu(self.b(x))))
        return self.out(F.adaptive_avg_pool2d(x, 1).flatten(1))


@pytest.mark.parametrize("transposed", [False, True])
def test_maps(transposed):
    graph = import_module(Doubled(transposed).eval(), (1, 8, 8))
    x = spread(40, 1, 8, 8)
    made = without_redundant_channels(graph, x, 1 - 1e-9)
    found = list(made.channels.values())
    assert found[:2] == [(6, 3), (4, 2)]
    assert made.graph.stages[0].shape[0] == 3
    fresh = spread(10, 1, 8, 8, seed=3)
    assert torch.allclose(evaluate(made.graph, fresh), evaluate(graph, fresh), atol=1e-5)


def test_what_is_read_without_weights_stays():
    class Skip(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.out = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = torch.relu(self.a(x))
            return self.out(torch.relu(self.b(x) + x))

    graph = import_module(Skip(), (3,))
    made = without_redundant_channels(graph, spread(30, 3), 0.5)
    assert made.channels == {} and made.graph is graph


def test_too_few_samples_are_refused():
    """Of n rows at most n - 1 components can be told apart: fewer say nothing of the channels."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 12), nn.ReLU(), nn.Linear(12, 2))
    message = (
        "^layer_0: there must be more activations of a channel than channels, 12, or components "
        "cannot be told apart, found 12 in 12 samples; give more calibration data$"
    )
    config = ConvertConfig(method="st-pruning", percentile=100)
    with pytest.raises(ConfigurationError, match=message):
        convert(module, spread(12, 3).float(), config)
    convert(module, spread(17, 3).float(), config)


@pytest.mark.parametrize("reader", ["linear", "convolution"])
def test_what_means_pass_on_of_a_constant_goes_into_the_bias(reader):
    """A channel that is always 2, behind a mean of 2 x 2: its readers get what they had."""
    first = nn.Conv2d(1, 2, 1)
    first.weight.data[:, 0, 0, 0] = torch.tensor([1.0, 0.0])
    first.bias.data = torch.tensor([0.0, 2.0])
    torch.manual_seed(3)
    rest = [nn.Flatten(), nn.Linear(8, 3)]
    if reader == "convolution":
        rest = [nn.Conv2d(2, 3, 2), nn.Flatten()]
    module = nn.Sequential(first, nn.ReLU(), nn.AvgPool2d(2), *rest).eval()
    graph = import_module(module, (1, 4, 4))
    x = torch.rand(40, 1, 4, 4, generator=torch.Generator().manual_seed(4)).double()
    fewer = without_redundant_channels(graph, x)
    assert fewer.channels[graph.stages[0].name] == (2, 1)
    assert torch.allclose(evaluate(fewer.graph, x), evaluate(graph, x), atol=1e-9)
