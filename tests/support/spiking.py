"""A framework's module against the integer network that was read of it, spike for spike."""

from pathlib import Path
from tempfile import TemporaryDirectory

import nir
import torch

from spikewright.flow.frameworks import framework_of, import_spiking
from spikewright.flow.frameworks.read import copied_of
from spikewright.flow.nir.names import names_of
from spikewright.flow.nir.original import NirOriginal
from spikewright.flow.nir.precision import Precision
from spikewright.flow.nir.quantise import network_of
from spikewright.golden.model import Model

__all__ = ["FRACTION", "compare", "integers", "ran"]

FRACTION = 16


def integers(rng, module, *, most=5, bias=True):
    """Whole numbers for all weights and biases of torch's layers, one weight of 1."""
    for each in module.modules():
        if isinstance(each, torch.nn.Linear | torch.nn.Conv1d | torch.nn.Conv2d):
            draw = torch.from_numpy(rng.integers(-most, most + 1, tuple(each.weight.shape)))
            draw.view(-1)[0] = 1
            each.weight.data = draw.float()
            if each.bias is not None:
                low, high = (-1, 3) if bias else (0, 1)
                each.bias.data = torch.from_numpy(rng.integers(low, high, len(each.bias))).float()
    return module


def ran(module, x, form, state=None):
    """Spikes, and what ``state`` is of each layer of neurons, [steps, batch, n], by name.

    ``x`` [steps, batch, *shape]. In the type of the weights; float32 is exact on whole numbers.
    """
    framework = framework_of(module)
    dtype = next(module.parameters()).dtype
    module = copied_of(module, framework).to(dtype)
    spikes, states = {}, {}
    for name, each in module.named_modules():
        if hasattr(each, "weight"):
            # Surrogates return float32, whatever they get.
            each.register_forward_pre_hook(lambda layer, args: (args[0].to(layer.weight.dtype),))
        if not framework.is_neuron(each):
            continue
        framework.reset(each, x.shape[1])

        def keep(layer, _, output, name=name):
            first = output[0] if isinstance(output, tuple) else output
            spikes.setdefault(name, []).append(first)
            if state is not None:
                states.setdefault(name, []).append(state(layer).clone())

        each.register_forward_hook(keep)
    with torch.no_grad():
        if form == "step":
            for frame in x:
                module(frame)
        elif form == "time":
            module(x)
        elif form == "batch":
            module(x.transpose(0, 1))
        else:
            module(x.transpose(0, 1).flatten(0, 1))

    def shaped(parts):
        if len(parts) > 1 or len(x) == 1:
            return torch.stack(parts).flatten(2)
        whole = parts[0]
        if form == "flat":
            whole = whole.unflatten(0, (x.shape[1], len(x)))
        if form in ("flat", "batch"):
            whole = whole.transpose(0, 1)
        return whole.flatten(2)

    return (
        {name: shaped(parts) for name, parts in spikes.items()},
        {name: shaped(parts) for name, parts in states.items()},
    )


def compare(module, x, form="step", *, state=None, high=1, weight_bits=8):
    """Every spike of every layer of every step; and the membranes where ``state`` tells them.

    Returns the number of spikes, by layer, and the network.
    """
    steps, shape = len(x), x.shape[2:]
    imported = import_spiking(module, tuple(shape))
    with TemporaryDirectory() as folder:
        # As a project keeps it.
        nir.write(Path(folder) / "original.nir", imported.graph)
        reference = NirOriginal(Path(folder) / "original.nir", imported.rule).reference
    network = network_of(
        reference,
        Precision(weight_bits=weight_bits, fraction_bits=FRACTION, leak_bits=4),
        name="net",
        max_steps=steps,
        levels={"input": (0, high, None)},
    )
    values = x.transpose(0, 1).flatten(2).long().numpy()
    found = Model(network).run(values, mode="stepwise", trace=True)
    wanted, states = ran(module, x, form, state)
    ours = names_of(reference.graph)
    assert set(wanted) <= set(ours)
    for name, theirs in wanted.items():
        assert found.trace.spikes[ours[name]].tolist() == theirs.long().tolist(), name
    for name, theirs in states.items():
        membranes = found.trace.membranes[ours[name]].double() / 2**FRACTION
        assert membranes.tolist() == theirs.double().tolist(), name
    return {name: int(theirs.sum()) for name, theirs in wanted.items()}, network
