"""The networks with Legendre memories of the benchmarks."""

from functools import partial

from spikewright.flow.convert import TrainConfig
from spikewright.flow.datasets import N_CLASSES
from spikewright.flow.spiking.recipes import SPOKEN_ENCODER
from spikewright.flow.tuning.legendre import LegendreConfig, l2mu, linear_memory
from spikewright.flow.tuning.recipe import TunedRecipe
from spikewright.flow.tuning.shadows import Leaks

__all__ = ["MNIST_L2MU", "MNIST_LMU", "SPOKEN_L2MU"]

_L2MU_FROZEN = (("u", "m"), ("m", "m"))
_ROWS = LegendreConfig(
    name="mnist-l2mu",
    inputs=28,
    hidden=128,
    classes=N_CLASSES,
    steps=28,
    memories=32,
    order=4,
    theta=7,
)

MNIST_L2MU = TunedRecipe(
    shape=(28, 28),
    build=partial(l2mu, _ROWS),
    training=TrainConfig(epochs=10, batch=256, learning_rate=6e-3, image=(28, 28), shift=1),
    thresholds=True,
    leaks=Leaks.MULTIPLIER,
    frozen=_L2MU_FROZEN,
)

# Six polynomials over all rows of each column.
MNIST_LMU = TunedRecipe(
    shape=(28, 28),
    build=partial(
        linear_memory,
        LegendreConfig(
            name="mnist-lmu",
            inputs=28,
            hidden=128,
            classes=N_CLASSES,
            steps=28,
            memories=28,
            order=6,
            theta=28,
        ),
    ),
    training=TrainConfig(epochs=8, batch=256, learning_rate=4e-3, image=(28, 28), shift=1),
    biases=True,
    frozen=(("in", "m"), ("m", "m")),
)

SPOKEN_L2MU = TunedRecipe(
    shape=(SPOKEN_ENCODER.steps, SPOKEN_ENCODER.channels),
    build=partial(
        l2mu,
        LegendreConfig(
            name="spoken-l2mu",
            inputs=SPOKEN_ENCODER.channels,
            hidden=96,
            classes=N_CLASSES,
            steps=SPOKEN_ENCODER.steps,
            memories=16,
            order=4,
            theta=12,
            high=len(SPOKEN_ENCODER.thresholds_db),
        ),
    ),
    training=TrainConfig(
        epochs=40,
        batch=64,
        learning_rate=6e-3,
        smoothing=0.1,
        image=(SPOKEN_ENCODER.steps, SPOKEN_ENCODER.channels),
        shift=1,
    ),
    thresholds=True,
    leaks=Leaks.MULTIPLIER,
    frozen=_L2MU_FROZEN,
)
