"""The whole conversion: a torch module in, the integer network and its closed form out."""

from dataclasses import dataclass, replace
from functools import cached_property

import torch

from spikewright.flow.convert.calibrate import InputRange, check_calibration
from spikewright.flow.convert.config import ConvertConfig
from spikewright.flow.convert.lower import lower
from spikewright.flow.convert.qat import QatNetwork, prepare
from spikewright.flow.convert.quantised import QuantisedStage
from spikewright.flow.convert.reference import Reference
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Network

__all__ = ["Conversion", "convert"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Conversion:
    """What a conversion yields.

    ``quantised`` is the network in floating point (the fake-quantised module), ``logit_step`` the
    real value of one unit of the integer logits, ``fraction_bits`` those of each population whose
    connections have weights.
    """

    network: Network
    quantised: QatNetwork
    logit_step: float
    fraction_bits: tuple[int, ...]

    @cached_property
    def reference(self) -> Reference:
        """The integer network's closed form; UnsupportedError where OR pooling leaves none."""
        return Reference(self.network)


def convert(
    module: torch.nn.Module, calibration: torch.Tensor, config: ConvertConfig | None = None
) -> Conversion:
    """Convert ``module`` to one integer network that all its modes run.

    A float module is calibrated on ``calibration`` [N, ...] first, on at most 2,048 evenly spread
    samples of it. One that ``prepare`` made keeps
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
        method = f"{chosen.method}, quantisation-aware training"
    else:
        chosen = config or ConvertConfig()
        quantised = prepare(module, calibration, chosen)
        method = f"{chosen.method}, calibration at percentile {chosen.percentile}"
    lowered = lower(
        quantised.graph,
        _quantised_stages(quantised),
        input_range=InputRange(
            low=quantised.low, high=quantised.high, step=float(quantised.input_step)
        ),
        config=chosen,
        provenance={"source": type(module).__name__, "method": method},
    )
    return Conversion(
        network=lowered.network,
        quantised=quantised,
        logit_step=lowered.logit_step,
        fraction_bits=lowered.fraction_bits,
    )


@torch.no_grad()
def _quantised_stages(module: QatNetwork) -> dict[str, QuantisedStage]:
    for name, tensor in module.state_dict().items():
        if not bool(torch.isfinite(tensor).all()):
            raise ConfigurationError(
                "every weight and step must be finite",
                found=f"NaN or inf in {name}",
                where=module.owner(name),
                action="train again with a lower learning rate",
            )
    steps = module.level_steps()
    return {stage.name: stage.quantised(steps) for stage in module.stages}


def _same_choices(module: QatNetwork, config: ConvertConfig | None) -> ConvertConfig:
    """The caller's config, which may differ from the module's in what is chosen after training."""
    if config is None:
        return module.config
    made = module.config
    for field in ("method", "weight_bits", "levels", "spike_bits", "input_levels", "variance"):
        if getattr(config, field) != getattr(made, field):
            raise ConfigurationError(
                f"must be {getattr(made, field)}, as the module was prepared",
                found=str(getattr(config, field)),
                where=field,
                action="prepare and train again to change it",
            )
    return replace(config, percentile=made.percentile)
