"""The quantised recurrent networks of the benchmarks.

Su et al. (arXiv 2408.09403) give 99.16 % on MNIST pixel by pixel, and 94.95 % with the pixels in a
permuted order (abstract).
"""

from dataclasses import replace

from spikewright.flow.convert import TrainConfig
from spikewright.flow.datasets import N_CLASSES

from .config import Form, Layer, RecurrentConfig, Rotations
from .frames import PixelFrames
from .recipe import RecurrentRecipe

__all__ = [
    "MNIST_PERMUTED",
    "MNIST_PIXELS_14",
    "MNIST_RNN",
    "MNIST_RNN_DELTA",
    "MNIST_SEQUENTIAL",
]

IMAGE = (28, 28)
INPUT_LEVELS = 15
MEMORY_LEVELS = 4095

MNIST_RNN = RecurrentRecipe(
    name="mnist-rnn",
    shape=IMAGE,
    network=RecurrentConfig(name="mnist-rnn", inputs=28, hidden=128, classes=N_CLASSES),
    training=TrainConfig(epochs=24, batch=256, learning_rate=3e-3, image=IMAGE, shift=1, threads=2),
)

MNIST_RNN_DELTA = replace(
    MNIST_RNN,
    name="mnist-rnn-delta",
    network=replace(MNIST_RNN.network, name="mnist-rnn-delta", form=Form.DELTA),
)


def _waves(rows: int, width: int, most: int) -> tuple[int, ...]:
    """Turns of the waves that an image of that width has up to ``most`` of along either side.

    In raster order a wave of k periods along a row and m down all rows turns rows * k + m times.
    """
    found = {rows * across + down for across in range(most + 1) for down in range(-most, most + 1)}
    return tuple(sorted(turns for turns in found if 0 <= 2 * turns <= rows * width))


def _evenly(pairs: int, frames: int) -> tuple[int, ...]:
    """So many turns from none to half of the frames."""
    return tuple(round(k * (frames // 2) / (pairs - 1)) for k in range(pairs))


def _pixels(name: str, frames: PixelFrames, turns: tuple[int, ...], epochs: int) -> RecurrentRecipe:
    """Pixels of 15 levels into a memory, and two layers that look at what it holds."""
    return RecurrentRecipe(
        name=name,
        shape=IMAGE,
        frames=frames,
        network=RecurrentConfig(
            name=name,
            inputs=1,
            hidden=2 * len(turns),
            classes=N_CLASSES,
            levels=MEMORY_LEVELS,
            input_levels=INPUT_LEVELS,
            input_step=1 / INPUT_LEVELS,
            weight_bits=8,
            threshold=256,
            rotations=Rotations(turns=turns, frames=frames.frames),
            layers=(Layer(neurons=256), Layer(neurons=128)),
            dropout=0.2,
        ),
        training=TrainConfig(
            epochs=epochs,
            batch=128,
            learning_rate=2e-3,
            image=IMAGE,
            shift=2,
            turn=10.0,
            stretch=0.1,
            threads=1,
        ),
    )


# Waves of up to 7 periods are what a digit's strokes are made of.
MNIST_SEQUENTIAL = _pixels(
    "mnist-sequential", PixelFrames(image=IMAGE), _waves(*IMAGE, most=7), epochs=40
)
# Permuted pixels have no frequencies of their own: evenly spread ones are as good as any.
MNIST_PERMUTED = _pixels(
    "mnist-permuted", PixelFrames(image=IMAGE, permuted=0), _evenly(128, 28 * 28), epochs=30
)
MNIST_PIXELS_14 = _pixels(
    "mnist-pixels-14", PixelFrames(image=IMAGE, pool=2), _waves(14, 14, most=6), epochs=40
)
