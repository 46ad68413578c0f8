"""Trace a torch module with torch.fx and read it as a graph of stages."""

import copy
import operator
from collections.abc import Sequence
from typing import Any

import torch
from torch import fx

from spikewright.flow.importers.aliases import Aliases
from spikewright.flow.importers.builder import Builder
from spikewright.flow.importers.call import PERMANENT, SUPPORTED, Call, refusal
from spikewright.flow.importers.check import check_graph
from spikewright.flow.importers.finish import finish
from spikewright.flow.importers.layers import QuantisedReLU
from spikewright.flow.importers.operations import call_of, check_call
from spikewright.flow.importers.stages import INPUT, Graph
from spikewright.flow.importers.values import Operand, Sum, Value
from spikewright.flow.importers.verify import (
    require_no_hooks,
    require_same_graph,
    require_same_trace,
)
from spikewright.golden.errors import ConfigurationError, SpikewrightError, UnsupportedError

__all__ = ["SUPPORTED", "import_module"]


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: torch.nn.Module, module_qualified_name: str) -> bool:
        """Our own layer is one operation, as torch's are."""
        return isinstance(m, QuantisedReLU) or super().is_leaf_module(m, module_qualified_name)


def import_module(module: torch.nn.Module, shape: Sequence[int]) -> Graph:
    """Read ``module``, which takes samples of ``shape`` (without the batch), as a graph.

    The graph computes what the module does in evaluation mode, in float64. Raises UnsupportedError,
    which names the layer, what was found there and what to do, and ConfigurationError for weights
    that are not finite or shapes that do not fit. Logits of random samples are compared with the
    module's own before the graph is returned.
    """
    require_no_hooks(module)
    copied = _copied(module)
    try:
        traced = fx.GraphModule(copied, _Tracer().trace(copied))
    except Exception as error:  # whatever a user's own forward raises on a proxy
        raise UnsupportedError(
            "the module must be traceable by torch.fx (no branches on data, fixed loops only)",
            found=f"{type(error).__name__}: {(str(error) or 'no message').splitlines()[0]}",
            where=type(module).__name__,
            action="write its forward as layers and functions on tensors; checks of shapes belong "
            "outside forward; use x.shape[0] instead of len(x)",
        ) from error
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
            reader.run(torch.zeros(2, *shape, dtype=torch.float64))
        except SpikewrightError as error:
            # fx appends its own account of the graph to whatever passes through it.
            raise type(error)(
                error.must, found=error.found, where=error.where, action=error.action
            ) from None
    require_same_trace(copied, traced, tuple(shape))
    whole = finish(reader.builder, tuple(shape), reader.logits)
    check_graph(whole)
    require_same_graph(copied, whole)
    return whole


def _copied(module: torch.nn.Module) -> torch.nn.Module:
    """The module in evaluation and float64, so that the user's own is left alone."""
    try:
        return copy.deepcopy(module).cpu().eval().double()
    except Exception as error:  # whatever a module holds that cannot be copied
        raise UnsupportedError(
            "the module must be one that copy.deepcopy copies",
            found=f"{type(error).__name__}: {(str(error) or 'no message').splitlines()[0]}",
            where=type(module).__name__,
            action=f"keep only weights and settings in it; {PERMANENT}",
        ) from error


class _Reader(fx.Interpreter):
    """Runs the graph on zeros to know every shape and hands each operation to the builder."""

    logits: Operand

    def __init__(self, module: fx.GraphModule, shape: tuple[int, ...]) -> None:
        super().__init__(module)
        self.builder = Builder()
        self._operands: dict[fx.Node, Operand] = {}
        self._aliases = Aliases(module)
        value = Value(source=INPUT, source_shape=shape, signed=True)
        self._input = Operand((value,), shape)

    def run_node(self, n: fx.Node) -> Any:
        """One operation: refuse it, or run it and note what it does to the data."""
        if n.op == "placeholder":
            self._operands[n] = self._input
            return super().run_node(n)
        if n.op == "output":
            returned = n.args[0]
            if not isinstance(returned, fx.Node) or returned not in self._operands:
                raise UnsupportedError(
                    "the module must return one tensor of logits",
                    found=type(returned).__name__,
                    where="output",
                )
            self.logits = self._operands[returned]
            return super().run_node(n)
        if _is_size(n) or not any(node in self._operands for node in n.all_input_nodes):
            return super().run_node(n)
        call = call_of(n, self.module, self._argument)
        check_call(call)
        self._aliases.check(n)
        value = self._run_shaped(n, call)
        parts = call.apply(self.builder, value).parts
        operand = Operand(parts, tuple(value.shape[1:]))
        self._operands[n] = self._shared(n, call, operand)
        return value

    def _run_shaped(self, n: fx.Node, call: Call) -> torch.Tensor:
        try:
            value = super().run_node(n)
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            raise ConfigurationError(
                "the layers' shapes must fit each other and the samples",
                found=str(error).splitlines()[0],
                where=call.name,
            ) from error
        if not isinstance(value, torch.Tensor):
            raise refusal(call)
        return value

    def _argument(self, node: fx.Node) -> Any:
        """What an operation's argument is: data as an operand, all else as it is."""
        return self._operands.get(node, self.env.get(node))

    def _shared(self, n: fx.Node, call: Call, operand: Operand) -> Operand:
        users = [user for user in n.users if not _is_size(user)]
        readers = [user.name for user in users for node in _arguments(user) if node is n]
        if len(readers) > 1 and any(isinstance(part, Sum) for part in operand.parts):
            self._require_offered(users)
            return self.builder.share(call.name, operand, readers)
        return operand

    def _require_offered(self, users: Sequence[fx.Node]) -> None:
        """What is not offered at all is refused before the number of its readers is."""
        for user in users:
            if user.op == "output":
                continue
            call = call_of(user, self.module, self._argument)
            if call.rule is None:
                raise refusal(call)


def _arguments(user: fx.Node) -> list[fx.Node]:
    """The nodes that a node reads, each as often as it does."""
    found: list[fx.Node] = []
    fx.node.map_arg((user.args, user.kwargs), found.append)
    return found


def _is_size(n: fx.Node) -> bool:
    """Shapes are plain numbers here, so they are no second branch of the data."""
    if n.op == "call_method":
        return n.target in ("size", "dim", "numel")
    if n.op != "call_function":
        return False
    if n.target is operator.getitem:
        return isinstance(n.args[0], fx.Node) and _is_size(n.args[0])
    return n.target is getattr and n.args[1] in ("shape", "ndim")
