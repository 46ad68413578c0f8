"""Arrays of trained torch layers, checked to be finite."""

import torch

from spikewright.flow.importers.stages import Activation, FloatArray, Norm
from spikewright.golden.errors import ConfigurationError, UnsupportedError

__all__ = ["batch_norm", "float_array", "quantised", "weight_and_bias"]


def float_array(name: str, what: str, tensor: torch.Tensor) -> FloatArray:
    """The tensor as float64, its own copy; raises ConfigurationError where it is not finite."""
    bad = (~torch.isfinite(tensor.detach())).nonzero()
    if len(bad):
        index = bad[0].tolist()
        value = float(tensor.detach()[tuple(index)])
        raise ConfigurationError(
            f"every {what} must be finite",
            found=f"{value} at {index} ({len(bad)} such)",
            where=name,
            action="train again or load other weights",
        )
    array: FloatArray = tensor.detach().to(torch.float64).numpy().copy()
    return array


def weight_and_bias(
    name: str, weight: torch.Tensor, bias: torch.Tensor | None, n_out: int
) -> tuple[FloatArray, FloatArray]:
    """Arrays of a layer; zeros [n_out] where it has no bias."""
    none = torch.zeros(n_out) if bias is None else bias
    return float_array(name, "weight", weight), float_array(name, "bias", none)


def batch_norm(
    name: str,
    mean: torch.Tensor | None,
    variance: torch.Tensor | None,
    weight: torch.Tensor | None,
    bias: torch.Tensor | None,
    eps: float,
    momentum: float | None,
) -> Norm:
    """A batch norm as it is in evaluation."""
    if mean is None or variance is None:
        raise UnsupportedError(
            "a batch norm must keep running statistics",
            found="track_running_stats=False",
            where=name,
        )
    one = torch.ones_like(mean)
    gamma = one if weight is None else weight
    beta = one * 0 if bias is None else bias
    norm = Norm(
        gamma=float_array(name, "gain", gamma),
        beta=float_array(name, "shift", beta),
        mean=float_array(name, "running mean", mean),
        variance=float_array(name, "running variance", variance),
        eps=float(eps),
        momentum=0.1 if momentum is None else float(momentum),
    )
    if bool((norm.variance + eps <= 0).any()):
        raise ConfigurationError(
            "running variance + eps must be positive",
            found=str(float(norm.variance.min())),
            where=name,
        )
    return norm


def quantised(name: str, step: torch.Tensor, levels: int) -> Activation:
    """Our own activation, with the step that it has learned."""
    size = float(float_array(name, "step", step.abs()))
    return Activation(clip=size * levels, levels=levels, step=size)
