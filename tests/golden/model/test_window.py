"""Windows: worked by hand, against torch's own float64 functions, and without any rounding."""

import os
import random
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.nn import functional

from spikewright.golden.model import window as module
from spikewright.golden.model.arithmetic import Arithmetic
from spikewright.golden.model.window import Plane, WindowSynapses, convolve, convolve_patches
from spikewright.golden.spec import Window, WindowKind
from support.random_networks import Seeded, random_window

CPU = torch.device("cpu")
LINE = {"stride": (1,), "padding": (0,), "dilation": (1,), "output_padding": (0,)}
PLANE = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "output_padding": (0, 0)}


def build(operator, shape, arithmetic=Arithmetic.FLOAT32) -> WindowSynapses:
    return WindowSynapses(operator, shape, arithmetic, dtype=torch.float64, device=CPU)


def line(kind: str, kernel: int, weights=None, **changes) -> Window:
    bits = {} if weights is None else {"weights": weights, "weight_bits": 5}
    return Window(kind=kind, kernel=(kernel,), **{**LINE, **bits, **changes})


def charge(operator: Window, levels: list, arithmetic=Arithmetic.FLOAT32) -> list[int]:
    """Of one sample, given in the shape of the source."""
    levels = torch.tensor(levels)
    each = build(operator, tuple(levels.shape), arithmetic)
    return each(levels.reshape(1, -1)).tolist()[0]


# --- by hand ---


@pytest.mark.parametrize("arithmetic", list(Arithmetic))
@pytest.mark.parametrize(
    ("operator", "levels", "expected"),
    [
        # a correlation: the kernel is not turned round
        (line("convolution", 2, [[[1, 10]]]), [[1, 2, 3]], [21, 32]),
        (line("convolution", 2, [[[1, 10]]], padding=(1,)), [[1, 2, 3]], [10, 21, 32, 3]),
        (line("convolution", 2, [[[1, 10]]], stride=(2,)), [[1, 2, 3, 4]], [21, 43]),
        (line("convolution", 2, [[[1, 10]]], dilation=(2,)), [[1, 2, 3, 4]], [31, 42]),
        (line("convolution", 1, [[[1], [10]]], shift=2), [[1, 2], [3, 4]], [124, 168]),
        # two groups of one channel, two outputs each
        (
            line("convolution", 1, [[[1]], [[2]], [[3]], [[4]]], groups=2),
            [[1, 1], [5, 6]],
            [1, 1, 2, 2, 15, 18, 20, 24],
        ),
        (line("transposed", 2, [[[1, 10]]]), [[1, 2, 3]], [1, 12, 23, 30]),
        (line("transposed", 2, [[[1, 10]]], stride=(2,)), [[1, 2]], [1, 10, 2, 20]),
        (line("transposed", 2, [[[1, 10]]], stride=(3,)), [[1, 2]], [1, 10, 0, 2, 20]),
        (line("transposed", 2, [[[1, 10]]], padding=(1,)), [[1, 2, 3]], [12, 23]),
        (
            line("transposed", 1, [[[7]]], stride=(2,), output_padding=(1,)),
            [[1, 2]],
            [7, 0, 14, 0],
        ),
        # [in, out / groups, kernel]: each input channel feeds both outputs
        (line("transposed", 1, [[[1], [2]], [[3], [4]]]), [[1], [10]], [31, 42]),
        (line("sum_pool", 2, stride=(2,)), [[1, 2, 3, 4], [5, 6, 7, 8]], [3, 7, 11, 15]),
        (line("sum_pool", 3, padding=(1,), shift=1), [[1, 2, 3]], [6, 12, 10]),
        # average pooling in front: sums 3, 7 and then the kernel
        (
            line("convolution", 2, [[[1, 10]]], pool=line("sum_pool", 2, stride=(2,))),
            [[1, 2, 3, 4]],
            [73],
        ),
        # padding of the window lies around the sums, not under them: 0, 1 + 2, 2 + 4, 0
        (
            line("convolution", 2, [[[1, 10]]], padding=(1,), pool=line("sum_pool", 2)),
            [[1, 2, 4]],
            [30, 63, 6],
        ),
        (
            line("transposed", 2, [[[1, 10]]], pool=line("sum_pool", 2, padding=(1,))),
            [[1, 2]],
            [1, 13, 32, 20],
        ),
    ],
)
def test_lines_by_hand(operator, levels, expected, arithmetic):
    assert charge(operator, levels, arithmetic) == expected


def test_a_plane_by_hand():
    weights = [[[[1, 2, 3], [4, 5, 6]]]]
    operator = Window(kind="convolution", kernel=(2, 3), weights=weights, weight_bits=4, **PLANE)
    # rows of the source are y: 1*1 + 2*2 + 3*3 + 4*4 + 5*5 + 6*6
    assert charge(operator, [[[1, 2, 3], [4, 5, 6]]]) == [91]
    assert charge(operator, [[[0, 0, 0, 1], [0, 0, 0, 0]]]) == [0, 3]
    assert charge(operator, [[[0, 0, 0, 0], [1, 0, 0, 0]]]) == [4, 0]


# --- against torch, which computes in float64 by other ways ---


def reference(operator: Window, shape: tuple[int, ...], levels: np.ndarray) -> torch.Tensor:
    """[batch, n_post] by torch's functions."""
    values = torch.tensor(levels, dtype=torch.float64).view(-1, *shape)
    if operator.pool is not None:
        values = summed(operator.pool, values)
    if operator.kind is WindowKind.SUM_POOL:
        return (summed(operator, values) * 2**operator.shift).flatten(1)
    weights = torch.tensor(operator.weights, dtype=torch.float64) * 2**operator.shift
    options = {name: getattr(operator, name) for name in ("stride", "padding", "dilation")}
    flat = len(operator.kernel) == 1
    if operator.kind is WindowKind.CONVOLUTION:
        convolution = functional.conv1d if flat else functional.conv2d
        return convolution(values, weights, groups=operator.groups, **options).flatten(1)
    transposed = functional.conv_transpose1d if flat else functional.conv_transpose2d
    options["output_padding"] = operator.output_padding
    return transposed(values, weights, groups=operator.groups, **options).flatten(1)


def summed(pool: Window, values: torch.Tensor) -> torch.Tensor:
    """A convolution of ones, channel by channel."""
    channels = values.shape[1]
    convolution = functional.conv1d if len(pool.kernel) == 1 else functional.conv2d
    options = {name: getattr(pool, name) for name in ("stride", "padding", "dilation")}
    ones = torch.ones(channels, 1, *pool.kernel, dtype=torch.float64)
    return convolution(values, ones, groups=channels, **options)


@pytest.mark.parametrize("arithmetic", list(Arithmetic))
def test_random_windows_equal_torch(arithmetic):
    for seed in range(100):
        chooser = Seeded(seed)
        rng = np.random.default_rng(seed)
        space = rng.integers(1, 8, 1 + seed % 2)
        shape = (int(rng.integers(1, 5)), *map(int, space))
        operator = random_window(chooser, shape)
        levels = rng.integers(-3, 4, (3, int(np.prod(shape))))
        found = build(operator, shape, arithmetic)(torch.tensor(levels))
        assert torch.equal(found, reference(operator, shape, levels)), (seed, operator)


def test_large_planes_equal_torch():
    """Sizes for which oneDNN takes other kernels than for small ones."""
    for channels, outs, kernel, size in [
        (32, 32, 3, 14),
        (1, 32, 5, 28),
        (16, 48, 1, 9),
        (3, 5, 7, 16),
    ]:
        rng = np.random.default_rng(size)
        weights = rng.integers(-128, 128, (outs, channels, kernel, kernel))
        geometry = {**PLANE, "padding": (kernel // 2, kernel // 2)}
        operator = Window(
            kind="convolution", kernel=(kernel, kernel), weights=weights, weight_bits=8, **geometry
        )
        shape = (channels, size, size)
        levels = rng.integers(-8, 9, (20, int(np.prod(shape))))
        found = build(operator, shape)(torch.tensor(levels))
        assert torch.equal(found, reference(operator, shape, levels))


# --- nothing is rounded ---


@pytest.mark.parametrize("arithmetic", list(Arithmetic))
def test_exact_right_below_two_to_the_24(arithmetic):  # checklist 12
    """Sums that reach the bound, of weights that Winograd's transform would have rounded."""
    rng = np.random.default_rng(5)
    most = 2**24 - 1
    channels = 32
    weights = rng.integers(-(2**14), 2**14, (32, channels, 3, 3)) | 1
    largest = int(np.abs(weights).sum(axis=(1, 2, 3)).max())
    scale = most // largest
    assert scale >= 2
    operator = Window(
        kind="convolution",
        kernel=(3, 3),
        weights=weights,
        weight_bits=16,
        **{**PLANE, "padding": (1, 1)},
    )
    shape = (channels, 14, 14)
    levels = rng.choice([-scale, scale - 1, scale], (18, int(np.prod(shape))))
    # the middle of a sample made to fit one output's weights, so that nothing cancels
    patch = np.sign(weights[np.abs(weights).sum(axis=(1, 2, 3)).argmax()]) * scale
    levels.reshape(-1, *shape)[0, :, 5:8, 5:8] = patch
    found = build(operator, shape, arithmetic)(torch.tensor(levels))
    assert found.abs().max().item() == scale * largest > 0.9 * most
    assert torch.equal(found, reference(operator, shape, levels))


@pytest.mark.skipif(not module.ONEDNN, reason="this torch has no oneDNN")
def test_patches_equal_onednn():
    """What runs on other devices, types and builds of torch."""
    for seed in range(40):
        rng = random.Random(seed)
        groups = rng.choice([1, 2])
        plane = Plane(
            kernel=(rng.randint(1, 3), rng.randint(1, 3)),
            stride=(rng.randint(1, 3), rng.randint(1, 3)),
            padding=(rng.randint(0, 2), rng.randint(0, 2)),
            dilation=(rng.randint(1, 2), rng.randint(1, 2)),
        )
        torch.manual_seed(seed)
        weights = torch.randint(-9, 9, (4, 2, *plane.kernel)).float()
        planes = torch.randint(-9, 9, (3, 2 * groups, 6, 7)).float()
        one, other = (each(planes, weights, plane, groups) for each in (convolve, convolve_patches))
        assert torch.equal(one, other)


def test_the_patches_serve_where_there_is_no_onednn(monkeypatch):
    operator = line("convolution", 2, [[[1, 10]]])
    calls = []
    patches = module.convolve_patches
    monkeypatch.setattr(module, "ONEDNN", False)
    monkeypatch.setattr(
        module, "convolve_patches", lambda *given: calls.append(1) or patches(*given)
    )
    assert charge(operator, [[1, 2, 3]]) == [21, 32]
    assert calls == [1]


LOGGED = """
import torch
from spikewright.golden.model.window import Plane, convolve
plane = Plane((3, 3), (1, 1), (1, 1), (1, 1))
for batch, channels, groups in ((32, 1, 1), (1, 32, 1), (64, 32, 1), (16, 32, 32)):
    weights = torch.ones(32, channels // groups, 3, 3)
    convolve(torch.ones(batch, channels, 14, 14), weights, plane, groups)
"""


@pytest.mark.skipif(not module.ONEDNN, reason="this torch has no oneDNN")
def test_onednn_sums_directly():  # checklist 12
    """Its own log names the algorithm of every convolution; Winograd's would not be exact."""
    run = subprocess.run(
        [sys.executable, "-c", LOGGED],
        env={**os.environ, "ONEDNN_VERBOSE": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    lines = [line for line in run.stdout.splitlines() if ",exec,cpu,convolution," in line]
    assert len(lines) == 4, run.stdout
    assert all("alg:convolution_direct" in line for line in lines), lines
