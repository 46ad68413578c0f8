"""A live module of snnTorch, SpikingJelly or sinabs as a NIR graph and its discretisation."""

import copy
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from spikewright.golden.errors import SpikewrightError, UnsupportedError

from .assemble import Imported, assemble
from .framework import Framework
from .layers import check_weights
from .neuron import Shape
from .probe import SAMPLES, STRONGER, charges, further, networks, repeated
from .sinabs import Sinabs
from .snntorch import Snntorch
from .spikingjelly import Spikingjelly
from .trace import Trace
from .values import Edge, WrongForm
from .verify import Proof, verify

__all__ = ["FRAMEWORKS", "Imported", "copied_of", "framework_of", "import_spiking"]

FRAMEWORKS: tuple[type[Framework], ...] = (Snntorch, Spikingjelly, Sinabs)
# dimension of steps, and those before the features
FORMS = {"step": (0, 1), "time": (0, 2), "batch": (1, 2), "flat": (1, 1), "frame": (0, 1)}


def framework_of(module: nn.Module) -> type[Framework] | None:
    """The framework of a module's neurons; None where it has none.

    Raises
    ------
    UnsupportedError
        If there are neurons of two frameworks.
    """
    found = [f for f in FRAMEWORKS if any(f.is_neuron(each) for each in module.modules())]
    if len(found) > 1:
        raise UnsupportedError(
            "the neurons of a module must be of one framework",
            found=" and ".join(each.name for each in found),
            where=type(module).__name__,
        )
    return found[0] if found else None


def import_spiking(module: nn.Module, shape: Shape, *, samples: Tensor | None = None) -> Imported:
    """Read a module whose samples have ``shape`` in a step, [steps, *shape] as a whole.

    It is run on random inputs, in float64, while what its layers do is followed. What was read is
    then held against it: spikes, membranes, and what it returns, on these and on other inputs; and
    each layer of neurons alone, on charges at and about its threshold. ``samples`` [N, steps,
    *shape] are tried where random inputs leave layers silent; and their number of steps, where the
    module does not take another.

    Raises
    ------
    UnsupportedError
        If a layer, an option, the way between them or what is returned has no equal here, by name;
        or if a layer never fires, so that nothing can be said of it.
    ConfigurationError
        If weights are not finite, or shapes do not fit.
    """
    framework = framework_of(module)
    if framework is None:
        raise UnsupportedError(
            "the module must have neurons of " + ", ".join(f.name for f in FRAMEWORKS),
            found="none",
            where=type(module).__name__,
        )
    _refuse_unknown(module, framework)
    check_weights(module)
    reasons = {}
    refusals: list[tuple[str, SpikewrightError]] = []
    outside = ""
    # A forward may go over a number of steps of its own: that of the samples then.
    for steps in [None] if samples is None else [None, samples.shape[1]]:
        for form in framework.forms(module):
            copied = copied_of(module, framework)
            try:
                return _in_form(copied, framework, shape, form, samples, steps)
            except WrongForm as error:
                reasons[form] = str(error)
            except SpikewrightError as error:
                refusals.append((form, error))
            except Exception as error:  # noqa: BLE001 - whatever a user's own forward raises
                reasons[form] = (str(error) or type(error).__name__).splitlines()[0]
                if isinstance(error, IndexError) and "out of bounds" in reasons[form]:
                    outside = f"as {form}: {reasons[form]}"
    if outside:
        raise UnsupportedError(
            "a module that goes over the steps itself must find them all in its input",
            found=outside,
            where=type(module).__name__,
            action="go over as many as the input has, or give samples (--calibrate) of as many "
            "steps as it takes" + (f"; as {refusals[0][0]}: {refusals[0][1]}" if refusals else ""),
            # That form may not be the one it was made for.
        )
    if refusals:
        raise refusals[0][1]
    raise UnsupportedError(
        f"the module must take steps [batch, {', '.join(map(str, shape))}], or all steps at once",
        found="; ".join(f"as {form}: {reason}" for form, reason in reasons.items()),
        where=type(module).__name__,
    )


def copied_of(module: nn.Module, framework: type[Framework]) -> nn.Module:
    """A copy in evaluation, in float64, so that the user's own is left alone.

    sinabs' layers have a way of their own to be copied, which fails where they are recurrent; they
    are copied as all modules are.
    """
    memo: dict[int, Any] = {}
    try:
        for each in module.modules():
            if framework is Sinabs and framework.is_neuron(each):
                clone = memo[id(each)] = object.__new__(type(each))
                vars(clone).update(copy.deepcopy(vars(each), memo))
        return copy.deepcopy(module, memo).cpu().eval().double()
    except Exception as error:  # whatever a module holds that cannot be copied
        raise UnsupportedError(
            "the module must be one that copy.deepcopy copies",
            found=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
            where=type(module).__name__,
            action="return it as it is before any run; of sinabs' from_model the .spiking_model, "
            "made without input_shape",
        ) from error


def _refuse_unknown(module: nn.Module, framework: type[Framework]) -> None:
    for name, each in module.named_modules():
        if not framework.is_neuron(each):
            continue
        inside = type(each).__module__.split(".")[0] == framework.name
        if not (inside and type(each).__name__ in framework.kinds):
            raise UnsupportedError(
                f"a neuron of {framework.name} must be one of {', '.join(framework.kinds)}",
                found=type(each).__name__,
                where=name or "the module",
                action="" if inside else "a subclass may do something else: use the class itself",
            )
        framework.check(each, name or "the module")


# --- one form of input ----------------------------------------------------------------------------


def _in_form(
    module: nn.Module,
    framework: type[Framework],
    shape: Shape,
    form: str,
    samples: Tensor | None,
    steps: int | None,
) -> Imported:
    first, *others = networks(shape, steps)
    trace, imported, proof = _held(module, framework, shape, form, first)
    for name, layer in trace.layers.items():
        own, neuron = trace.calls[name].shape, trace.neurons[name]
        alone = charges(neuron, own, name)
        _, _, seen = _held(layer, framework, own, framework.forms(layer)[0], alone, own=name)
        replace(seen, like=frozenset()).require()
    real = [] if samples is None else [repeated(samples)]
    for k, x in enumerate([*others, *real, *further(shape, steps)]):
        if k >= len(others) and not proof.missing:
            break
        proof = proof.joined(_held_again(module, framework, shape, form, x, imported))
    imported = replace(imported, silent=tuple(sorted(proof.silent)))
    for factor in STRONGER:
        if not proof.missing:
            break
        # What leads to and from a layer is told by its spikes. Its own threshold was held alone.
        _strengthen(trace, proof, factor)
        proof = proof.joined(_held_again(module, framework, shape, form, others[-1], imported))
    proof.require()
    return imported


def _strengthen(trace: Trace, proof: Proof, factor: float) -> None:
    """Multiply what leads to layers of which nothing is known yet: weights of the copy."""
    layers: dict[str, nn.Module] = {}
    for name in {*proof.silent, *([proof.read] if proof.like else [])} & set(trace.calls):
        for edge in frozenset[Edge]().union(*trace.calls[name].heard):
            nodes = [node for node in edge.chain if node in trace.weighted]
            layers |= {node: trace.weighted[node] for node in nodes[-1:]}
    with torch.no_grad():
        for layer in {id(each): each for each in layers.values()}.values():
            for value in (layer.weight, layer.bias):
                if isinstance(value, Tensor):
                    value.mul_(factor)


def _held(
    module: nn.Module,
    framework: type[Framework],
    shape: Shape,
    form: str,
    x: Tensor,
    own: str = "",
) -> tuple[Trace, Imported, Proof]:
    """Follow it on ``x`` [steps, samples, *shape], and hold what was read against it."""
    time, lead = FORMS[form]
    _reset(module, framework)
    trace = Trace(framework(), module, time=time, own=own)
    if form == "frame":
        returned = trace.run([(x[0], None, 1)])
        steps = {len(call.spikes[0]) for call in trace.calls.values()}
        x = x[:1].expand(max(steps, default=1), *x.shape[1:])
    elif form != "step":
        whole = x.transpose(0, time)
        whole = whole.flatten(0, 1) if form == "flat" else whole
        returned = trace.run([(whole, None, lead)])
    else:
        returned = trace.run([(x[0], 0, 1)])
        if all(len(call.heard) == 1 for call in trace.calls.values()):
            returned += trace.run([(x[k], k, 1) for k in range(1, len(x))])
        else:
            # It goes over the steps itself, and shows one frame in every step.
            _reset(module, framework)
            trace = Trace(framework(), module, time=time, own=own)
            returned = trace.run([(x[0], None, 1)])
            x = x[:1].expand(max(len(call.heard) for call in trace.calls.values()), *x.shape[1:])
    values = [value for _, value in returned[-1]]
    imported, read = assemble(trace, values, shape, framework.name)
    return trace, imported, verify(imported, read, trace, returned, x, form)


def _reset(module: nn.Module, framework: type[Framework]) -> None:
    for each in module.modules():
        if framework.is_neuron(each):
            framework.reset(each, SAMPLES)


def _held_again(
    module: nn.Module,
    framework: type[Framework],
    shape: Shape,
    form: str,
    x: Tensor,
    imported: Imported,
) -> Proof:
    """On other inputs; raises UnsupportedError where they make another network of it."""
    _, again, proof = _held(module, framework, shape, form, x)
    _require_same_network(imported, again)
    return proof


def _require_same_network(imported: Imported, again: Imported) -> None:
    for what, one, other in (
        ("way between layers", imported.graph.edges, again.graph.edges),
        ("layers", [*imported.graph.nodes], [*again.graph.nodes]),
    ):
        if sorted(one) != sorted(other):
            changed = sorted(set(map(str, one)) ^ set(map(str, other)))
            raise UnsupportedError(
                "forward must do the same whatever comes in",
                found=f"another {what} with other inputs: {changed[0]}",
                where=imported.framework,
                action="let no value decide which layers are called",
            )
