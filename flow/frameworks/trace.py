"""Follow a spiking module while it runs: which layer gets what of which neurons, and when."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod
from typing import Any

import nir
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from spikewright.flow.nir.linear import apply
from spikewright.golden.errors import UnsupportedError

from .doubles import Doubles, double, doubled
from .framework import Framework
from .layers import (
    PASSING,
    WEIGHTED,
    convolution_node,
    linear_node,
    normalised,
    pool_node,
)
from .neuron import Neuron, Shape
from .values import (
    FLATTEN,
    INPUT,
    RESERVED,
    Call,
    Edge,
    Returned,
    Source,
    Term,
    Value,
    WrongForm,
)

__all__ = ["Trace"]

STATE = "a state of "
_SAME = ("contiguous", "clone", "detach", "float", "double", "to", "type", "cpu", "requires_grad_")
_SHAPES = ("flatten", "reshape", "view", "squeeze", "unsqueeze", "unflatten", "ravel", "view_as")
_ADDS = ("add", "add_", "__add__", "__radd__", "__iadd__")


class Trace(TorchFunctionMode):
    """Runs a module, in float64, and keeps what leads where.

    Parameters
    ----------
    framework : whose neurons it has. module : in evaluation; it is changed, so give a copy.
    time : the dimension of steps in a sequence. own : what ``module`` is called where it is itself
        a layer of neurons.

    ``nodes`` linear nodes by name, ``widths`` what each brings; ``neurons``, ``calls`` and
    ``layers`` of neurons by the module's name; ``weighted`` layers, by the nodes they became.
    """

    def __init__(
        self, framework: Framework, module: nn.Module, *, time: int, own: str = ""
    ) -> None:
        super().__init__()
        self.framework, self.module, self.time = framework, module, time
        self.own = own or type(module).__name__.lower()
        self.layers: dict[str, nn.Module] = {}
        self.weighted: dict[str, nn.Module] = {}
        self.nodes: dict[str, nir.NIRNode] = {}
        self.neurons: dict[str, Neuron] = {}
        self.calls: dict[str, Call] = {}
        self._known: dict[int, tuple[Tensor, Value]] = {}
        self._named: dict[str, list[frozenset[tuple[str, tuple[str, ...]]]]] = {}
        self.widths: dict[str, Shape] = {}
        self._depth = 0

    # --- run ----------------------------------------------------------------------------------

    def run(self, inputs: Sequence[tuple[Tensor, int | None, int]]) -> list[list[Returned]]:
        """Call the module on each (tensor, step, lead); the tensors that each call returns."""
        handles = []
        for own, leaf in _leaves(self.module, self.framework):
            name = own or self.own
            name = f"{name}_layer" if name in RESERVED else name
            handles.append(leaf.register_forward_pre_hook(self._enter, with_kwargs=True))
            handles.append(leaf.register_forward_hook(self._leave(name), with_kwargs=True))
            inner = [each for each in leaf.modules() if each is not leaf]
            handles += [each.register_forward_pre_hook(doubled) for each in inner]
        returned = []
        try:
            with torch.no_grad(), self, Doubles():  # type: ignore[no-untyped-call]
                for x, step, lead in inputs:
                    # A copy of its own, since what is known goes by the object.
                    tensor = x.clone()
                    self._note(tensor, (Term(INPUT, step),), lead)
                    tensors = _tensors(self.module(tensor))
                    kept = [(each.detach().clone(), self._value(each)) for each in tensors]
                    returned.append(kept)
        finally:
            for handle in handles:
                handle.remove()
        return returned

    def _enter(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        self._depth += 1
        self._given = (args, kwargs)
        # Surrogates return float32, whatever they get.
        return doubled(module, args), {k: double(v) for k, v in kwargs.items()}

    def _leave(
        self, name: str
    ) -> Callable[[nn.Module, tuple[Any, ...], dict[str, Any], Any], None]:
        def leave(module: nn.Module, _: tuple[Any, ...], __: dict[str, Any], output: Any) -> None:
            args, kwargs = self._given
            given = [*args, *kwargs.values()]
            if not given or not isinstance(given[0], Tensor):
                raise WrongForm(f"{name} gets no tensor")
            if self.framework.is_neuron(module):
                self._neuron(name, module, given, output)
            else:
                self._layer(name, module, given[0], output)
            self._depth -= 1

        return leave

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Computes, and notes what comes out of what is known."""
        if self._depth:
            return func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        if kwargs and "alpha" in kwargs:
            name = f"{name} with alpha"
        if name == "__iter__":
            return iter([self._step(args[0], k) for k in range(len(args[0]))])
        if name == "unbind" and len(args) <= 2 and not kwargs:
            dim = args[1] if len(args) == 2 else 0
            return tuple(self._step(args[0], k, dim) for k in range(args[0].shape[dim]))
        output = func(*args, **(kwargs or {}))
        given = [*_tensors(args), *_tensors(kwargs or {})]
        known = [each for each in given if id(each) in self._known]
        for each in _tensors(output) if known else ():
            self._operation(name, args, given, each)
        if name == "__setitem__" and known:
            self._note(args[0], None, 1, why="an assignment to a part")
        return output

    # --- values -------------------------------------------------------------------------------

    def _note(
        self,
        tensor: Tensor,
        terms: tuple[Term, ...] | None,
        lead: int,
        *,
        sources: frozenset[Source] | None = None,
        why: str = "",
    ) -> None:
        if sources is None:
            sources = frozenset(Source(t.source, t.chain) for t in terms or ())
        self._known[id(tensor)] = tensor, Value(terms, lead, sources, why)

    def _value(self, tensor: Tensor) -> Value:
        if id(tensor) in self._known:
            return self._known[id(tensor)][1]
        if not tensor.is_floating_point() or bool((tensor != 0).any()):
            return Value(None, 1, why="a constant that is not 0")
        return Value((), 1)  # a state before the first step

    def _terms(self, tensor: Tensor, where: str) -> Value:
        value = self._value(tensor)
        if value.terms is None:
            raise UnsupportedError(
                "what comes to a layer must be spikes through Linear, Conv1d, Conv2d, pools, "
                "Flatten, and sums of them",
                found=value.why,
                where=where,
            )
        return value

    def _step(self, tensor: Tensor, index: int, dim: int = 0) -> Tensor:
        """A step of a sequence; the function mode does not see what it calls itself."""
        part = torch.Tensor.select(tensor, dim, index)
        self._take(tensor, part, dim, index)
        return part

    def _take(self, whole: Tensor, part: Tensor, dim: int, index: object) -> None:
        value = self._value(whole)
        if value.lead == 1 and value.terms:
            raise WrongForm("a part of the batch, or of the features, is taken")
        if value.terms is None or value.lead != 2 or dim != self.time or type(index) is not int:
            self._note(part, None, 1, sources=value.sources, why=f"an index of dimension {dim}")
            return
        if any(term.step is not None for term in value.terms):
            raise WrongForm("a step of a step is taken")
        step = index % whole.shape[dim]
        self._note(part, tuple(Term(t.source, step, t.chain) for t in value.terms), 1)

    def _operation(
        self, name: str, args: tuple[Any, ...], given: list[Tensor], output: Tensor
    ) -> None:
        values = [self._value(each) for each in given]
        sources = frozenset[Source]().union(*(v.sources for v in values))
        first = values[0]
        legible = all(v.terms is not None for v in values)
        if legible and name in _SAME:
            self._note(output, first.terms, first.lead, sources=sources)
        elif legible and name in _SHAPES:
            self._reshaped(given[0], output, first)
        elif legible and name in _ADDS and _all_tensors(args[:2]):
            if len({tuple(each.shape) for each in given}) == 1:
                terms = tuple(t for v in values for t in v.terms or ())
                lead = max(v.lead for v in values if v.terms) if terms else 1
                self._note(output, terms, lead)
            else:
                self._note(output, None, 1, sources=sources, why="a sum of different shapes")
        elif legible and name in ("repeat", "expand") and _repeats(given[0], output, first):
            self._note(output, first.terms, 2)
        elif legible and name == "stack" and self._stacked(args, values, output):
            return
        elif name in ("__getitem__", "select") and legible and len(given) == 1:
            dim, index = _index(name, args)
            if dim is None:
                self._note(output, None, 1, sources=sources, why="an index")
            else:
                self._take(given[0], output, dim, index)
        else:
            why = next((v.why for v in values if v.terms is None and v.why), "")
            if why.startswith(STATE):
                why = f"what {name} makes of {why}"
            self._note(output, None, 1, sources=sources, why=why or f"what {name} makes")

    def _reshaped(self, before: Tensor, after: Tensor, value: Value) -> None:
        """Steps and batch joined or parted, or the features made flat."""
        old, new = tuple(before.shape), tuple(after.shape)
        features = old[value.lead :]
        for lead in (value.lead, 3 - value.lead):
            if prod(new[:lead]) != prod(old[: value.lead]) or len(new) <= lead:
                continue
            if lead == value.lead and new[:lead] != old[:lead]:
                continue
            if new[lead:] == features:
                self._note(after, value.terms, lead)
                return
            if new[lead:] == (prod(features),):
                self._extended(FLATTEN, nir.Flatten, value, before, after, lead)
                return
        why = f"a change of shape from {list(old)} to {list(new)}"
        self._note(after, None, 1, sources=value.sources, why=why)

    def _extended(
        self,
        name: str,
        make: Any,
        value: Value,
        before: Tensor,
        after: Tensor,
        lead: int,
        layer: nn.Module | None = None,
    ) -> None:
        assert value.terms is not None
        shape = tuple(before.shape[value.lead :])
        if make is nir.Flatten:
            node = nir.Flatten(input_type={"input": np.array(shape)}, start_dim=0, end_dim=-1)
        else:
            node = make
        at = self._place(name, value, node)
        if layer is not None:
            self.weighted[at] = layer
        self.widths[at] = tuple(after.shape[lead:])
        terms = tuple(Term(t.source, t.step, (*t.chain, at)) for t in value.terms)
        self._note(after, terms, lead)

    def _place(self, name: str, value: Value, node: nir.NIRNode) -> str:
        """The name of a node; a layer that is used at two places stands at both."""
        assert value.terms is not None
        key = frozenset((t.source, t.chain) for t in value.terms)
        places = self._named.setdefault(name, [])
        if not key:
            return name
        if key not in places:
            places.append(key)
        at = places.index(key)
        full = name if at == 0 else f"{name}_{at + 1}"
        self.nodes.setdefault(full, node)
        return full

    def _stacked(self, args: tuple[Any, ...], values: list[Value], output: Tensor) -> bool:
        """Steps one after the other make a sequence again."""
        if len(args) > 1 and args[1] != self.time:
            return False
        shapes = {tuple(sorted((t.source, t.chain) for t in v.terms or ())) for v in values}
        steps = [{t.step for t in v.terms or ()} for v in values]
        if len(shapes) != 1 or steps != [{k} for k in range(len(values))]:
            return False
        terms = tuple(Term(t.source, None, t.chain) for t in values[0].terms or ())
        self._note(output, terms, 2)
        return True

    # --- layers -------------------------------------------------------------------------------

    def _layer(self, name: str, module: nn.Module, x: Tensor, output: Any) -> None:
        if not isinstance(output, Tensor):
            raise UnsupportedError(
                "a layer must return one tensor", found=type(module).__name__, where=name
            )
        value = self._value(x)
        if value.terms is None:
            self._note(output, None, 1, sources=value.sources, why=value.why)
            return
        shape = tuple(x.shape[value.lead :])
        match module:
            case nn.Linear():
                if len(shape) != 1 and value.terms:
                    raise UnsupportedError(
                        "a Linear layer must get flat features",
                        found=f"shape {list(shape)}",
                        where=name,
                        action="put a Flatten in front of it",
                    )
                node = linear_node(module)
            case nn.Conv1d() | nn.Conv2d():
                node = convolution_node(module, shape, name)
            case nn.AvgPool2d() | nn.LPPool2d():
                node = pool_node(module, name)
            case nn.Flatten() | nn.Unflatten():
                _require_class(name, module, x.reshape(output.shape), output)
                self._reshaped(x, output, value)
                return
            case nn.modules.batchnorm._BatchNorm():
                self._normalise(name, module, value, x, output)
                return
            case _ if isinstance(module, PASSING) or type(module).__name__ in DROPPED:
                _require_class(name, module, x, output)
                self._note(output, value.terms, value.lead)
                return
            case _:
                why = f"what {name} ({type(module).__name__}) makes"
                self._note(output, None, 1, sources=value.sources, why=why)
                return
        wanted = apply(node, double(x).flatten(0, value.lead - 1)).reshape(output.shape)
        _require_class(name, module, wanted, output)
        weighted = module if isinstance(node, WEIGHTED) else None
        self._extended(name, node, value, x, output, value.lead, weighted)

    def _normalise(self, name: str, module: Any, value: Value, x: Tensor, output: Tensor) -> None:
        statistics = module.running_mean, module.running_var, module.weight, module.bias
        if module.running_mean is not None:
            flat = double(x).flatten(0, value.lead - 1)
            wanted = functional.batch_norm(flat, *statistics, eps=module.eps)
            _require_class(name, module, wanted.reshape(output.shape), output)
        terms = []
        for term in value.terms or ():
            last = self.nodes.get(term.chain[-1]) if term.chain else None
            if not isinstance(last, WEIGHTED):
                raise UnsupportedError(
                    "a batch norm must follow a Linear or convolutional layer",
                    found="another",
                    where=name,
                )
            before = term.chain[-1]
            full = f"{before}_{name}"
            self.nodes.setdefault(full, normalised(last, module, name))
            self.weighted[full] = module if module.weight is not None else self.weighted[before]
            terms.append(Term(term.source, term.step, (*term.chain[:-1], full)))
        self._note(output, tuple(terms), value.lead)

    def _neuron(self, name: str, module: nn.Module, given: list[Any], output: Any) -> None:
        x = given[0]
        value = self._terms(x, name)
        outputs = _tensors(output)
        sequence = self.framework.is_sequence(module)
        if value.lead == 2 and not sequence:
            raise WrongForm(f"{name} takes a step, and gets a sequence")
        shape = tuple(x.shape[value.lead :])
        if name not in self.calls:
            self.calls[name] = Call(shape=shape)
            self.neurons[name] = self.framework.read(module, shape, name)
            self.layers[name] = module
        call = self.calls[name]
        step = len(call.heard)
        assert value.terms is not None
        edges = frozenset(
            Edge(t.source, 0 if t.step is None or sequence else step - t.step, t.chain)
            for t in value.terms
        )
        if any(edge.delay < 0 for edge in edges) or (sequence and step):
            raise WrongForm(f"{name} is called out of the order of steps")
        for state in given[1:]:
            if isinstance(state, Tensor) and any(
                source.name != name for source in self._value(state).sources
            ):
                raise UnsupportedError(
                    "a neuron's state must be what it returned in the step before",
                    found="another tensor",
                    where=name,
                )
        call.heard.append(edges)
        call.spikes.append(outputs[0].detach().clone())
        membrane, call.charged = self.framework.membrane(module)
        call.membranes.append(membrane.detach().clone())
        term = Term(name, None if sequence else step)
        self._note(outputs[0], (term,), value.lead)
        for state in outputs[1:]:
            sources = frozenset({Source(name, state=True)})
            why = f"{STATE}{name}"
            self._note(state, None, value.lead, sources=sources, why=why)


def _require_class(name: str, module: nn.Module, wanted: Tensor, output: Tensor) -> None:
    """A subclass may do something else."""
    same = wanted.shape == output.shape
    size = float(wanted.abs().max().clamp(min=1)) if wanted.numel() else 1.0
    if not same or bool(((wanted - output).abs() > 1e-9 * size).any()):
        raise UnsupportedError(
            "a layer must do what its class does", found=type(module).__name__, where=name
        )


DROPPED = ("Dropout", "Dropout2d")  # of spikingjelly.activation_based.layer, not torch's


def _leaves(module: nn.Module, framework: Framework, prefix: str = "") -> Iterator[Any]:
    """Modules that count as one: neurons, torch's layers, and those that the framework owns."""
    for name, child in module.named_children() if prefix or not _is_leaf(module, framework) else ():
        full = f"{prefix}{name}"
        if _is_leaf(child, framework):
            yield full, child
        else:
            yield from _leaves(child, framework, f"{full}.")
    if not prefix and _is_leaf(module, framework):
        yield "", module


def _is_leaf(module: nn.Module, framework: Framework) -> bool:
    if framework.is_neuron(module):
        return True
    return not [*module.children()] and isinstance(module, _LAYERS)


_LAYERS = tuple(
    value
    for value in vars(nn).values()
    if isinstance(value, type) and issubclass(value, nn.Module) and value is not nn.Module
)


def _tensors(value: object) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, Mapping):
        return _tensors([*value.values()])
    if isinstance(value, list | tuple):
        return [tensor for each in value for tensor in _tensors(each)]
    return []


def _all_tensors(values: Sequence[Any]) -> bool:
    return len(values) == 2 and all(isinstance(each, Tensor) for each in values)


def _repeats(before: Tensor, after: Tensor, value: Value) -> bool:
    """Whether one frame becomes a sequence of it."""
    return value.lead == 2 and before.shape[0] == 1 and before.shape[1:] == after.shape[1:]


def _index(name: str, args: tuple[Any, ...]) -> tuple[int | None, object]:
    """(dimension, index) of one step taken."""
    if name == "select":
        return (args[1], args[2]) if len(args) == 3 else (None, None)
    index = args[1]
    if type(index) is int:
        return 0, index
    whole = slice(None)
    if not isinstance(index, tuple) or len(index) < 2 or index[0] != whole:
        return None, None
    if type(index[1]) is int and all(each in (whole, ...) for each in index[2:]):
        return 1, index[1]
    return None, None
