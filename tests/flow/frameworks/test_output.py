"""What a module returns: what can be read is told from what looks like it."""

import pytest
import torch
from torch import nn

from spikewright.flow.frameworks import import_spiking
from spikewright.golden.errors import UnsupportedError
from support.frameworks import needs

snn = needs("snntorch")
jelly = needs("spikingjelly", "spikingjelly.activation_based.neuron")
sinabs = needs("sinabs", "sinabs.layers")


class Snntorch(nn.Module):
    """A loop over the steps; ``make`` gets what each step brought: spikes, and membranes."""

    def __init__(self, make, last="spikes"):
        super().__init__()
        torch.manual_seed(1)
        self.a, self.l = nn.Linear(6, 12), snn.Leaky(beta=0.5, threshold=0.3)
        self.b = nn.Linear(12, 5)
        self.m = snn.Leaky(beta=0.9, threshold=0.2)
        if last == "membranes":
            self.m = snn.Leaky(beta=0.9, reset_mechanism="none")
        self.make, self.last = make, last

    def forward(self, x):
        mem, v = self.l.reset_mem(), self.m.reset_mem()
        found = []
        for k in range(x.shape[0]):
            spk, mem = self.l(self.a(x[k]), mem)
            y = self.b(spk)
            if self.last != "sums":
                out, v = self.m(y, v)
                y = v if self.last == "membranes" else out
            found.append(y)
        return self.make(found)


class Whole(nn.Module):
    """All steps at once, in the order of SpikingJelly or of sinabs."""

    def __init__(self, name, make):
        super().__init__()
        torch.manual_seed(1)
        self.a, self.b = nn.Linear(6, 12), nn.Linear(12, 5)
        if name == "sinabs":
            self.l, self.m = sinabs.IAF(), sinabs.IAF()
        else:
            self.l = jelly.IFNode(v_threshold=0.3, step_mode="m")
            self.m = jelly.IFNode(v_threshold=0.3, v_reset=None, step_mode="m")
        self.time = 1 if name == "sinabs" else 0
        self.make = make

    def forward(self, x):
        found = self.m(self.b(self.l(self.a(x))))
        return self.make([*found.unbind(self.time)])


def stacked(found):
    return torch.stack(found)


RIGHT = {
    "stack": stacked,
    "list": lambda found: found,
    "samples first": lambda found: torch.stack(found, 1),
    "sum": lambda found: stacked(found).sum(0),
    "added": lambda found: sum(found[1:], found[0]),
    "mean": lambda found: stacked(found).mean(0),
    "share": lambda found: stacked(found).sum(0) / len(found),
}
WRONG = {
    "the last step alone": lambda found: found[-1],
    "the first step alone": lambda found: found[0],
    "the largest over the steps": lambda found: stacked(found).max(0).values,
    "the sum over the steps, negated": lambda found: -stacked(found).sum(0),
    "the steps, negated": lambda found: -stacked(found),
    "the sum over the steps, in another order of neurons": (
        lambda found: stacked(found).sum(0)[:, [2, 0, 1, 4, 3]]
    ),
    "the steps, in another order of neurons": lambda found: stacked(found).flip(-1),
    "what sum makes": lambda found: stacked(found).sum(0) * torch.tensor([1.0, -5, 0, 1, 1]),
    "what mean makes": lambda found: torch.relu(1 - stacked(found).mean(0)),
    "what cumsum makes": lambda found: stacked(found).cumsum(0),
    "what flip makes": lambda found: stacked(found).flip(0),
    "what softmax makes": lambda found: stacked(found).softmax(-1),
}
MODULES = {
    "snntorch, spikes": Snntorch,
    "snntorch, sums": lambda make: Snntorch(make, "sums"),
    "spikingjelly": lambda make: Whole("spikingjelly", make),
    "sinabs": lambda make: Whole("sinabs", make),
}


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("make", RIGHT)
def test_what_can_be_read(module, make):
    imported = import_spiking(MODULES[module](RIGHT[make]), (6,))
    what = "the sum over the steps of what b brings"
    assert imported.reads == (what if "sums" in module else "the spikes of m, counted")


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("make", WRONG)
def test_what_cannot_be_read_is_named(module, make):
    text = (
        f"{'readout' if 'sums' in module else 'm'}: a module must return what its last layer "
        "brings in each step, or the sum or the mean of it over the steps, found "
        f"{make}; return it as it is, and do the rest outside the module"
    )
    with pytest.raises(UnsupportedError) as error:
        import_spiking(MODULES[module](WRONG[make]), (6,))
    assert str(error.value) == text


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (stacked, None),
        (lambda found: found, None),
        (lambda found: found[-1], None),
        (lambda found: found[0], "the first step alone"),
        (lambda found: stacked(found).max(0).values, "the largest over the steps"),
        (lambda found: stacked(found).sum(0), "the sum over the steps"),
        (lambda found: stacked(found).mean(0), "the mean over the steps"),
        (lambda found: -found[-1], "the last step, negated"),
        (lambda found: found[-1].flip(-1), "the last step, in another order of neurons"),
        (lambda found: found[-1] * 2, "what mul makes of a state of m"),
    ],
)
def test_membranes(make, found):
    module = Snntorch(make, "membranes")
    if found is None:
        assert import_spiking(module, (6,)).reads == "the last membrane of m"
        return
    text = (
        "m: a module that returns a membrane must return that of each step, or the last, found "
        f"{found}; return it as it is, and do the rest outside the module"
    )
    with pytest.raises(UnsupportedError) as error:
        import_spiking(module, (6,))
    assert str(error.value) == text


def test_steps_of_different_shapes():
    class Growing(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.l = nn.Linear(6, 5), snn.Leaky(beta=0.5, init_hidden=True)
            self.seen = 0

        def forward(self, x):
            y = self.l(self.a(x))
            self.seen += 1
            return y if self.seen % 2 else y[None]

    text = "l: a module must return tensors of the same shapes in every step, found 2 sorts"
    with pytest.raises(UnsupportedError, match=text):
        import_spiking(Growing(), (6,))
