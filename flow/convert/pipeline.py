"""The whole conversion: a torch module in, the integer network and its closed form out."""

from dataclasses import dataclass, replace

import numpy as np
import torch

from spikewright.flow.convert.calibrate import InputRange, check_calibration
from spikewright.flow.convert.config import ConvertConfig
from spikewright.flow.convert.layers import QuantisedLayer
from spikewright.flow.convert.lower import lower
from spikewright.flow.convert.qat import QatNetwork, prepare
from spikewright.flow.convert.reference import Reference
from spikewright.flow.importers import FloatArray
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import IntArray, Network

__all__ = ["Conversion", "convert"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Conversion:
    """What a conversion yields.

    ``reference`` is the integer network's closed form, ``quantised`` the same in floating point
    (the fake-quantised module), ``logit_step`` the real value of one unit of the integer logits.
    """

    network: Network
    reference: Reference
    quantised: QatNetwork
    logit_step: float


def convert(
    module: torch.nn.Module, calibration: torch.Tensor, config: ConvertConfig | None = None
) -> Conversion:
    """Convert ``module`` to one integer network that all three modes run.

    A float module is calibrated on ``calibration`` [N, ...] first. One that ``prepare`` made keeps
    its learned steps; then the choices that it was made with must not change.
    """
    if isinstance(module, QatNetwork):
        quantised, chosen = module, _same_choices(module, config)
        x = check_calibration(calibration)
        if tuple(x.shape[1:]) != module.shape:
            raise ConfigurationError(
                f"samples must have the shape {list(module.shape)} of the prepared module",
                found=str(list(x.shape[1:])),
                where="calibration data",
            )
        method = "quantisation-aware training"
    else:
        chosen = config or ConvertConfig()
        quantised = prepare(module, calibration, chosen)
        method = f"calibration at percentile {chosen.percentile}"
    lowered = lower(
        _quantised_layers(quantised),
        shape=quantised.shape,
        input_range=InputRange(
            low=quantised.low, high=quantised.high, step=float(quantised.input_step)
        ),
        config=chosen,
        provenance={"source": type(module).__name__, "method": method},
    )
    return Conversion(
        network=lowered.network,
        reference=Reference(lowered.network),
        quantised=quantised,
        logit_step=lowered.logit_step,
    )


def _quantised_layers(module: QatNetwork) -> tuple[QuantisedLayer, ...]:
    n_in = module.stages[0].weight.shape[1]
    sign: IntArray = np.ones(n_in, dtype=np.int64)
    shift: FloatArray = np.zeros(n_in)
    layers = []
    for stage in module.stages:
        for name, tensor in stage.state_dict().items():
            if not bool(torch.isfinite(tensor).all()):
                raise ConfigurationError(
                    "every weight and step must be finite",
                    found=f"NaN or inf in {name}",
                    where=stage.name,
                    action="train again with a lower learning rate",
                )
        layers.append(stage.quantised(sign, shift))
        sign, shift = stage.sent()
    return tuple(layers)


def _same_choices(module: QatNetwork, config: ConvertConfig | None) -> ConvertConfig:
    """The caller's config, which may differ from the module's in what is chosen after training."""
    if config is None:
        return module.config
    made = module.config
    for field in ("weight_bits", "levels", "input_levels"):
        if getattr(config, field) != getattr(made, field):
            raise ConfigurationError(
                f"must be {getattr(made, field)}, as the module was prepared",
                found=str(getattr(config, field)),
                where=field,
                action="prepare and train again to change it",
            )
    return replace(config, percentile=made.percentile)
