"""The file's network in steps, in double precision: what a quantised one is measured against."""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass

import nir
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from spikewright.golden.errors import ConfigurationError, UnsupportedError
from spikewright.golden.spec import Reset

from .discretisation import Compare, Discretisation, Order
from .dynamics import Dynamics, dynamics_of
from .graph import NEURONS, Graph, Route
from .linear import apply_all

__all__ = ["Reference", "Traces"]

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Traces:
    """By population, [steps, batch, neurons].

    ``spikes``, ``membranes`` after the reset, and ``charged``: membranes as compared with the
    threshold.
    """

    spikes: Mapping[str, Tensor]
    membranes: Mapping[str, Tensor]
    charged: Mapping[str, Tensor]


class Reference:
    """A graph that a discretisation has made definite.

    Parameters
    ----------
    graph : what was read. rule : how it goes in steps. shapes : of each input, where the file does
        not say. where : the file, for messages.
    """

    def __init__(
        self,
        graph: Graph,
        rule: Discretisation,
        *,
        shapes: Mapping[str, tuple[int, ...]] | None = None,
        where: str = "graph",
    ) -> None:
        self.graph, self.rule, self.where = graph, rule, where
        kinds = {kind.__name__ for kind in NEURONS}
        for name in rule.populations:
            if name not in graph.populations and name not in kinds:
                raise ConfigurationError(
                    f"a discretisation must be of one of {', '.join(graph.populations)}, or of a "
                    "kind of node",
                    found=repr(name),
                    where=where,
                    action="name one of these under populations, in the JSON of --discretisation",
                )
        self.rules = {
            name: rule.of(name, type(graph.nodes[name]).__name__) for name in graph.populations
        }
        for name in graph.populations:
            if isinstance(graph.nodes[name], nir.Threshold):
                # It has no memory that could be reset, and fires 1 or nothing.
                self.rules[name] = Discretisation(dt=rule.dt, compare=self.rules[name].compare)
        self.dynamics: dict[str, Dynamics] = {
            name: dynamics_of(graph.nodes[name], self.rules[name], f"{where}: node {name!r}")
            for name in graph.populations
        }
        for path in graph.paths:
            if path.source in self.dynamics and self.dynamics[path.source].threshold is None:
                raise UnsupportedError(
                    "a population that never fires must be the one that is read",
                    found=f"a path to {path.target!r}",
                    where=f"{where}: node {path.source!r}",
                    action="what goes on must be spikes",
                )
        given = dict(shapes or {})
        self.shapes: dict[str, tuple[int, ...]] = {}
        for name, shape in graph.inputs.items():
            found = given.get(name, shape)
            if found is None or any(size < 1 for size in found):
                raise ConfigurationError(
                    "the shape of an input must be known",
                    found=str(shape),
                    where=f"{where}: node {name!r}",
                    action="give it",
                )
            self.shapes[name] = found
        self.delays = self._delays()
        # A node that several paths meet at adds its bias once.
        self._brings: dict[tuple[str, str], Route] = {}
        for path in graph.paths:
            for name in path.nodes:
                self._brings.setdefault((path.target, name), path)
        self._settle_shapes()

    def _delays(self) -> dict[Route, int]:
        """Steps that each path waits: those of its Delay nodes, and one where it leads back.

        Populations stand in the order in which they are reached from the inputs; a path back to one
        of those before, or to itself, closes a loop.
        """
        place = {name: k for k, name in enumerate(self.graph.populations)}
        found = {}
        for path in self.graph.paths:
            steps = 0
            for name in path.nodes:
                node = self.graph.nodes[name]
                if isinstance(node, nir.Delay):
                    steps += self._steps(name, node)
            back = path.source in place and place[path.target] <= place[path.source]
            found[path] = max(steps, 1) if back else steps
        return found

    def _steps(self, name: str, node: nir.Delay) -> int:
        times = np.unique(np.asarray(node.delay, dtype=np.float64)) / self.rule.dt
        whole = np.round(times)
        if times.size != 1 or not np.allclose(times, whole, atol=1e-6) or whole[0] < 0:
            raise ConfigurationError(
                "a delay must be a whole number of steps, the same for all",
                found=", ".join(f"{each:g} steps" for each in times[:3]),
                where=f"{self.where}: node {name!r}",
            )
        return int(whole[0])

    def _settle_shapes(self) -> None:
        """Every path must bring what its target has; a population's own shape may be flat.

        Parameters without a shape are those of as many neurons as the first path brings values.
        """
        for name in self.graph.populations:
            if self.dynamics[name].shape == ():
                first = next(
                    path
                    for path in self.graph.paths
                    if path.target == name and path.source in self.shapes
                )
                shape = self._brought(first)
                where = f"{self.where}: node {name!r}"
                self.dynamics[name] = dynamics_of(
                    self.graph.nodes[name], self.rules[name], where, shape
                )
            self.shapes[name] = self.dynamics[name].shape
        for path in self.graph.paths:
            wanted = self.dynamics[path.target]
            shape = self._brought(path)
            if int(np.prod(shape)) != wanted.gain.size:
                raise ConfigurationError(
                    f"what comes to a population must have its {wanted.gain.size} neurons",
                    found=f"shape {shape} from {path.source!r}",
                    where=f"{self.where}: node {path.target!r}",
                )

    def _brought(self, path: Route) -> tuple[int, ...]:
        """The shape of what a path brings."""
        silent = torch.zeros(1, *self.shapes[path.source], dtype=torch.float64)
        return tuple(self.charge(path, silent).shape[1:])

    def charge(self, path: Route, x: Tensor) -> Tensor:
        """What a path makes of [batch, *shape]."""
        nodes = []
        for name in path.nodes:
            node = self.graph.nodes[name]
            again = self._brings[path.target, name] is not path
            if again and getattr(node, "bias", None) is not None:
                node = copy(node)
                node.bias = np.zeros_like(node.bias)
            nodes.append((name, node))
        return apply_all(nodes, x, self.where)

    def run(self, inputs: Mapping[str, Tensor]) -> Traces:
        """Run [batch, steps, *shape] of each input."""
        steps, batch = (next(iter(inputs.values())).shape[k] for k in (1, 0))
        past: dict[str, list[Tensor]] = {name: [] for name in (*inputs, *self.dynamics)}
        neurons = {name: _Neurons(d, self.rules[name], batch) for name, d in self.dynamics.items()}
        membranes: dict[str, list[Tensor]] = {name: [] for name in self.dynamics}
        charged: dict[str, list[Tensor]] = {name: [] for name in self.dynamics}
        for step in range(steps):
            for name, values in inputs.items():
                past[name].append(values[:, step].double())
            for name in self.graph.populations:
                total = torch.zeros(batch, self.dynamics[name].gain.size, dtype=torch.float64)
                for path in self.graph.paths:
                    if path.target == name:
                        total += self._heard(path, past[path.source], step, batch).flatten(1)
                spikes = neurons[name].step(total)
                past[name].append(spikes.reshape(batch, *self.shapes[name]))
                membranes[name].append(neurons[name].v)
                charged[name].append(neurons[name].charged)
        return Traces(
            spikes={name: torch.stack(past[name]).flatten(2) for name in self.dynamics},
            membranes={name: torch.stack(each) for name, each in membranes.items()},
            charged={name: torch.stack(each) for name, each in charged.items()},
        )

    def _heard(self, path: Route, past: list[Tensor], step: int, batch: int) -> Tensor:
        """Before the first spikes a path brings its biases only."""
        at = step - self.delays[path]
        silent = torch.zeros(batch, *self.shapes[path.source], dtype=torch.float64)
        return self.charge(path, past[at] if at >= 0 else silent)


class _Neurons:
    """A population at work, [batch, neurons]."""

    def __init__(self, dynamics: Dynamics, rule: Discretisation, batch: int) -> None:
        self.dynamics, self.rule = dynamics, rule
        self.v = torch.zeros(batch, dynamics.gain.size, dtype=torch.float64)
        self.v = self.v + torch.from_numpy(dynamics.start)
        self.charged = self.v  # as the threshold saw it
        self.wait = torch.zeros_like(self.v)  # steps in which it stays as it is
        self.i = torch.zeros_like(self.v)
        self.owed = torch.zeros_like(self.v)  # levels whose reset is still to come
        self.gain = torch.from_numpy(dynamics.gain)
        self.drift = torch.from_numpy(dynamics.drift)

    def step(self, x: Tensor) -> Tensor:
        """The spikes of a step with the input x."""
        dynamics, rule = self.dynamics, self.rule
        charge = x
        if dynamics.left_i is not None:
            before = self.i
            self.i = dynamics.left_i * self.i + x
            charge = self.i if rule.order is Order.NEW else before
        kept = self.v
        self.v = dynamics.left_v * self.v + self.gain * charge + self.drift
        self.charged = self.v
        if dynamics.threshold is None:
            return torch.zeros_like(self.v)
        threshold = torch.from_numpy(dynamics.threshold)
        amount = torch.full_like(threshold, rule.amount) if rule.amount else threshold
        if rule.reset_delay:
            self.v = self.v - self.owed * amount
        if rule.floor is not None:
            self.v = torch.maximum(self.v, -rule.floor * threshold)
        held = self.wait > 0
        self.v = torch.where(held, kept, self.v)
        self.charged = self.v
        fires = self.v > threshold if rule.compare is Compare.ABOVE else self.v >= threshold
        level = fires.double()
        if rule.bursts != 1:
            fits = torch.floor(self.v / threshold)
            if rule.compare is Compare.ABOVE:
                fits = torch.ceil(self.v / threshold) - 1
            level = fits.clamp(0, rule.bursts)
        level = level.masked_fill(held, 0)
        self.wait = (self.wait - 1).clamp(min=0).masked_fill(level > 0, rule.refractory)
        if rule.reset_delay:
            self.owed = level
        elif rule.reset is Reset.SUBTRACT:
            self.v = self.v - level * amount
        elif rule.reset is Reset.VALUE:
            self.v = torch.where(level > 0, torch.from_numpy(dynamics.reset_value), self.v)
        return level
