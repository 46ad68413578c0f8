"""Sound as events: a bank of filters, and for each as many events a step as it is loud.

The way is that of most speech front ends, without anything that is fitted to data:

1. Windows of ``window_s``, one each ``step_s``, under a Hann window; their power spectrum.
2. ``channels`` triangular filters over it, spaced evenly on the mel scale,
   mel = 2595 * log10(1 + hertz / 700), from ``low_hz`` to ``high_hz``. Each reaches from its
   neighbour's centre to the other neighbour's centre.
3. The power of each in decibels below the loudest filter output of the recording.
4. The level of a channel in a step is how many of ``thresholds_db`` it reaches: a spike with this
   payload. Silence is no event.
5. Exactly ``steps`` steps: what is shorter ends in silence, what is longer is cut off at the end.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.signal import get_window

from spikewright.golden.errors import ConfigurationError

__all__ = ["SoundEncoder"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class SoundEncoder:
    """Samples of sound to levels [steps, channels].

    Parameters
    ----------
    rate_hz : samples a second.
    steps, channels : size of what comes out.
    step_s, window_s : seconds from one window to the next, and of a window.
    low_hz, high_hz : where the lowest filter begins and the highest one ends.
    thresholds_db : decibels beside the recording's loudest output, from which on a level counts.

    Raises
    ------
    ConfigurationError
        If a filter would hear nothing, or a number is not legal.
    """

    rate_hz: int
    steps: int = 64
    channels: int = 32
    step_s: float = 0.0125
    window_s: float = 0.032
    low_hz: float = 100.0
    high_hz: float = 4000.0
    thresholds_db: tuple[float, ...] = (-45.0, -30.0, -15.0)

    def __post_init__(self) -> None:
        if min(self.steps, self.channels, self.rate_hz, self.hop, self.window - 1) < 1:
            raise ConfigurationError(
                "steps, channels and rate must be at least 1, and a window two samples",
                found=f"{self.steps}, {self.channels}, {self.rate_hz} Hz, {self.window} samples",
                where="sound",
            )
        if not 0 <= self.low_hz < self.high_hz <= self.rate_hz / 2:
            raise ConfigurationError(
                f"filters must lie in 0..{self.rate_hz / 2:g} Hz, half the rate",
                found=f"{self.low_hz:g} to {self.high_hz:g} Hz",
                where="sound",
            )
        if not self.thresholds_db or max(self.thresholds_db) > 0:
            raise ConfigurationError(
                "there must be thresholds, none above the loudest output, 0 dB",
                found=str(self.thresholds_db),
                where="sound",
            )
        deaf = ~self.filters().any(axis=1)
        if deaf.any():
            raise ConfigurationError(
                "every filter must hear some of the spectrum's lines, "
                f"{self.rate_hz / self.window:g} Hz apart",
                found=f"none in channel {int(deaf.argmax())} of {self.channels}",
                where="sound",
                action="use fewer channels or a longer window",
            )

    @property
    def hop(self) -> int:
        """Samples from one window to the next."""
        return round(self.step_s * self.rate_hz)

    @property
    def window(self) -> int:
        """Samples of a window."""
        return round(self.window_s * self.rate_hz)

    def filters(self) -> Floats:
        """What each filter takes of each line of the spectrum, [channels, lines]."""
        low, high = (2595 * np.log10(1 + hertz / 700) for hertz in (self.low_hz, self.high_hz))
        corners = 700 * (10 ** (np.linspace(low, high, self.channels + 2) / 2595) - 1)
        lines = np.fft.rfftfreq(self.window, 1 / self.rate_hz)
        left, centre, right = (corners[k : k + self.channels, None] for k in range(3))
        rising, falling = (lines - left) / (centre - left), (right - lines) / (right - centre)
        return np.asarray(np.clip(np.minimum(rising, falling), 0, None))

    def encode(self, sound: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
        """Levels [steps, channels] of samples [n]; of silence none."""
        needed = (self.steps - 1) * self.hop + self.window
        padded = np.zeros(needed)
        padded[: min(needed, len(sound))] = sound[:needed]
        frames = np.lib.stride_tricks.sliding_window_view(padded, self.window)[:: self.hop]
        spectrum = np.fft.rfft(frames * get_window("hann", self.window), axis=1)
        power = np.square(np.abs(spectrum)) @ self.filters().T
        loudest = power.max()
        if loudest == 0:
            return np.zeros((self.steps, self.channels), dtype=np.uint8)
        # Powers are compared, since the logarithm of silence is none.
        least = loudest * 10 ** (np.asarray(self.thresholds_db) / 10)
        return np.asarray((power[:, :, None] >= least).sum(axis=2), dtype=np.uint8)
