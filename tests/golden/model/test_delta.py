"""Deltas worked by hand: the charge is the change of a function of all that came so far."""

import pytest
import torch

from spikewright.golden.model.delta import DeltaSynapses
from spikewright.golden.spec import Delta, Interval, Window

CPU = torch.device("cpu")


def pool(**changes) -> Window:
    line = {"kernel": (2,), "stride": (2,), "padding": (0,), "dilation": (1,)}
    return Window(kind="sum_pool", output_padding=(0,), **{**line, **changes})


def build(operator: Delta, shape=(1, 4), most: int = 100) -> DeltaSynapses:
    total = Interval(-most, most)
    return DeltaSynapses(operator, shape, total, dtype=torch.float32, device=CPU)


def play(each: DeltaSynapses, steps: list[list[int]]) -> list[list[int]]:
    running = each.begin()
    return [running(torch.tensor([levels])).tolist()[0] for levels in steps]


def test_maximum_of_what_came_so_far():
    each = build(Delta(function="max", window=pool()))
    steps = [[1, 0, 0, -1], [1, 1, -1, 0], [-1, 0, 0, 1], [-1, 0, 0, 0], [-1, 0, 1, 0]]
    # X: 1 0 0 -1 | 2 1 -1 -1 | 1 1 -1 0 | 0 1 -1 0 | -1 1 0 0; y: 1 0 | 2 -1 | 1 0 | 1 0 | 1 0
    assert play(each, steps) == [[1, 0], [1, -1], [-1, 1], [0, 0], [0, 0]]


def test_windows_may_overlap_and_padding_is_left_out():
    each = build(Delta(function="max", window=pool(kernel=(3,), stride=(1,), padding=(1,))))
    # X below 0 everywhere: zeros of a padding would win
    assert play(each, [[-3, -1, -2, -4]]) == [[-1, -1, -1, -2]]
    far = build(Delta(function="max", window=pool(stride=(1,), dilation=(2,))))
    assert play(far, [[5, 1, 2, 3]]) == [[5, 3]]


def test_maximum_over_a_plane():
    window = Window(
        kind="sum_pool",
        kernel=(2, 1),
        stride=(1, 2),
        padding=(0, 0),
        dilation=(1, 1),
        output_padding=(0, 0),
    )
    each = build(Delta(function="max", window=window), (2, 2, 3))
    assert play(each, [[1, 9, 2, 3, 9, 1, -5, 0, -7, -6, 0, -8]]) == [[3, 2, -5, -7]]


def test_table_starts_at_its_entry_for_0():
    each = build(Delta(function="table", table=[5, 7, 11, 10], low=-1), (2,))
    assert play(each, [[0, 1], [1, 1], [-2, -1]]) == [[0, 4], [4, -1], [-6, 1]]


def test_clip_is_of_the_sum():
    each = build(Delta(function="clip", low=-1, high=2), (3,))
    assert play(each, [[2, -1, 0], [2, -1, 0], [-1, 1, 1], [-2, 1, 3]]) == [
        [2, -1, 0],
        [0, 0, 0],
        [0, 0, 1],
        [-1, 1, 1],
    ]


def test_each_beginning_forgets():
    each = build(Delta(function="clip", low=0, high=9), (1,))
    first, second = each.begin(), each.begin().begin()
    assert first(torch.tensor([[4]])).item() == 4
    assert second(torch.tensor([[3]])).item() == 3
    assert first(torch.tensor([[4]])).item() == 4
    assert first(torch.tensor([[4]])).item() == 1


@pytest.mark.parametrize(
    ("most", "expected"),
    [(2**24 - 1, torch.float32), (2**24, torch.float64), (2**31, torch.float64)],
)
def test_long_sums_keep_their_last_bit(most, expected):  # checklist 12
    operator = Delta(function="clip", low=-most, high=most)
    options = {"dtype": torch.float64, "device": CPU}
    each = DeltaSynapses(operator, (1,), Interval(-most, most), **options)
    assert each.sum_dtype is expected
    assert play(each, [[most - 1], [1], [-2], [1]]) == [[most - 1], [1], [-2], [1]]


def test_the_operators_stay_as_they_are():
    levels = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    before = levels.clone()
    one = {"kernel": (1,), "stride": (1,)}  # a maximum of one neuron each could share its memory
    running = build(Delta(function="max", window=pool(**one))).begin()
    assert running(levels).tolist() == before.tolist()
    assert running(levels).tolist() == before.tolist()
    assert torch.equal(levels, before)
