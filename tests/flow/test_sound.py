"""Tones come out of the channel that they belong to, as loud as they are."""

from dataclasses import replace

import numpy as np
import pytest

from spikewright.flow.sound import SoundEncoder
from spikewright.golden.errors import ConfigurationError

RATE = 8000
ENCODER = SoundEncoder(rate_hz=RATE, steps=20, channels=16)


def tone(hertz, n=4000, loud=1.0):
    return loud * np.sin(2 * np.pi * hertz / RATE * np.arange(n))


def centres(encoder):
    """Of each filter, from its own response."""
    lines = np.fft.rfftfreq(encoder.window, 1 / RATE)
    return lines[encoder.filters().argmax(axis=1)]


def test_filters_are_triangles_evenly_spaced_in_mel():
    encoder = replace(ENCODER, window_s=1.0)  # lines 1 Hz apart
    found, lines = encoder.filters(), np.fft.rfftfreq(RATE, 1 / RATE)
    assert found.shape == (16, 4001)
    mel = 2595 * np.log10(1 + centres(encoder) / 700)
    assert np.allclose(np.diff(mel), np.diff(mel)[0], atol=2)
    # Where one falls, its neighbour rises: between the outermost centres they add up to 1.
    first, last = centres(encoder)[[0, -1]].astype(int)
    assert np.allclose(found.sum(axis=0)[first:last], 1)
    assert not found[:, lines < 100].any() and not found[:, lines >= 4000].any()


@pytest.mark.parametrize("channel", [0, 5, 15])
def test_a_tone_is_heard_in_its_channel(channel):
    hertz = centres(replace(ENCODER, window_s=1.0))[channel]
    levels = ENCODER.encode(tone(hertz))
    assert levels.shape == (20, 16) and levels.dtype == np.uint8
    assert (levels[:, channel] == 3).all()
    assert not levels[:, : max(0, channel - 2)].any() and not levels[:, channel + 3 :].any()
    fine = replace(ENCODER, thresholds_db=tuple(range(-40, 1)))
    assert (fine.encode(tone(hertz)).argmax(axis=1) == channel).all()


def test_levels_count_thresholds():
    """Two tones far apart: the quieter one is 20 dB below, or 40, or 50."""
    encoder = replace(ENCODER, thresholds_db=(-45.0, -30.0, -15.0))
    low, high = centres(encoder)[[6, 13]]
    # A wider filter takes more of a tone's lines; measure it alone.
    for loud, level in ((1.0, 3), (0.1, 2), (0.01, 1), (0.001, 0)):
        levels = encoder.encode(tone(low) + tone(high, loud=loud))
        assert set(levels[:, 6].tolist()) == {3}
        assert set(levels[:, 13].tolist()) == {level}, loud


def test_loudness_does_not_count_and_silence_is_silent():
    sound = tone(700) + tone(1800, loud=0.1)
    assert ENCODER.encode(sound).tolist() == ENCODER.encode(sound * 1e-3).tolist()
    for silence in (np.zeros(500), np.zeros(0)):
        assert not ENCODER.encode(silence).any()


def test_short_sounds_end_in_silence_and_long_ones_are_cut_off():
    hop, window = ENCODER.hop, ENCODER.window
    assert (hop, window) == (100, 256)
    needed = 19 * hop + window
    sound = tone(900, 3 * needed)
    assert ENCODER.encode(sound).tolist() == ENCODER.encode(sound[:needed]).tolist()
    short = ENCODER.encode(sound[:700])
    # A window that begins after the end hears nothing.
    assert not short[7:].any() and short[:4].any(axis=1).all()
    late = np.concatenate([np.zeros(10 * hop + window), sound])
    assert not ENCODER.encode(late)[:11].any()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"steps": 0}, "steps, channels and rate must be at least 1, .* found 0, 16, 8000 Hz"),
        ({"window_s": 0.0001}, "a window two samples, found 20, 16, 8000 Hz, 1 samples"),
        (
            {"high_hz": 4001.0},
            r"filters must lie in 0\.\.4000 Hz, half the rate, found 100 to 4001",
        ),
        ({"low_hz": 4000.0}, r"filters must lie in 0\.\.4000 Hz"),
        ({"thresholds_db": (-3.0, 3.0)}, "none above the loudest output, 0 dB"),
        ({"thresholds_db": ()}, "there must be thresholds"),
        ({"channels": 200}, r"31.25 Hz apart, found none in channel \d+ of 200; use fewer"),
    ],
)
def test_what_is_refused(changes, text):
    with pytest.raises(ConfigurationError, match=text):
        replace(ENCODER, **changes)
