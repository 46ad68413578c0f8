"""Checks that a module is what was read of it: no hidden code, the same traced and as a graph."""

from dataclasses import replace

import torch
from torch import fx

from spikewright.flow.importers.call import PERMANENT
from spikewright.flow.importers.evaluate import evaluate
from spikewright.flow.importers.layers import QuantisedReLU
from spikewright.flow.importers.stages import Activation, Graph, Shape, Stage
from spikewright.golden.errors import UnsupportedError

__all__ = ["require_no_hooks", "require_same_graph", "require_same_trace"]

N = 3
"""Random samples that are compared: more than one, and not as many as the trace has."""

RELATIVE, ABSOLUTE = 1e-6, 1e-12
"""Largest difference of float64 logits: of the largest one, and where all are 0."""


def require_no_hooks(module: torch.nn.Module) -> None:
    """Raise UnsupportedError for the first layer with a hook, which no trace shows."""
    for path, layer in module.named_modules():
        if isinstance(layer, torch.nn.modules.lazy.LazyModuleMixin):
            continue  # one that was never called: it is refused by its own name
        for hook in (*layer._forward_pre_hooks.values(), *layer._forward_hooks.values()):
            raise UnsupportedError(
                "a layer must have no hooks",
                found=getattr(hook, "__name__", type(hook).__name__),
                where=path or type(module).__name__,
                action=f"take it off; {PERMANENT}",
            )


@torch.no_grad()
def require_same_trace(module: torch.nn.Module, traced: fx.GraphModule, shape: Shape) -> None:
    """What torch.fx takes for x = x + y can have been x += y, of which other tensors know."""
    x = _samples(shape)
    if not torch.equal(_logits(module, x), _logits(traced, x)):
        raise UnsupportedError(
            "the module must compute the same when it is traced",
            found="other logits for random samples",
            where=type(module).__name__,
            action="write x = x + y instead of x += y where x is read again",
        )


@torch.no_grad()
def require_same_graph(module: torch.nn.Module, graph: Graph) -> None:
    """The graph's logits must be the module's, up to the rounding of float64.

    Both are compared with the roundings of QuantisedReLU left out, which could turn the order of a
    sum into a whole level. ``module`` is in float64 and in evaluation mode.
    """
    x = _samples(graph.input_shape)
    hooks = [
        layer.register_forward_hook(_clipped)
        for layer in module.modules()
        if isinstance(layer, QuantisedReLU)
    ]
    wanted = _logits(module, x).flatten(1)
    for hook in hooks:
        hook.remove()
    found = evaluate(_unrounded(graph), x).flatten(1)
    largest = float(wanted.abs().max())
    difference = float((found - wanted).abs().max())
    if not difference <= RELATIVE * largest + ABSOLUTE:
        raise UnsupportedError(
            "the graph that is read must compute what the module computes",
            found=f"logits that differ by {difference:.3g} (the largest is {largest:.3g})",
            where=type(module).__name__,
            action="let every layer have the forward of its class, or report this",
        )


def _samples(shape: Shape) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(N, *shape, dtype=torch.float64, generator=generator)


def _logits(module: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Logits of each sample; raises UnsupportedError where the batch's size is fixed."""
    try:
        logits: torch.Tensor = module(x.clone())
    except Exception as error:  # whatever a user's own forward raises
        raise _fixed_batch(module, f"{type(error).__name__}: {error}".splitlines()[0]) from error
    if len(logits) != N:
        raise _fixed_batch(module, f"logits of shape {list(logits.shape)}")
    return logits


def _fixed_batch(module: torch.nn.Module, found: str) -> UnsupportedError:
    return UnsupportedError(
        "the module must take any number of samples",
        found=f"{found} for {N} samples",
        where=type(module).__name__,
        action="use x.flatten(1), or x.shape[0] for the size of the batch",
    )


def _clipped(layer: QuantisedReLU, args: tuple[torch.Tensor], _: torch.Tensor) -> torch.Tensor:
    return args[0].clamp(0, float(layer.levels * layer.step.abs()))


def _unrounded(graph: Graph) -> Graph:
    stages = tuple(
        replace(stage, activation=Activation(clip=stage.activation.clip))
        if isinstance(stage, Stage) and stage.activation is not None
        else stage
        for stage in graph.stages
    )
    return replace(graph, stages=stages)
