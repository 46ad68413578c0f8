"""Rows of methods that convert a trained ReLU network as it is."""

from spikewright.flow.apply_method import apply_method
from spikewright.flow.convert import ConvertConfig
from spikewright.flow.datasets import Dataset
from spikewright.flow.importers import Graph
from spikewright.flow.original import Original
from spikewright.golden.spec import Mode, Network

from .check import equal_in_hardware
from .measure import measure, steps_needed
from .row import Context, Finding, Row

__all__ = ["UNTRAINED_ROWS", "float_accuracy"]

STEPS = (1, 2, 4, 8, 16, 32, 64, 128)
N_CALIBRATION = 2048


def float_accuracy(graph: Graph, data: Dataset) -> float:
    """Percent of the test samples."""
    labels = Original(graph)(data.x_test).flatten(2 if data.y_test.dim() > 1 else 1).argmax(1)
    right = int((labels == data.y_test.reshape(labels.shape)).sum())
    return 100 * right / int(labels.numel())


def _converted(graph: Graph, data: Dataset, method: str, **changes: object) -> Network:
    config = ConvertConfig(
        method=method,
        weight_bits=8,
        max_steps=max(STEPS),
        name=method.replace("-", "_"),
        **changes,  # type: ignore[arg-type]
    )
    return apply_method(graph, data.x_train[:N_CALIBRATION], config).network


def _curve(network: Network, data: Dataset) -> dict[int, float]:
    return {steps: measure(network, data, steps=steps).accuracy for steps in STEPS}


def neuron_norm(context: Context) -> Finding:
    """Steps that layer-wise and neuron-wise thresholds need, without any training."""
    data, graph = context.mnist.shaped((784,)), context.mnist_deep_mlp
    wanted = float_accuracy(graph, data) - 0.5
    curves = {}
    for method in ("rate-max", "rate", "neuron-norm", "dnisnm"):
        with context.working(f"{method} on MNIST"):
            network = _converted(graph, data, method)
            curves[method] = _curve(network, data)
        if method == "neuron-norm":
            equal = equal_in_hardware(network, data.x_test, Mode.STEPWISE, steps=8)
    needed = {method: steps_needed(curve, wanted) for method, curve in curves.items()}
    layer, neuron = needed["rate-max"], needed["neuron-norm"]
    met = layer is not None and neuron is not None and layer >= 2 * neuron
    told = ", ".join(f"{method} {steps or 'never'}" for method, steps in needed.items())
    at = ", ".join(f"{method} {curve[8]:.2f} %" for method, curve in curves.items())
    return Finding(
        result=f"steps for {wanted:.2f} %: {told}; at T = 8: {at}",
        met=met,
        figures={"float": wanted + 0.5, "curves": curves, "needed": needed},
        **equal,
    )


def rate(context: Context) -> Finding:
    """The 99.9 percentile at T = 16."""
    data, graph = context.mnist.shaped((784,)), context.mnist_mlp
    with context.working("rate on MNIST"):
        network = _converted(graph, data, "rate")
        curve = _curve(network, data)
        equal = equal_in_hardware(network, data.x_test, Mode.STEPWISE, steps=16)
    trained = float_accuracy(graph, data)
    return Finding(
        result=f"{curve[16]:.2f} % at T = 16, {trained:.2f} % in floating point",
        met=curve[16] >= trained - 0.5,
        figures={"float": trained, "curve": curve},
        **equal,
    )


UNTRAINED_ROWS = (
    Row(
        name="neuron-norm",
        paper="Wang et al., IJCAI 2022 (SNM); Wang et al., Neural Networks 2024 (DNISNM)",
        claim="thresholds per neuron need fewer steps than thresholds per layer",
        experiment="ReLU MLP 784-128-128-10 on MNIST, 8-bit weights, not trained on; T = 1 .. 128",
        target="steps to within 0.5 points of floating point at least halved",
        run=neuron_norm,
    ),
    Row(
        name="rate",
        paper="Rueckauer et al., 2017 (snn_toolbox)",
        claim="rates with the 99.9 percentile come near the network that was converted",
        experiment="ReLU MLP 784-128-10 on MNIST, 8-bit weights, not trained on",
        target="within 0.5 points of floating point at T = 16",
        run=rate,
    ),
)
