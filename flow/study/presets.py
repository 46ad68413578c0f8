"""Every preset on two small networks: what it reaches, and its hardware against the model."""

from functools import partial

from spikewright.flow.apply_method import apply_method
from spikewright.flow.convert import METHODS, Code, ConvertConfig, TrainConfig
from spikewright.golden.errors import UnsupportedError
from spikewright.golden.spec import Mode

from .check import equal_in_hardware
from .measure import measure
from .row import Context, Finding, Row

__all__ = ["PRESET_ROWS"]

TRAINING = TrainConfig(epochs=30, batch=64, learning_rate=2e-3)
TUNING = TrainConfig(epochs=10, batch=64, learning_rate=1e-3)
STEPS = 8
LANES = 8
SAMPLES = 50


def preset(context: Context, name: str) -> Finding:
    """A method on an MLP and a CNN of the digits, in each mode that it has."""
    method = METHODS[name]
    compared = {"MLP": 0, "CNN": 0}
    spikes = 0
    figures: dict[str, float] = {}
    lines = []
    for title, graph in (("MLP", context.digits_mlp), ("CNN", context.digits_cnn)):
        data = context.digits.shaped(graph.input_shape)
        training = TRAINING if method.trains else None
        tuning = TUNING if method.tuning is not None else None
        config = ConvertConfig(method=name, weight_bits=6, name=f"digits_{title.lower()}")
        with context.working(f"{name}, digits {title}") as advance:
            total = sum(each.epochs for each in (training, tuning) if each is not None) or 1
            try:
                network = apply_method(
                    graph,
                    data.x_train,
                    config,
                    y=data.y_train,
                    training=training,
                    tuning=tuning,
                    seed=context.seed,
                    progress=context.progress(advance, total),
                ).network
            except UnsupportedError as error:
                lines.append(f"{title}: cannot be ({error})")
                continue
        for mode in network.modes:
            steps = None
            if mode is Mode.STEPWISE:
                steps = STEPS if method.code is Code.RATE else network.max_steps  # its own T
            found = measure(network, data, mode, steps)
            run = str(mode) if steps is None else f"T = {steps}"
            figures[f"{title}, {run}"] = found.accuracy
            lines.append(f"{title} {run} {found.accuracy:.2f} %")
            equal = equal_in_hardware(
                network, data.x_test, mode, steps=steps, samples=SAMPLES, lanes=LANES
            )
            compared[title] += equal["compared"]
            spikes += equal["spikes"]
    return Finding(
        result=", ".join(lines),
        met=min(compared.values()) >= SAMPLES,
        figures=figures,
        compared=sum(compared.values()),
        spikes=spikes,
    )


PRESET_ROWS = tuple(
    Row(
        name=f"preset-{method.name}",
        paper=method.source,
        claim=method.title,
        experiment="digits of 8 x 8: MLP 64-32-32-10 and CNN 8-16-10, 6-bit weights, every mode",
        target="its spikes equal the golden model's on at least 50 samples of each",
        run=partial(preset, name=method.name),
    )
    for method in METHODS.values()
)
