"""Refuses operations in place whose old values are read again: torch would have changed them."""

import operator

import torch
from torch import fx

from spikewright.golden.errors import UnsupportedError

__all__ = ["Aliases"]

_VIEWS = {"flatten", "view", "reshape", "contiguous", "squeeze", "unsqueeze", "getitem", "dropout"}
_VIEW_LAYERS = (
    torch.nn.Flatten,
    torch.nn.Unflatten,
    torch.nn.Identity,
    torch.nn.Dropout,
    torch.nn.Dropout1d,
    torch.nn.Dropout2d,
)
_IN_PLACE = {operator.iadd, operator.imul, operator.isub, operator.itruediv}


class Aliases:
    """Which nodes of a traced module share memory."""

    def __init__(self, module: fx.GraphModule) -> None:
        self._module = module
        self._order = {node: index for index, node in enumerate(module.graph.nodes)}
        self._roots: dict[fx.Node, fx.Node] = {}
        for node in module.graph.nodes:
            first = node.args[0] if node.args else None
            shares = self._is_view(node) or self._in_place(node)
            self._roots[node] = node
            if isinstance(first, fx.Node) and shares:
                self._roots[node] = self._roots[first]

    def check(self, node: fx.Node) -> None:
        """Raise UnsupportedError where ``node`` changes what a later operation reads as it was."""
        if not self._in_place(node):
            return
        now = self._order[node]
        root = self._roots[node]
        shared = [n for n, r in self._roots.items() if r is root and self._order[n] < now]
        later = [user for old in shared for user in old.users if self._order[user] > now]
        if later:
            raise UnsupportedError(
                "an operation in place must be the last that reads the values it changes",
                found=f"{min(later, key=self._order.__getitem__).name}, which reads them later",
                where=str(node.target) if node.op == "call_module" else node.name,
                action="use inplace=False, or x = x + y instead of x += y",
            )

    def _is_view(self, node: fx.Node) -> bool:
        if node.op == "call_module":
            return isinstance(self._module.get_submodule(str(node.target)), _VIEW_LAYERS)
        return _name(node) in _VIEWS

    def _in_place(self, node: fx.Node) -> bool:
        if node.op == "call_module":
            return bool(getattr(self._module.get_submodule(str(node.target)), "inplace", False))
        named = node.op in ("call_method", "call_function") and _name(node).endswith("_")
        return named or node.target in _IN_PLACE or bool(node.kwargs.get("inplace", False))


def _name(node: fx.Node) -> str:
    if isinstance(node.target, str):
        return node.target
    return str(getattr(node.target, "__name__", ""))
