"""A trained network with quantised weights and activations, which can train further."""

from collections.abc import Sequence

import torch

from spikewright.flow.convert.calibrate import (
    InputRange,
    activation_step,
    check_calibration,
    input_range,
    weight_steps,
)
from spikewright.flow.convert.config import ConvertConfig
from spikewright.flow.convert.layers import QatLayer, weight_limit
from spikewright.flow.importers import FloatArray, Stage, import_module, round_half_up

__all__ = ["QatNetwork", "prepare"]


class QatNetwork(torch.nn.Module):
    """Quantised input, then layers with learned steps; made by ``prepare``, read by ``convert``."""

    def __init__(
        self,
        layers: Sequence[QatLayer],
        *,
        shape: tuple[int, ...],
        input_range: InputRange,
        config: ConvertConfig,
    ) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList(layers)
        self.shape, self.config = shape, config
        self.low, self.high = input_range.low, input_range.high
        self.input_step: torch.Tensor
        self.register_buffer("input_step", torch.tensor(input_range.step, dtype=torch.float64))

    @property
    def stages(self) -> tuple[QatLayer, ...]:
        """The layers, typed."""
        return tuple(layer for layer in self.layers if isinstance(layer, QatLayer))

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """Input levels as float64: clip(floor(x / step + 0.5), low, high), flat per sample."""
        levels = torch.floor(x.flatten(1).to(torch.float64) / self.input_step + 0.5)
        return levels.clamp(self.low, self.high)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits."""
        a = (self.encode(x) * self.input_step).to(torch.float32)
        for layer in self.layers:
            a = layer(a)
        return a

    def activity(self) -> torch.Tensor:
        """Mean over hidden layers of the mean level in the last batch."""
        hidden = [layer.activity for layer in self.stages if layer.step is not None]
        return torch.stack(hidden).mean() if hidden else torch.zeros(())


def prepare(
    module: torch.nn.Module, calibration: torch.Tensor, config: ConvertConfig
) -> QatNetwork:
    """Quantise ``module`` after training: calibrate every step on ``calibration`` [N, ...].

    The result can be converted as it is, or trained further first (steps are parameters).
    """
    x = check_calibration(calibration)
    stages = import_module(module, tuple(x.shape[1:]))
    bits = config.layer_bits(len(stages))
    levels = config.layer_levels(len(stages) - 1)
    source = input_range(x, config)
    step = source.step
    a = torch.floor(x.flatten(1) / step + 0.5).clamp(source.low, source.high) * step
    layers = []
    for index, stage in enumerate(stages):
        hidden = index < len(stages) - 1
        layer, a = _calibrated(
            stage, a, bits[index], levels[index] if hidden else 0, config.percentile
        )
        layers.append(layer)
    network = QatNetwork(layers, shape=tuple(x.shape[1:]), input_range=source, config=config)
    return network.eval()


def _calibrated(
    stage: Stage, a: torch.Tensor, bits: int, levels: int, percentile: float
) -> tuple[QatLayer, torch.Tensor]:
    """The layer with its steps, and what the float stage makes of ``a`` (float64)."""
    weight, bias = torch.from_numpy(stage.weight), torch.from_numpy(stage.bias)
    # A readout's outputs are compared with each other: they must share one step.
    steps = weight_steps(weight, weight_limit(bits), per_channel=stage.activation is not None)
    quantised = steps * round_half_up(
        (weight / steps).clamp(-weight_limit(bits), weight_limit(bits))
    )
    z = a @ weight.T + bias
    if stage.norm_before is not None:
        z = z * _tensor(stage.norm_before.gain) + _tensor(stage.norm_before.shift)
    step: float | None = None
    value = z
    if stage.activation is not None:
        levels = stage.activation.levels or levels
        gain = torch.ones(stage.n_out, dtype=torch.float64)
        if stage.norm_after is not None:
            gain = _tensor(stage.norm_after.gain)
        y = torch.from_numpy(stage.activation(z.numpy()))
        step = activation_step(stage, y, gain.abs(), levels, percentile)
        value = y
        if stage.norm_after is not None:
            value = y * gain + _tensor(stage.norm_after.shift)
    layer = QatLayer(
        stage.name,
        weight=weight,
        # Rounding the weights moves the mean of the charge: the bias takes that back.
        bias=bias + (weight - quantised) @ a.mean(0),
        weight_bits=bits,
        weight_step=steps,
        norm_before=stage.norm_before,
        norm_after=stage.norm_after,
        step=step,
        levels=levels,
        clip=None if stage.activation is None else stage.activation.clip,
    )
    return layer, value


def _tensor(array: FloatArray) -> torch.Tensor:
    return torch.from_numpy(array)
