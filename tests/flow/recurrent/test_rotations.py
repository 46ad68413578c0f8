"""A memory of rotations: small cases by hand, and against complex numbers."""

from cmath import exp, pi
from math import hypot

import pytest
import torch

from spikewright.flow.recurrent import Rotations
from spikewright.flow.recurrent.rotations import held, turned, turning
from spikewright.golden.errors import ConfigurationError


def test_a_quarter_turn_by_hand():
    """(a, b) becomes (-b + 2 x, a): x = 1, 0, 3, 0 gives (2, 0), (0, 2), (-2 + 6, 0), (0, 4)."""
    rotations = Rotations(turns=(1,), frames=4, threshold=16)
    assert [each.tolist() for each in turning(rotations)] == [[0], [16]]
    x = torch.tensor([[1.0, 0, 3, 0]])
    found = torch.stack(list(turned(x, rotations, torch.tensor([2.0]), 100)), 1)
    assert found.tolist() == [[[2, 0], [0, 2], [4, 0], [0, 4]]]
    assert held(x, rotations, torch.tensor([2.0])).round().tolist() == [[0, 4]]


def test_levels_are_rounded_up_from_a_half_and_clipped():
    """Of turns by (4, 7) / 8: (5, 0) becomes (20, 35) / 8, rounded (3, 4); 40 is clipped first."""
    rotations = Rotations(turns=(1,), frames=6, threshold=8)
    assert [each.tolist() for each in turning(rotations)] == [[4], [7]]
    x = torch.tensor([[5.0, 0.0], [-5.0, 0.0], [40.0, 0.0]])
    first, second = turned(x, rotations, torch.tensor([1.0]), 30)
    assert first.tolist() == [[5, 0], [-5, 0], [30, 0]]
    # 20/8 + 1/2 = 3, 35/8 + 1/2 = 4.875; -20/8 + 1/2 = -2, -35/8 + 1/2 = -3.875; 15.5, 26.75
    assert second.tolist() == [[3, 4], [-2, -4], [15, 26]]


def test_lengths_and_angles_hold_for_all_frames():
    frames = 784
    rotations = Rotations(turns=range(0, 392, 7), frames=frames)
    c, s = turning(rotations)
    for turns, cosine, sine in zip(rotations.turns, c.tolist(), s.tolist(), strict=True):
        whole = complex(cosine, sine) / rotations.threshold
        assert 0.6 < (hypot(cosine, sine) / rotations.threshold) ** frames < 1.6
        assert abs((whole / exp(2j * pi * turns / frames)).imag) * frames < 2 * pi


def test_what_is_held_is_a_part_of_the_fourier_transform():
    frames = 60
    rotations = Rotations(turns=(0, 1, 7, 30), frames=frames, threshold=1 << 14)
    x = torch.randint(0, 4, (5, frames), generator=torch.Generator().manual_seed(0)).double()
    gains = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    wanted = torch.fft.fft(x.flip(1), dim=1)[:, list(rotations.turns)].conj() * gains
    found = torch.view_as_complex(held(x, rotations, gains).reshape(5, 4, 2))
    assert (found - wanted).abs().max() < 0.01 * wanted.abs().max()
    *_, last = turned(x, rotations, gains, 1 << 14)
    # A rounding adds at most a half, and turns with the rest.
    assert (last - held(x, rotations, gains)).abs().max() < 1.5 * frames**0.5
    assert not torch.equal(last, held(x, rotations, gains).round())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames": 1}, "frames: must be an integer from 2 to 65536, found 1"),
        ({"threshold": 96}, "threshold: must be a power of two, found 96"),
        ({"threshold": 1 << 15}, "threshold: must be an integer from 2 to 16384, found 32768"),
        ({"unit": 0}, "unit: must be an integer from 1 to 65536, found 0"),
        ({"turns": ()}, "turns: must be different whole numbers, at least one, found ()"),
        ({"turns": (2, 2)}, "turns: must be different whole numbers, at least one, found (2, 2)"),
        ({"turns": (0.5,)}, "turns: must be different whole numbers, at least one, found (0.5,)"),
        ({"turns": (1, 6)}, "turns: must be at most half of 10 frames, found 6"),
    ],
)
def test_wrong_rotations(options, message):
    with pytest.raises(ConfigurationError) as caught:
        Rotations(**{"turns": (1,), "frames": 10} | options)
    assert str(caught.value) == message
