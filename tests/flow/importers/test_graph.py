"""Every supported module is read exactly; every other is refused with its layer's name."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from spikewright.flow.importers import SUPPORTED, QuantisedReLU, Stage, import_module
from spikewright.golden.errors import ConfigurationError, UnsupportedError


def random_norm(n: int, seed: int = 0) -> nn.BatchNorm1d:
    generator = torch.Generator().manual_seed(seed)
    norm = nn.BatchNorm1d(n)
    norm.weight.data = torch.randn(n, generator=generator)
    norm.bias.data = torch.randn(n, generator=generator)
    norm.running_mean = torch.randn(n, generator=generator)
    norm.running_var = torch.rand(n, generator=generator) + 0.3
    return norm


def run(stages: tuple[Stage, ...], x: np.ndarray) -> np.ndarray:
    """The stages' own meaning, written from the docstring of Stage."""
    a = x.reshape(len(x), -1)
    for stage in stages:
        a = a @ stage.weight.T + stage.bias
        if stage.norm_before is not None:
            a = a * stage.norm_before.gain + stage.norm_before.shift
        if stage.activation is not None:
            a = stage.activation(a)
        if stage.norm_after is not None:
            a = a * stage.norm_after.gain + stage.norm_after.shift
    return a


def chain(*layers: nn.Module) -> nn.Module:
    torch.manual_seed(5)
    return nn.Sequential(*layers)


class Functional(nn.Module):
    """A body made of functions and methods; ``body`` gets (x, first, second)."""

    def __init__(self, body: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        torch.manual_seed(6)
        self.first, self.second, self.body = nn.Linear(12, 7), nn.Linear(7, 3), body

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x, self.first, self.second)


FUNCTIONAL: dict[str, Callable[..., torch.Tensor]] = {
    "F.relu": lambda x, a, b: b(F.relu(a(torch.flatten(x, 1)))),
    "torch.relu": lambda x, a, b: b(torch.relu(a(x.flatten(1)))),
    "method": lambda x, a, b: b(a(x.view(-1, 12)).relu()),
    "reshape": lambda x, a, b: b(a(x.reshape(x.shape[0], -1)).relu()),
    "size": lambda x, a, b: b(a(x.view(x.size(0), -1)).relu()),
    "relu6": lambda x, a, b: b(F.relu6(4 * 1.0 and a(torch.flatten(x, 1)))),
    "clamp": lambda x, a, b: b(torch.clamp(a(x.flatten(1)), 0, 0.3)),
    "clamp_keywords": lambda x, a, b: b(a(x.flatten(1)).clamp(min=0, max=0.3)),
    "clamp_min": lambda x, a, b: b(a(x.flatten(1)).clamp(min=0)),
    "hardtanh": lambda x, a, b: b(F.hardtanh(a(x.flatten(1)), 0.0, 0.4)),
    "dropout": lambda x, a, b: b(F.dropout(F.relu(a(x.flatten(1))), 0.5, training=False)),
}

MODULES: dict[str, nn.Module] = {
    "plain": chain(nn.Flatten(), nn.Linear(12, 7), nn.ReLU(), nn.Linear(7, 3)),
    "readout_only": chain(nn.Flatten(), nn.Linear(12, 3, bias=False)),
    "norm_before": chain(
        nn.Flatten(), nn.Linear(12, 7), random_norm(7), nn.ReLU(), nn.Linear(7, 3)
    ),
    "norm_after": chain(
        nn.Flatten(), nn.Linear(12, 7), nn.ReLU6(), random_norm(7), nn.Dropout(), nn.Linear(7, 3)
    ),
    "norms_everywhere": chain(
        nn.Flatten(),
        random_norm(12),
        nn.Linear(12, 7),
        random_norm(7, 1),
        random_norm(7, 2),
        nn.ReLU(),
        random_norm(7, 3),
        random_norm(7, 4),
        nn.Linear(7, 3),
        random_norm(3, 5),
    ),
    "merged": chain(
        nn.Flatten(),
        nn.Linear(12, 8),
        random_norm(8),
        nn.Identity(),
        nn.Linear(8, 4),
        nn.ReLU(),
        nn.Linear(4, 3),
    ),
    "clipped_twice": chain(
        nn.Flatten(), nn.Linear(12, 7), nn.ReLU(), nn.Hardtanh(0.0, 0.2), nn.Linear(7, 3)
    ),
    "quantised": chain(nn.Flatten(), nn.Linear(12, 7), QuantisedReLU(3, 0.17), nn.Linear(7, 3)),
    "nested": chain(
        nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(12, 7), nn.ReLU())), nn.Linear(7, 3)
    ),
    **{name: Functional(body) for name, body in FUNCTIONAL.items()},
}


@pytest.mark.parametrize("name", MODULES)
def test_stages_compute_what_the_module_computes(name: str) -> None:
    module = MODULES[name].double().eval()
    x = torch.randn(40, 3, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    stages = import_module(module, (3, 4))
    # The copy that is traced holds float32; the tolerance is that rounding and nothing else.
    np.testing.assert_allclose(run(stages, x.numpy()), module(x).detach().numpy(), atol=2e-5)
    assert stages[-1].activation is None and stages[-1].norm_before is None


def test_the_module_is_left_alone() -> None:
    module = chain(nn.Flatten(), nn.Linear(4, 3), random_norm(3), nn.ReLU(), nn.Linear(3, 2))
    module.train()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    import_module(module, (4,))
    assert module.training
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())


def test_consecutive_linear_layers_become_one_stage_of_both_names() -> None:
    stages = import_module(MODULES["merged"], (12,))
    assert [stage.name for stage in stages] == ["1+4", "6"]
    assert stages[0].weight.shape == (4, 12)


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.b(torch.relu(self.a(x)) + x)


class Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.a(x) if x.sum() > 0 else x


def with_weight(layer: nn.Linear, value: float) -> nn.Linear:
    layer.weight.data[1, 2] = value
    return layer


REFUSED: dict[str, tuple[nn.Module, type[Exception], str]] = {
    "layer": (
        chain(nn.Linear(4, 4), nn.GELU(), nn.Linear(4, 2)),
        UnsupportedError,
        f"1: every layer must be a supported one, found GELU; {SUPPORTED}",
    ),
    "function": (
        Functional(lambda x, a, b: b(torch.tanh(a(x)))),
        UnsupportedError,
        f"tanh: every layer must be a supported one, found tanh; {SUPPORTED}",
    ),
    "method": (
        Functional(lambda x, a, b: b(a(x).sigmoid())),
        UnsupportedError,
        f"sigmoid: every layer must be a supported one, found sigmoid; {SUPPORTED}",
    ),
    "clamp": (
        chain(nn.Linear(4, 4), nn.Hardtanh(), nn.Linear(4, 2)),
        UnsupportedError,
        f"1: a clamp must go from 0 to a positive value, found -1.0 to 1.0; {SUPPORTED}",
    ),
    "skip": (
        Residual(),
        UnsupportedError,
        "a: a network must be one chain of layers, found Linear, where two branches are in use; "
        f"{SUPPORTED}",
    ),
    "branch": (
        Branching(),
        UnsupportedError,
        "Branching: the module must be traceable by torch.fx",
    ),
    "growing": (
        chain(nn.Linear(4, 1), nn.Linear(1, 9)),
        UnsupportedError,
        "0, 1: two Linear layers without an activation between are merged into one, which must "
        "not have more weights than both, found 36 instead of 13; put an activation between them",
    ),
    "relu_last": (
        chain(nn.Linear(4, 2), nn.ReLU()),
        UnsupportedError,
        "0: the last layer must be a Linear, whose outputs are compared",
    ),
    "relu_first": (
        chain(nn.ReLU(), nn.Linear(4, 2)),
        UnsupportedError,
        "0: an activation must follow a Linear, found an activation of the input itself",
    ),
    "relu_norm_relu": (
        chain(nn.Linear(4, 3), nn.ReLU(), random_norm(3), nn.ReLU(), nn.Linear(3, 2)),
        UnsupportedError,
        "3: there must be a Linear between two activations",
    ),
    "nothing": (
        chain(nn.Flatten()),
        UnsupportedError,
        "a network must have a Linear layer, found none",
    ),
    "no_statistics": (
        chain(nn.Linear(4, 3), nn.BatchNorm1d(3, track_running_stats=False), nn.Linear(3, 2)),
        UnsupportedError,
        "1: a batch norm must keep running statistics, found track_running_stats=False",
    ),
    "nan": (
        chain(with_weight(nn.Linear(4, 3), float("nan")), nn.ReLU(), nn.Linear(3, 2)),
        ConfigurationError,
        "0: every weight must be finite, found nan at [1, 2] (1 such); train again or load other "
        "weights",
    ),
    "infinite": (
        chain(nn.Linear(4, 3), nn.ReLU(), with_weight(nn.Linear(3, 2), -float("inf"))),
        ConfigurationError,
        "2: every weight must be finite, found -inf at [1, 2]",
    ),
    "features": (
        chain(nn.Linear(5, 3)),
        ConfigurationError,
        "0: a sample must have 5 features here, found 4; check the shape of the calibration data",
    ),
    "inner_features": (
        chain(nn.Linear(4, 3), nn.ReLU(), nn.Linear(5, 2)),
        ConfigurationError,
        "2: a sample must have 5 features here, found 3",
    ),
    "norm_features": (
        chain(nn.Linear(4, 3), nn.BatchNorm1d(5), nn.Linear(3, 2)),
        ConfigurationError,
        "1: the layers' shapes must fit each other and the samples",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_say_where_and_why(name: str) -> None:
    module, kind, message = REFUSED[name]
    with pytest.raises(kind) as caught:
        import_module(module, (12,) if isinstance(module, Functional) else (4,))
    assert str(caught.value).startswith(message)


def test_images_need_a_flatten() -> None:
    with pytest.raises(UnsupportedError, match=r"^0: a Linear must get one vector per sample"):
        import_module(chain(nn.Linear(4, 3)), (2, 4))


def test_a_reshape_may_not_mix_samples() -> None:
    module = Functional(lambda x, a, b: b(a(x.reshape(-1, 12)).relu()))
    with pytest.raises(UnsupportedError, match=r"^reshape: a reshape must keep the batch"):
        import_module(module, (24,))


def test_a_norm_over_channels_of_an_image_is_refused() -> None:
    module = chain(nn.BatchNorm1d(4), nn.Flatten(), nn.Linear(16, 2))
    message = (
        "^0: a batch norm must normalise every value by itself, found 4 channels of 16 values; "
        "flatten in front of it$"
    )
    with pytest.raises(UnsupportedError, match=message):
        import_module(module, (4, 4))
