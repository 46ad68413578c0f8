"""The spiking networks of the benchmarks."""

from spikewright.flow.convert import TrainConfig
from spikewright.flow.datasets import N_CLASSES, SPOKEN_RATE_HZ
from spikewright.flow.sound import SoundEncoder

from .layers import Layer, Output
from .recipe import SpikingRecipe

__all__ = ["MNIST_ROWS", "SPOKEN_DIGITS", "SPOKEN_ENCODER"]

MNIST_ROWS = SpikingRecipe(
    name="mnist-rows",
    shape=(28, 28),
    # A leak of one half is a shift, which integers do exactly; the recurrence remembers.
    layers=(Layer(neurons=128, leak=0.5, recurrent=True),),
    output=Output(classes=N_CLASSES),
    weight_bits=4,
    training=TrainConfig(epochs=30, batch=256, learning_rate=4e-3, image=(28, 28), shift=1),
)

# 48 steps of 16 ms hear 0.78 s: of 44 recordings one is longer, and is cut off.
SPOKEN_ENCODER = SoundEncoder(
    rate_hz=SPOKEN_RATE_HZ, steps=48, step_s=0.016, window_s=0.032, channels=24
)
SPOKEN_DIGITS = SpikingRecipe(
    name="spoken-digits",
    shape=(SPOKEN_ENCODER.steps, SPOKEN_ENCODER.channels),
    # Small enough for an iCE40UP5K.
    layers=(Layer(neurons=64, leak=0.75, recurrent=True),),
    output=Output(classes=N_CLASSES),
    weight_bits=6,
    # An image of steps and channels: a shift is another moment and another pitch.
    training=TrainConfig(
        epochs=60,
        batch=64,
        learning_rate=4e-3,
        smoothing=0.1,
        image=(SPOKEN_ENCODER.steps, SPOKEN_ENCODER.channels),
        shift=1,
    ),
)
