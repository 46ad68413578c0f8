"""A schedule, executed as its docstring says, adds what the connection's definition adds."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import (
    Delta,
    DeltaFunction,
    Dense,
    Identity,
    Operator,
    Window,
    WindowKind,
)
from spikewright.hdl.axis import axis_reach
from spikewright.hdl.geometry import PortSchedule, port_schedule
from spikewright.hdl.token import TokenLayout, axes_of


def window(kind: WindowKind, kernel: tuple[int, ...], **options: object) -> Window:
    ones, zeros = (1,) * len(kernel), (0,) * len(kernel)
    fields = {"stride": ones, "padding": zeros, "dilation": ones, "output_padding": zeros}
    return Window(kind=kind, kernel=kernel, **(fields | options))


def matrix(operator: Operator, source: tuple[int, ...], n_target: int) -> np.ndarray:
    """[source, target] of a connection, from torch's own operators on one-hot inputs."""
    n = int(np.prod(source))
    hot = torch.eye(n, dtype=torch.float64)
    if isinstance(operator, Dense):
        w = operator.weights
        blocks = list(w) if w.ndim == 3 else [w]
        result = torch.block_diag(*(torch.tensor(b, dtype=torch.float64) for b in blocks))
        return result.numpy().astype(np.int64)
    if isinstance(operator, Identity):
        result = np.zeros((n, n_target), dtype=np.int64)
        result[np.arange(n), operator.offset + np.arange(n)] = 1
        return result
    assert isinstance(operator, Window)
    x = hot.reshape(n, *source)
    if operator.pool is not None:
        x = pooled(operator.pool, x)
    if operator.kind is WindowKind.SUM_POOL:
        return pooled(operator, x).reshape(n, -1).numpy().astype(np.int64)
    weight = torch.tensor(operator.weights, dtype=torch.float64)
    options = {"stride": operator.stride, "padding": operator.padding}
    options |= {"dilation": operator.dilation, "groups": operator.groups}
    if operator.kind is WindowKind.CONVOLUTION:
        y = (F.conv1d if len(operator.kernel) == 1 else F.conv2d)(x, weight, **options)
    else:
        transposed = F.conv_transpose1d if len(operator.kernel) == 1 else F.conv_transpose2d
        y = transposed(x, weight, output_padding=operator.output_padding, **options)
    return y.reshape(n, -1).numpy().round().astype(np.int64)


def pooled(operator: Window, x: torch.Tensor) -> torch.Tensor:
    channels = x.shape[1]
    ones = torch.ones(channels, 1, *operator.kernel, dtype=torch.float64)
    options = {"stride": operator.stride, "padding": operator.padding}
    options |= {"dilation": operator.dilation, "groups": channels}
    return (F.conv1d if len(operator.kernel) == 1 else F.conv2d)(x, ones, **options)


def execute(
    schedule: PortSchedule, source: TokenLayout, neuron: int
) -> tuple[np.ndarray, int, int]:
    """What a spike adds to each neuron of the slice, the rows and the updates that it takes."""
    address = int(source.encode(np.array(neuron)))
    axes = source.axes
    if schedule.translate is not None:
        address = int(schedule.translate[address])
        # the translated address is one of the whole target; its rows and columns are the slice's
        axes = (axes_of((1 << 30,), (schedule.target[0].banks, 1, 1))[0], *schedule.target[1:])
    if source.neurons == 1 and schedule.translate is None:
        address = 0
    x_bits, y_bits = axes[2].bits, axes[1].bits
    x_code = address & ((1 << x_bits) - 1)
    y_code = (address >> x_bits) & ((1 << y_bits) - 1)
    c_code = address >> (x_bits + y_bits)
    target = schedule.target
    acc = np.zeros([a.blocks * a.banks for a in target], dtype=np.int64)
    rows = updates = 0
    y, x = schedule.y, schedule.x
    for py in range(int(y.passes[y_code])):
        for px in range(int(x.passes[x_code])):
            for j in range(int(schedule.count[c_code])):
                rows += 1
                at = schedule.row[c_code] + y.row[y_code, py] + x.row[x_code, px]
                at += j * schedule.block_stride
                seen = set()
                for by in np.flatnonzero(y.enable[y_code, py]):
                    for bx in np.flatnonzero(x.enable[x_code, px]):
                        place_y = int(y.block[y_code, py, by]) * y.banks + int(by)
                        place_x = int(x.block[x_code, px, bx]) * x.banks + int(bx)
                        first = (int(schedule.first[c_code]) + j) * target[0].banks
                        lanes = slice(first, first + target[0].banks)
                        word = np.ones(target[0].banks, dtype=np.int64)
                        if schedule.weights is not None:
                            word = schedule.weights[
                                at, y.select[y_code, py, by], x.select[x_code, px, bx]
                            ]
                            word = np.broadcast_to(word, target[0].banks).copy()
                        if schedule.place is not None:
                            word[np.arange(target[0].banks) != schedule.place[c_code]] = 0
                        assert (by, bx) not in seen
                        seen.add((by, bx))
                        acc[lanes, place_y, place_x] += word
                        updates += int(schedule.channels[c_code, j])
    sizes = tuple(a.size for a in target)
    inside = acc[: sizes[0], : sizes[1], : sizes[2]]
    assert np.abs(acc).sum() == np.abs(inside).sum(), "a lane that is no neuron got a weight"
    return inside.reshape(-1), rows, updates


def check(
    operator: Operator,
    source: tuple[int, ...],
    target: tuple[int, ...],
    banks: tuple[int, int, int],
    source_banks: tuple[int, int, int] = (1, 1, 1),
    channels: tuple[int, int] | None = None,
) -> PortSchedule:
    layout = TokenLayout(axes=axes_of(source, source_banks), low=0, high=1)
    axes = axes_of(target, banks)
    schedule = port_schedule(operator, source=layout, target=axes, channels=channels)
    expected = matrix(operator, source, int(np.prod(target)))
    first, last = channels or (0, axes[0].size)
    whole = expected.reshape(len(expected), *(a.size for a in axes))[:, first:last]
    expected = whole.reshape(len(expected), -1)
    for neuron in range(layout.neurons):
        added, rows, updates = execute(schedule, layout, neuron)
        assert (added == expected[neuron]).all(), neuron
        assert rows == schedule.rows_per_neuron[neuron]
        assert updates == schedule.synops_per_neuron[neuron]
        assert updates >= np.count_nonzero(expected[neuron])
    return schedule


def random_window(rng: np.random.Generator) -> tuple[Window, tuple[int, ...]]:
    spatial = int(rng.integers(1, 3))
    kind = list(WindowKind)[rng.integers(0, 3)]

    def each(low: int, high: int) -> tuple[int, ...]:
        return tuple(int(v) for v in rng.integers(low, high, spatial))

    options: dict[str, object] = {
        "stride": each(1, 4),
        "padding": each(0, 3),
        "dilation": each(1, 3),
    }
    kernel = each(1, 4)
    groups = int(rng.integers(1, 4))
    n_in, n_out = (groups * int(rng.integers(1, 4)) for _ in range(2))
    if kind is not WindowKind.SUM_POOL:
        transposed = kind is WindowKind.TRANSPOSED
        outer, inner = (n_in, n_out // groups) if transposed else (n_out, n_in // groups)
        options |= {
            "groups": groups,
            "weights": rng.integers(-7, 8, (outer, inner, *kernel)),
            "weight_bits": 4,
        }
        if rng.integers(0, 3) == 0:
            options["pool"] = window(
                WindowKind.SUM_POOL, each(1, 4), stride=each(1, 3), padding=each(0, 2)
            )
    return window(kind, kernel, **options), (n_in, *each(3, 8))


@pytest.mark.parametrize("seed", range(150))
def test_random_windows(seed):
    rng = np.random.default_rng(seed)
    for _ in range(50):
        operator, source = random_window(rng)
        try:
            target = operator.output_shape(source)
        except ConfigurationError:
            continue  # the window does not fit this source: draw again
        break
    else:
        pytest.fail("no window of 50 fits its source")
    banks = tuple(int(v) for v in rng.integers(1, 5, 3))
    source_banks = tuple(int(v) for v in rng.integers(1, 4, 3))
    check(operator, source, target, banks, source_banks)
    if target[0] > banks[0]:
        first = banks[0] * int(rng.integers(0, target[0] // banks[0]))
        check(operator, source, target, banks, source_banks, (first, target[0]))
        if first:
            check(operator, source, target, banks, source_banks, (0, first))


@pytest.mark.parametrize("seed", range(40))
def test_random_dense_connections(seed):
    rng = np.random.default_rng(seed)
    source, target = (
        tuple(int(v) for v in rng.integers(1, 6, rng.integers(1, 4))) for _ in range(2)
    )
    pre, post = int(np.prod(source)), int(np.prod(target))
    weights = rng.integers(-7, 8, (pre, post))
    if seed % 4 == 0 and pre % 2 == 0 and post % 2 == 0:
        weights = weights.reshape(2, pre // 2, 2, post // 2)[:, :, 0]
    banks = tuple(int(v) for v in rng.integers(1, 5, 3))
    source_banks = tuple(int(v) for v in rng.integers(1, 4, 3))
    check(Dense(weights=weights, weight_bits=4), source, target, banks, source_banks)
    channels = axes_of(target)[0].size
    if channels > banks[0]:
        slice_ = (banks[0], channels)
        check(Dense(weights=weights, weight_bits=4), source, target, banks, source_banks, slice_)


@pytest.mark.parametrize("seed", range(60))
def test_random_identities(seed):
    rng = np.random.default_rng(seed)
    source, target = (
        tuple(int(v) for v in rng.integers(1, 5, rng.integers(1, 4))) for _ in range(2)
    )
    if seed % 3 == 0:  # a concatenation: the same plane
        target = (source[0] + int(rng.integers(0, 4)), *source[1:])
    if np.prod(source) > np.prod(target):
        source, target = target, source
    plane = int(np.prod(target[1:]))
    room = int(np.prod(target) - np.prod(source))
    offset = int(rng.integers(0, room + 1))
    if seed % 3 == 0:
        offset = offset // plane * plane
    banks = tuple(int(v) for v in rng.integers(1, 5, 3))
    source_banks = tuple(int(v) for v in rng.integers(1, 4, 3))
    schedule = check(Identity(offset=offset), source, target, banks, source_banks)
    if seed % 3 == 0:
        assert schedule.translate is None


def test_a_delta_passes_what_has_its_target_s_address():
    axes = axes_of((4, 3, 3), (2, 2, 2))
    layout = TokenLayout(axes=axes, low=-1, high=1)
    operator = Delta(
        function=DeltaFunction.MAX,
        window=window(WindowKind.SUM_POOL, (2, 2), stride=(2, 2)),
    )
    schedule = port_schedule(operator, source=layout, target=axes)
    for neuron in range(layout.neurons):
        added, rows, _ = execute(schedule, layout, neuron)
        assert rows == 1
        assert np.flatnonzero(added).tolist() == [neuron]


def test_a_window_takes_as_many_rows_as_it_must():
    weights = np.ones((32, 1, 3, 3), dtype=np.int64)
    operator = window(
        WindowKind.CONVOLUTION, (3, 3), padding=(1, 1), weights=weights, weight_bits=2
    )
    one = check(operator, (1, 6, 6), (32, 6, 6), (16, 3, 3))
    assert set(one.rows_per_neuron.tolist()) == {2}, "all taps in one row, two channel blocks"
    assert one.weights is not None and one.weights.shape == (2, 3, 3, 16)
    serial = check(operator, (1, 6, 6), (32, 6, 6), (16, 1, 1))
    plane = serial.rows_per_neuron.reshape(6, 6)
    assert plane[2, 2] == 2 * 9
    assert plane[0, 0] == 2 * 4, "padding costs nothing"
    assert serial.weights is not None and serial.weights.shape == (18, 1, 1, 16)


def test_reach_of_a_stride_that_skips():
    operator = window(WindowKind.SUM_POOL, (1, 1), stride=(2, 2))
    assert axis_reach(operator, 0, 4, 2) == [[(0, 0)], [], [(1, 0)], []]
