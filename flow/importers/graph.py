"""Trace a torch module with torch.fx and read it as a chain of stages."""

import copy
import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx

from spikewright.flow.importers.chain import Chain
from spikewright.flow.importers.layers import QuantisedReLU
from spikewright.flow.importers.stages import Activation, FloatArray, Norm, Stage
from spikewright.golden.errors import ConfigurationError, SpikewrightError, UnsupportedError

__all__ = ["SUPPORTED", "import_module"]

SUPPORTED = (
    "supported are Linear, ReLU, ReLU6, Hardtanh(0, c), clamp(0, c), QuantisedReLU, BatchNorm1d, "
    "Dropout, Flatten, Identity and their functional forms"
)

_RELU = Activation()
_RELU6 = Activation(clip=6.0)
_RELU_FUNCTIONS = {F.relu, F.relu_, torch.relu, torch.relu_}
_SHAPE_FUNCTIONS = {torch.flatten, torch.reshape}
_CLAMP_FUNCTIONS = {torch.clamp, torch.clamp_, torch.clip, torch.clip_}
_PLAIN_METHODS = {"flatten", "view", "reshape", "contiguous"}


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: torch.nn.Module, module_qualified_name: str) -> bool:
        """Our own layer is one operation, as torch's are."""
        return isinstance(m, QuantisedReLU) or super().is_leaf_module(m, module_qualified_name)


def import_module(module: torch.nn.Module, shape: Sequence[int]) -> tuple[Stage, ...]:
    """Read ``module``, which takes samples of ``shape`` (without the batch), as stages.

    Raises UnsupportedError, which names the layer and what is supported, and ConfigurationError
    for weights that are not finite or a shape that does not fit.
    """
    copied = copy.deepcopy(module).cpu().eval().float()
    try:
        graph = _Tracer().trace(copied)
    except Exception as error:  # whatever a user's own forward raises on a proxy
        raise UnsupportedError(
            "the module must be traceable by torch.fx (no branches on data, fixed loops only)",
            found=f"{type(error).__name__}: {(str(error) or 'no message').splitlines()[0]}",
            where=type(module).__name__,
            action="write its forward as a plain chain of layers",
        ) from error
    traced = fx.GraphModule(copied, graph)
    traced.graph.eliminate_dead_code()
    inputs = [node for node in traced.graph.nodes if node.op == "placeholder" and node.users]
    if len(inputs) != 1:
        raise UnsupportedError(
            "the module must take one tensor",
            found=f"{len(inputs)} used inputs",
            where=type(module).__name__,
        )
    reader = _Reader(traced, tuple(shape))
    with torch.no_grad():
        try:
            reader.run(torch.zeros(2, *shape))
        except SpikewrightError as error:
            # fx appends its own account of the graph to whatever passes through it.
            raise type(error)(
                error.must, found=error.found, where=error.where, action=error.action
            ) from None
    return reader.chain.stages()


class _Reader(fx.Interpreter):
    """Runs the graph on zeros to know every shape and hands each operation to the chain."""

    def __init__(self, module: fx.GraphModule, shape: tuple[int, ...]) -> None:
        super().__init__(module)
        self.chain = Chain(shape)
        self._data: set[fx.Node] = set()

    def run_node(self, n: fx.Node) -> Any:
        """One operation: refuse it, or run it and note what it does to the data."""
        sources = [node for node in n.all_input_nodes if node in self._data]
        if n.op == "placeholder":
            self._data.add(n)
            return super().run_node(n)
        if n.op == "output":
            if n.args[0] not in self._data:
                raise UnsupportedError(
                    "the module must return one tensor of logits",
                    found=type(n.args[0]).__name__,
                    where="output",
                )
            return super().run_node(n)
        if not sources or _is_size(n):
            return super().run_node(n)
        if len(sources) > 1 or self._branches(sources[0]):
            raise UnsupportedError(
                "a network must be one chain of layers",
                found=f"{_title(n, self.module)}, where two branches are in use",
                where=n.name,
                action=SUPPORTED,
            )
        effect = self._effect(n)
        before = self.env[sources[0]]
        if n.op == "call_module" and isinstance(self._layer(n), torch.nn.Linear):
            _check_linear(str(n.target), self._layer(n), before)
        value = self._run_shaped(n)
        if effect is not None:
            effect()
        elif value.shape[0] != 2 or value[0].numel() != before[0].numel():
            raise UnsupportedError(
                "a reshape must keep the batch",
                found=f"{list(before.shape)} to {list(value.shape)}",
                where=n.name,
            )
        self._data.add(n)
        return value

    def _run_shaped(self, n: fx.Node) -> torch.Tensor:
        try:
            value = super().run_node(n)
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            raise ConfigurationError(
                "the layers' shapes must fit each other and the samples",
                found=str(error).splitlines()[0],
                where=str(n.target) if n.op == "call_module" else n.name,
            ) from error
        if not isinstance(value, torch.Tensor):
            raise self._refusal(n)
        return value

    def _branches(self, source: fx.Node) -> bool:
        return sum(not _is_size(user) for user in source.users) > 1

    def _layer(self, n: fx.Node) -> torch.nn.Module:
        return self.module.get_submodule(str(n.target))

    def _refusal(self, n: fx.Node) -> UnsupportedError:
        return UnsupportedError(
            "every layer must be a supported one",
            found=_title(n, self.module),
            where=str(n.target) if n.op == "call_module" else n.name,
            action=SUPPORTED,
        )

    def _effect(self, n: fx.Node) -> Callable[[], None] | None:
        """What the operation does to the chain; None where it leaves the values alone."""
        if n.op == "call_module":
            return self._layer_effect(n)
        if n.op == "call_method":
            return self._method_effect(n)
        target = n.target
        if target in _RELU_FUNCTIONS:
            return self._activate(n, _RELU)
        if target is F.relu6:
            return self._activate(n, _RELU6)
        if target in (F.hardtanh, F.hardtanh_):
            return self._clamp(n, *_bounds(n, ("min_val", "max_val"), (-1.0, 1.0)))
        if target in _CLAMP_FUNCTIONS:
            return self._clamp(n, *_bounds(n, ("min", "max"), (None, None)))
        if target is F.dropout or target in _SHAPE_FUNCTIONS:
            return None
        raise self._refusal(n)

    def _layer_effect(self, n: fx.Node) -> Callable[[], None] | None:
        name, layer = str(n.target), self._layer(n)
        kind = type(layer)
        if kind is torch.nn.Linear:
            weight, bias = _linear_arrays(name, layer)
            return lambda: self.chain.linear(name, weight, bias)
        if kind is torch.nn.BatchNorm1d:
            norm = _norm(name, layer)
            return lambda: self.chain.norm(name, norm)
        if kind is torch.nn.ReLU:
            return self._activate(n, _RELU)
        if kind is torch.nn.ReLU6:
            return self._activate(n, _RELU6)
        if isinstance(layer, torch.nn.Hardtanh):
            return self._clamp(n, float(layer.min_val), float(layer.max_val))
        if isinstance(layer, QuantisedReLU):
            step = float(layer.step.abs())
            _require_finite(name, "step", layer.step)
            return self._activate(
                n, Activation(clip=step * layer.levels, levels=layer.levels, step=step)
            )
        if isinstance(layer, torch.nn.Dropout | torch.nn.Flatten | torch.nn.Identity):
            return None
        raise self._refusal(n)

    def _method_effect(self, n: fx.Node) -> Callable[[], None] | None:
        if n.target in ("relu", "relu_"):
            return self._activate(n, _RELU)
        if n.target in ("clamp", "clamp_", "clip", "clip_"):
            return self._clamp(n, *_bounds(n, ("min", "max"), (None, None)))
        if n.target in ("clamp_min", "clamp_min_"):
            return self._clamp(n, _bounds(n, ("min",), (None,))[0], None)
        if n.target in _PLAIN_METHODS:
            return None
        raise self._refusal(n)

    def _activate(self, n: fx.Node, activation: Activation) -> Callable[[], None]:
        name = str(n.target) if n.op == "call_module" else n.name
        return lambda: self.chain.activation(name, activation)

    def _clamp(self, n: fx.Node, low: Any, high: Any) -> Callable[[], None]:
        name = str(n.target) if n.op == "call_module" else n.name
        if low != 0 or not (high is None or high > 0):
            raise UnsupportedError(
                "a clamp must go from 0 to a positive value",
                found=f"{low} to {high}",
                where=name,
                action=SUPPORTED,
            )
        return self._activate(n, Activation(clip=None if high is None else float(high)))


def _is_size(n: fx.Node) -> bool:
    """Shapes are plain numbers here, so they are no second branch of the data."""
    if n.op == "call_method":
        return n.target in ("size", "dim", "numel")
    if n.op != "call_function":
        return False
    if n.target is operator.getitem:
        return isinstance(n.args[0], fx.Node) and _is_size(n.args[0])
    return n.target is getattr and n.args[1] in ("shape", "ndim")


def _bounds(n: fx.Node, names: Sequence[str], defaults: Sequence[float | None]) -> list[Any]:
    given = list(n.args[1 : 1 + len(names)])
    for name, default in zip(names[len(given) :], defaults[len(given) :], strict=True):
        given.append(n.kwargs.get(name, default))
    return given


def _title(n: fx.Node, module: torch.nn.Module) -> str:
    if n.op == "call_module":
        return type(module.get_submodule(str(n.target))).__name__
    return str(n.target) if n.op == "call_method" else getattr(n.target, "__name__", str(n.target))


def _array(tensor: torch.Tensor) -> FloatArray:
    return tensor.detach().to(torch.float64).numpy().copy()


def _require_finite(name: str, what: str, tensor: torch.Tensor) -> None:
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


def _check_linear(name: str, layer: torch.nn.Module, value: torch.Tensor) -> None:
    if not isinstance(layer, torch.nn.Linear):
        return
    if value.dim() != 2:
        raise UnsupportedError(
            "a Linear must get one vector per sample",
            found=f"samples of shape {list(value.shape[1:])}",
            where=name,
            action="put a Flatten before it",
        )
    if value.shape[1] != layer.in_features:
        raise ConfigurationError(
            f"a sample must have {layer.in_features} features here",
            found=str(value.shape[1]),
            where=name,
            action="check the shape of the calibration data",
        )


def _linear_arrays(name: str, layer: torch.nn.Module) -> tuple[FloatArray, FloatArray]:
    assert isinstance(layer, torch.nn.Linear)
    _require_finite(name, "weight", layer.weight)
    bias = torch.zeros(layer.out_features) if layer.bias is None else layer.bias
    _require_finite(name, "bias", bias)
    return _array(layer.weight), _array(bias)


def _norm(name: str, layer: torch.nn.Module) -> Norm:
    assert isinstance(layer, torch.nn.BatchNorm1d)
    if layer.running_mean is None or layer.running_var is None:
        raise UnsupportedError(
            "a batch norm must keep running statistics",
            found="track_running_stats=False",
            where=name,
        )
    one = torch.ones(layer.num_features)
    gamma = one if layer.weight is None else layer.weight
    beta = one * 0 if layer.bias is None else layer.bias
    for what, tensor in (
        ("gain", gamma),
        ("shift", beta),
        ("running mean", layer.running_mean),
        ("running variance", layer.running_var),
    ):
        _require_finite(name, what, tensor)
    if bool((layer.running_var + layer.eps <= 0).any()):
        raise ConfigurationError(
            "running variance + eps must be positive",
            found=str(float(layer.running_var.min())),
            where=name,
        )
    return Norm(
        gamma=_array(gamma),
        beta=_array(beta),
        mean=_array(layer.running_mean),
        variance=_array(layer.running_var),
        eps=layer.eps,
        momentum=0.1 if layer.momentum is None else layer.momentum,
    )
