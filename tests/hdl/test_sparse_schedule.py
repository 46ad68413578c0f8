"""Compressed rows hold every weight once, in its neuron's lane, and as few rows as may be."""

import itertools
import random

import numpy as np
import pytest

from spikewright.golden.spec import Dense
from spikewright.hdl.geometry import port_schedule
from spikewright.hdl.sparse_schedule import sparse_schedule
from spikewright.hdl.token import TokenLayout, axes_of


def rebuilt(schedule, source):
    """The matrix [pre, channels, rows, columns] that the rows add up to, lane by lane."""
    c, y, x = schedule.target
    whole = np.zeros((source.neurons, c.blocks * c.banks, y.blocks * y.banks, x.blocks * x.banks))
    for neuron in range(source.neurons):
        address = int(source.encode(np.array(neuron)))
        first, count = int(schedule.start[address]), int(schedule.count[address])
        for row, lane in itertools.product(range(first, first + count), range(schedule.lanes)):
            by, bx, cl = np.unravel_index(lane, (y.banks, x.banks, c.banks))
            group = int(schedule.groups[row, lane])
            cb, yb, xb = np.unravel_index(group, (c.blocks, y.blocks, x.blocks))
            place = (cb * c.banks + cl, yb * y.banks + by, xb * x.banks + bx)
            whole[neuron][place] += schedule.weights[row, lane]
    own = whole[:, : c.size, : y.size, : x.size]
    assert np.abs(own).sum() == np.abs(whole).sum(), "a weight of a neuron that is not there"
    return own


def check(matrix, *, target, banks, channels=None, source_shape=None, source_banks=(1, 1, 1)):
    axes = axes_of(target, banks)
    source = TokenLayout(axes=axes_of(source_shape or (len(matrix),), source_banks), low=0, high=1)
    dense = Dense(weights=matrix, weight_bits=4)
    schedule = sparse_schedule(dense, source=source, target=axes, channels=channels)
    first, last = channels or (0, axes[0].size)
    whole = matrix if matrix.ndim == 2 else blocks_of(matrix)
    expected = whole.reshape(len(whole), *(axis.size for axis in axes))[:, first:last]
    assert (rebuilt(schedule, source) == expected).all()
    nonzero = expected != 0
    assert (schedule.synops_per_neuron == nonzero.sum(axis=(1, 2, 3))).all()
    # The fullest lane, counted neuron by neuron.
    fullest = np.zeros((len(whole), *banks), np.int64)
    for pre, channel, row, column in zip(*np.nonzero(nonzero), strict=True):
        fullest[pre, channel % banks[0], row % banks[1], column % banks[2]] += 1
    assert (schedule.rows_per_neuron == fullest.max(axis=(1, 2, 3))).all()
    dense_rows = port_schedule(dense, source=source, target=axes, channels=channels)
    assert (schedule.rows_per_neuron <= dense_rows.rows_per_neuron).all()
    assert int(schedule.rows_per_neuron.sum()) == np.count_nonzero(
        (schedule.weights != 0).any(axis=1)
    )
    return schedule


def blocks_of(blocks):
    n, pre, post = blocks.shape
    whole = np.zeros((n * pre, n * post), np.int64)
    for k, block in enumerate(blocks):
        whole[k * pre : (k + 1) * pre, k * post : (k + 1) * post] = block
    return whole


@pytest.mark.parametrize("lanes", [1, 2, 3])
def test_every_pattern_of_a_small_matrix(lanes):
    """All 512 choices of which weights of 3 x 3 are 0."""
    values = np.array([[1, -2, 3], [-4, 5, -6], [7, -8, 1]])
    for pattern in itertools.product((0, 1), repeat=9):
        check(values * np.array(pattern).reshape(3, 3), target=(3,), banks=(lanes, 1, 1))


@pytest.mark.parametrize("seed", range(40))
def test_random_matrices(seed):
    rng = random.Random(seed)
    target = (rng.randint(1, 20),) if rng.random() < 0.5 else tuple(rng.choices(range(1, 6), k=3))
    axes = axes_of(target)
    banks = tuple(rng.randint(1, axis.size) for axis in axes)
    pre = tuple(rng.choices(range(1, 5), k=3))
    weights = np.random.default_rng(seed).integers(-8, 8, (int(np.prod(pre)), int(np.prod(target))))
    weights *= np.random.default_rng(seed + 99).random(weights.shape) < rng.choice((0, 0.1, 0.5, 1))
    channels = None
    if target[0] > banks[0] and rng.random() < 0.5:
        channels = (banks[0], target[0])
    own = tuple(rng.randint(1, 3) for _ in range(3))
    check(
        weights, target=target, banks=banks, channels=channels, source_shape=pre, source_banks=own
    )


def test_blocks_are_rows_of_their_own():
    """Of a block-diagonal connection no zero between the blocks is stored."""
    blocks = np.arange(1, 13).reshape(2, 2, 3) - 6
    schedule = check(blocks, target=(6,), banks=(3, 1, 1), source_shape=(4,))
    assert schedule.rows_per_neuron.tolist() == [1] * 4


def test_no_weights_at_all_are_one_row_that_nobody_fetches():
    schedule = check(np.zeros((4, 5), np.int64), target=(5,), banks=(2, 1, 1))
    assert schedule.rows_per_neuron.tolist() == [0] * 4 and len(schedule.weights) == 1
