"""The networks with Legendre memories and with attention of benchmarks and of the study."""

from functools import partial

from spikewright.flow.convert import TrainConfig
from spikewright.flow.datasets import N_CLASSES
from spikewright.flow.spiking.recipes import SPOKEN_ENCODER
from spikewright.flow.tuning.attention import SpikformerConfig, spikformer
from spikewright.flow.tuning.legendre import LegendreConfig, l2mu, linear_memory
from spikewright.flow.tuning.recipe import TunedRecipe
from spikewright.flow.tuning.shadows import Leaks
from spikewright.flow.tuning.spikmamba import FIXED, SpikmambaConfig, spikmamba
from spikewright.golden.spec import Leak

__all__ = [
    "DIGITS_SPIKFORMER",
    "MNIST_L2MU",
    "MNIST_LMU",
    "MNIST_SPIKFORMER",
    "MNIST_SPIKMAMBA",
    "SPOKEN_L2MU",
]

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
    training=TrainConfig(epochs=15, batch=256, learning_rate=5e-3, image=(28, 28), shift=1),
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
            # Sounds last longer than a step of 16 ms.
            leaks=(*[Leak(multiplier=3, shift=2)] * 3, Leak(multiplier=15, shift=4)),
        ),
    ),
    training=TrainConfig(
        epochs=60,
        batch=64,
        learning_rate=1.2e-2,
        image=(SPOKEN_ENCODER.steps, SPOKEN_ENCODER.channels),
        shift=1,
    ),
    thresholds=True,
    leaks=Leaks.MULTIPLIER,
    frozen=_L2MU_FROZEN,
)

# Of many layers that fire: a surrogate that reaches further than that of the others.
_SLOPE = 2.0
_SUMS = ("x0", "y1", "x1")

MNIST_SPIKFORMER = TunedRecipe(
    shape=(1, 28, 28),
    build=partial(spikformer, SpikformerConfig(name="mnist-spikformer", image=(28, 28), patch=7)),
    training=TrainConfig(epochs=10, batch=128, learning_rate=5e-3, image=(28, 28), shift=1),
    thresholds=True,
    biases=True,
    still=_SUMS,
    slope=_SLOPE,
)

DIGITS_SPIKFORMER = TunedRecipe(
    shape=(1, 8, 8),
    build=partial(spikformer, SpikformerConfig(name="digits-spikformer", image=(8, 8), patch=2)),
    training=TrainConfig(epochs=60, batch=64, learning_rate=5e-3, smoothing=0.1),
    thresholds=True,
    biases=True,
    still=_SUMS,
    slope=_SLOPE,
)

# A row of an image is a frame, of 7 tokens.
MNIST_SPIKMAMBA = TunedRecipe(
    shape=(28, 28),
    build=partial(spikmamba, SpikmambaConfig(name="mnist-spikmamba", inputs=28, patch=4, steps=28)),
    training=TrainConfig(epochs=4, batch=256, learning_rate=5e-3),
    thresholds=True,
    biases=True,
    still=FIXED,
    slope=_SLOPE,
)
