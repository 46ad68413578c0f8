"""snnTorch against the integer networks that are read of its modules, spike for spike."""

import re

import numpy as np
import pytest
import torch
from torch import nn

from spikewright.flow.frameworks import framework_of, import_spiking
from spikewright.flow.frameworks import snntorch as importer
from spikewright.golden.errors import ConfigurationError, UnsupportedError
from spikewright.golden.spec import Reset
from support.frameworks import needs
from support.spiking import compare, integers

snn = needs("snntorch")

RESETS = ("subtract", "zero", "none")


def inputs(rng, steps, batch, *shape, high=1):
    return torch.from_numpy(rng.integers(0, high + 1, (steps, batch, *shape))).float()


def neuron(rng, kind, n, **options):
    threshold = float(rng.integers(2, 6))
    beta = float(rng.choice([0.5, 0.75, 1.0]))
    options = {"threshold": threshold, "init_hidden": True} | options
    if kind in ("Synaptic", "RSynaptic"):
        options["alpha"] = float(rng.choice([0.0, 0.5, 0.75]))
        beta = min(beta, 0.75)
    if kind.startswith("R"):
        options["linear_features"] = n
    return getattr(snn, kind)(beta=options.pop("beta", beta), **options)


def connected(rng, kinds, resets, **options):
    sizes = rng.integers(3, 9, len(kinds) + 1)
    layers = []
    for k, (kind, reset) in enumerate(zip(kinds, resets, strict=True)):
        layers.append(nn.Linear(int(sizes[k]), int(sizes[k + 1])))
        last = {"output": True} if k == len(kinds) - 1 else {}
        n = int(sizes[k + 1])
        layers.append(neuron(rng, kind, n, reset_mechanism=reset, **last, **options))
    return integers(rng, nn.Sequential(*layers)), int(sizes[0])


KINDS = ("Leaky", "Synaptic", "RLeaky", "RSynaptic")


@pytest.mark.parametrize("seed", range(40))
def test_random_networks(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 4))
    module, size = connected(
        rng, [str(rng.choice(KINDS)) for _ in range(n)], [str(rng.choice(RESETS)) for _ in range(n)]
    )
    counts, _ = compare(module, inputs(rng, 7, 12, size))
    assert counts["1"] > 5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reset", RESETS)
def test_every_reset_of_every_neuron(kind, reset):
    rng = np.random.default_rng(11)
    beta = {} if kind.endswith("Synaptic") else {"beta": 0.5}
    module, size = connected(rng, [kind, kind], [reset, reset], **beta)
    # snnTorch's mem is not yet reset, nor is the membrane of the golden model with a delay, or
    # without a reset.
    late = reset != "zero"
    counts, network = compare(
        module, inputs(rng, 7, 32, size, high=2), state=(lambda m: m.mem) if late else None, high=2
    )
    assert min(counts.values()) > 20
    soma = network.populations[0].soma
    assert (
        soma.reset is {"subtract": Reset.SUBTRACT, "zero": Reset.VALUE, "none": Reset.NONE}[reset]
    )
    assert soma.reset_delay is (reset == "subtract")
    assert soma.refractory == int(reset == "zero" and kind != "Leaky")


@pytest.mark.parametrize("reset", RESETS)
def test_without_leak_for_long(reset):
    rng = np.random.default_rng(8)
    module, size = connected(rng, ["Leaky", "RLeaky"], [reset, reset], beta=1.0)
    counts, _ = compare(
        integers(rng, module, bias=False),
        inputs(rng, 60, 6, size),
        state=None if reset == "zero" else lambda m: m.mem,
    )
    assert counts["1"] > 50


@pytest.mark.parametrize("kind", ["Leaky", "Synaptic", "RLeaky"])
def test_reset_to_zero_at_once(kind):
    rng = np.random.default_rng(5)
    module, size = connected(rng, [kind, kind], ["zero", "zero"], reset_delay=False)
    counts, network = compare(module, inputs(rng, 7, 16, size), state=lambda m: m.mem)
    assert counts["1"] > 20
    assert network.populations[0].soma.refractory == 0


def test_lapicque_goes_by_its_resistance_and_capacity():
    rng = np.random.default_rng(2)
    module = nn.Sequential(
        nn.Linear(5, 6),
        snn.Lapicque(R=2.0, C=2.0, threshold=3.0, init_hidden=True, reset_mechanism="zero"),
        nn.Linear(6, 4),
        snn.Lapicque(R=1.0, C=2.0, threshold=2.0, init_hidden=True, output=True),
    )
    # A gain of 1 / 2 for each input: the unit of the membrane is halved.
    counts, _ = compare(integers(rng, module), inputs(rng, 6, 16, 5))
    assert min(counts.values()) > 10


@pytest.mark.parametrize("seed", range(4))
def test_convolutions(seed):
    rng = np.random.default_rng(seed)
    module = nn.Sequential(
        nn.Conv2d(2, 4, (3, 2), stride=(1, 2), padding=(1, 0), groups=2),
        snn.Leaky(beta=0.5, threshold=4.0, init_hidden=True),
        nn.AvgPool2d((2, 1)),
        nn.Conv2d(4, 3, 3, padding="same"),
        snn.RLeaky(
            beta=0.75,
            threshold=9.0,
            conv2d_channels=3,
            kernel_size=3,
            init_hidden=True,
            reset_mechanism="zero",
        ),
        nn.Dropout(0.5),
        nn.Flatten(),
        nn.Linear(18, 5),
        snn.Leaky(beta=0.5, threshold=torch.arange(3.0, 8.0), init_hidden=True, output=True),
    )
    counts, network = compare(integers(rng, module), inputs(rng, 6, 6, 2, 6, 4))
    assert counts["1"] > 30
    assert [p.shape for p in network.populations] == [(4, 6, 2), (3, 3, 2), (5,)]
    kinds = [type(c.operator).__name__ for c in network.connections]
    assert kinds == ["Window", "Window", "Window", "Dense"]


class Loop(nn.Module):
    """As snnTorch's tutorials have it: a loop over the steps, states in hand."""

    def __init__(self, steps=None):
        super().__init__()
        self.steps = steps
        self.fc1 = nn.Linear(6, 7)
        self.lif1 = snn.Leaky(beta=0.5, threshold=4.0)
        self.fc2 = nn.Linear(7, 4)
        self.back = nn.Linear(4, 7)
        self.lif2 = snn.Synaptic(alpha=0.5, beta=0.75, threshold=7.0, reset_mechanism="zero")

    def forward(self, x):
        mem1 = self.lif1.init_leaky()
        syn2, mem2 = self.lif2.init_synaptic()
        spk2 = torch.zeros(x.shape[-2], 4)
        spikes, membranes = [], []
        for step in range(self.steps or x.size(0)):
            frame = x if self.steps else x[step]
            spk1, mem1 = self.lif1(self.fc1(frame.flatten(1)) + self.back(spk2), mem1)
            spk2, syn2, mem2 = self.lif2(self.fc2(spk1), syn2, mem2)
            spikes.append(spk2)
            membranes.append(mem2)
        return torch.stack(spikes), torch.stack(membranes)


def test_a_loop_over_steps_and_its_own_recurrence():
    rng = np.random.default_rng(6)
    counts, network = compare(integers(rng, Loop()), inputs(rng, 7, 16, 6), "time")
    assert min(counts.values()) > 20
    delays = {(c.source, c.target): c.delay for c in network.connections}
    assert delays == {("input", "lif1"): 0, ("lif2", "lif1"): 1, ("lif1", "lif2"): 0}


def test_a_loop_that_shows_one_frame():
    imported = import_spiking(integers(np.random.default_rng(6), Loop(steps=5)), (6,))
    assert ("input", "fc1") in imported.graph.edges


class Fixed(nn.Module):
    """Takes so many steps of its input, whatever it has."""

    def __init__(self, steps):
        super().__init__()
        self.steps = steps
        self.fc, self.lif = nn.Linear(6, 4), snn.Leaky(beta=0.5)

    def forward(self, x):
        membrane, spikes = self.lif.init_leaky(), []
        for step in range(self.steps):
            spike, membrane = self.lif(self.fc(x[step]), membrane)
            spikes.append(spike)
        return torch.stack(spikes)


@pytest.mark.parametrize("steps", [3, 25])
def test_a_loop_over_a_number_of_steps_of_its_own(steps):
    rng = np.random.default_rng(6)
    samples = torch.from_numpy(rng.integers(0, 2, (3, steps, 6)))
    imported = import_spiking(integers(rng, Fixed(steps)), (6,), samples=samples)
    assert sorted(imported.graph.nodes) == ["fc", "input", "lif", "output"]


def test_fewer_steps_than_it_goes_over():
    rng = np.random.default_rng(6)
    wanted = "in its input, found as time: index 10 is .* it takes; as batch: lif: what comes to a"
    with pytest.raises(UnsupportedError, match=wanted):
        import_spiking(integers(rng, Fixed(25)), (6,), samples=torch.ones(3, 10, 6))


def test_more_steps_than_it_goes_over():
    rng = np.random.default_rng(6)
    with pytest.raises(UnsupportedError):
        import_spiking(integers(rng, Fixed(3)), (6,), samples=torch.ones(3, 10, 6))


class Names(nn.Module):
    """Layers that are called as the graph calls its own."""

    def __init__(self):
        super().__init__()
        self.input, self.flatten = nn.Linear(6, 7), snn.Leaky(beta=0.5, init_hidden=True)
        self.readout = nn.Linear(7, 4)
        self.output = snn.Leaky(beta=0.5, init_hidden=True, output=True)

    def forward(self, x):
        return self.output(self.readout(self.flatten(self.input(x.flatten(1)))))


def test_layers_with_names_of_the_graph():
    rng = np.random.default_rng(6)
    imported = import_spiking(integers(rng, Names()), (2, 3))
    assert imported.graph.edges == [
        ("input", "flatten"),
        ("flatten", "input_layer"),
        ("input_layer", "flatten_layer"),
        ("flatten_layer", "readout_layer"),
        ("readout_layer", "output_layer"),
        ("output_layer", "output"),
    ]


class Ways(Loop):
    """Another layer in every other step."""

    def __init__(self):
        super().__init__()
        self.other = nn.Linear(6, 7)

    def forward(self, x):
        mem1 = self.lif1.init_leaky()
        spikes = []
        for step in range(x.size(0)):
            layer = self.fc1 if step % 2 else self.other
            spk1, mem1 = self.lif1(layer(x[step]), mem1)
            spikes.append(spk1)
        return torch.stack(spikes)


class Whole(nn.Module):
    """Gives a neuron that takes steps all of them at once."""

    def __init__(self):
        super().__init__()
        self.fc, self.lif = nn.Linear(6, 7), snn.Leaky(beta=0.5)

    def forward(self, x):
        assert x.ndim == 3, "all steps are wanted"
        return self.lif(self.fc(x))[0]


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (Ways, "lif1: a layer must get the same in every step, found something else in step"),
        (Whole, "as time: lif takes a step, and gets a sequence; as batch: lif takes a step"),
    ],
)
def test_modules_that_are_no_network_of_steps(module, text):
    with pytest.raises(UnsupportedError, match=re.escape(text)):
        import_spiking(module(), (6,))


class Ends(nn.Module):
    """A last layer that is read: Linear, or a membrane."""

    def __init__(self, last):
        super().__init__()
        self.fc = nn.Linear(5, 6)
        self.lif = snn.Leaky(beta=0.5, threshold=4.0, init_hidden=True)
        self.out = nn.Linear(6, 3)
        self.last = last

    def forward(self, x):
        y = self.out(self.lif(self.fc(x)))
        return y if self.last is None else self.last(y)[1]


def test_a_last_linear_layer_is_summed_over_the_steps():
    rng = np.random.default_rng(1)
    module, x = integers(rng, Ends(None)), inputs(rng, 8, 10, 5)
    _, network = compare(module, x)
    from spikewright.golden.model import Model

    values = Model(network).run(x.transpose(0, 1).long().numpy(), mode="stepwise").values
    module.lif.reset_mem()
    wanted = sum(module(frame) for frame in x)
    assert (values.double() / 2**16).tolist() == wanted.double().tolist()


def test_a_membrane_that_never_resets_is_read_as_one():
    rng = np.random.default_rng(1)
    last = snn.Leaky(beta=0.5, init_hidden=True, output=True, reset_mechanism="none")
    imported = import_spiking(integers(rng, Ends(last)), (5,))
    assert type(imported.graph.nodes["last"]).__name__ == "LI"
    last = snn.Leaky(beta=0.5, init_hidden=True, output=True)
    text = "last: a layer whose membrane is read must not reset, found reset subtract"
    with pytest.raises(UnsupportedError, match=text):
        import_spiking(integers(rng, Ends(last)), (5,))


def one(last):
    return nn.Sequential(nn.Linear(4, 3), last)


def test_options_without_an_equal_are_named():
    def leaky(**options):
        return snn.Leaky(**{"beta": 0.5, "init_hidden": True} | options)

    with pytest.warns(UserWarning, match="Inhibition is an unstable feature"):
        inhibited = leaky(inhibition=True)
    rsynaptic = snn.RSynaptic(
        alpha=0.5, beta=0.5, linear_features=3, init_hidden=True, reset_delay=False
    )
    cases = [
        (leaky(reset_delay=False), '1: reset_mechanism "subtract" must have reset_delay=True'),
        (inhibited, "1: inhibition must be off"),
        (leaky(state_quant=torch.round), "1: state_quant must be off"),
        (leaky(graded_spikes_factor=2.0), "1: graded_spikes_factor must be 1, found 2; multiply"),
        (leaky(beta=0.0), "1: a step must leave a share of the membrane above 0, up to 1, found 0"),
        (
            leaky(spike_grad=lambda x: (x >= 0).float()),
            "1: spike_grad must fire where mem > threshold, with a 1, found [0.0, 0.0, 1.0",
        ),
        (rsynaptic, "1: RSynaptic must have reset_delay=True"),
        (
            snn.LeakyParallel(4, 3),
            "1: a neuron of snntorch must be one of Leaky, RLeaky, Synaptic, RSynaptic, Lapicque, "
            "found LeakyParallel",
        ),
        (snn.Alpha(alpha=0.9, beta=0.5, init_hidden=True), "found Alpha"),
    ]
    for last, text in cases:
        with pytest.raises(UnsupportedError, match=re.escape(text)):
            import_spiking(one(last), (4,))


def test_wrong_numbers_are_named():
    with pytest.raises(ConfigurationError, match=r"1: beta must be one finite value .* 2 values"):
        import_spiking(one(snn.Leaky(beta=torch.tensor([0.5, 0.5, 0.25]), init_hidden=True)), (4,))
    module = one(snn.Leaky(beta=0.5, init_hidden=True))
    module[0].weight.data[0, 0] = float("nan")
    with pytest.raises(
        ConfigurationError, match=r"0.weight: weights must be finite, found 1 of 12"
    ):
        import_spiking(module, (4,))
    module = one(snn.Leaky(beta=0.5, init_hidden=True, threshold=-1.0))
    with pytest.raises(ConfigurationError, match=r"a threshold must be finite and above 0"):
        import_spiking(module, (4,))


class Between(nn.Module):
    """Something between a layer and a neuron."""

    def __init__(self, function):
        super().__init__()
        self.fc, self.lif = nn.Linear(4, 3), snn.Leaky(beta=0.5, init_hidden=True)
        self.function = function

    def forward(self, x):
        return self.lif(self.function(self.fc(x)))


def assigned(x):
    x[:, 0] = 0
    return x


class Twice(nn.Linear):
    """A layer that is not what its class is."""

    def forward(self, x):
        return 2 * super().forward(x)


class Loud(nn.Dropout):
    """In evaluation a dropout does nothing."""

    def forward(self, x):
        return 2 * x


class Turned(nn.Flatten):
    """Flat, but backwards."""

    def forward(self, x):
        return super().forward(x).flip(-1)


class Shifted(nn.BatchNorm1d):
    """As its class in training, say."""

    def forward(self, x):
        return super().forward(x) + 1


class Same(nn.Linear):
    """Another way to compute the same."""

    def forward(self, x):
        return x @ self.weight.T + self.bias


@pytest.mark.parametrize("before", [Twice(4, 4), Loud(), Turned()], ids=lambda m: type(m).__name__)
def test_a_layer_that_does_something_else(before):
    module = nn.Sequential(before, nn.Linear(4, 3), snn.Leaky(beta=0.5, init_hidden=True))
    text = f"0: a layer must do what its class does, found {type(before).__name__}"
    with pytest.raises(UnsupportedError, match=text):
        import_spiking(module, (4,))


def test_a_batch_norm_that_does_something_else():
    module = nn.Sequential(nn.Linear(4, 3), Shifted(3), snn.Leaky(beta=0.5, init_hidden=True))
    with pytest.raises(UnsupportedError, match="1: a layer must do what its class does, found Shi"):
        import_spiking(module, (4,))


def test_a_subclass_that_does_what_its_class_does():
    module = nn.Sequential(Same(4, 3), snn.Leaky(beta=0.5, init_hidden=True))
    assert import_spiking(module, (4,)).graph.edges[0] == ("input", "0")


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (torch.relu, "found what relu makes"),
        (lambda x: x * 2, "found what mul makes"),
        (nn.MaxPool1d(1), r"found what function \(MaxPool1d\) makes"),
        (lambda x: x + torch.ones(3), "found a constant that is not 0"),
        (lambda x: torch.bernoulli(x.abs().clamp(max=1)), "found what abs makes"),
        (assigned, "found an assignment to a part"),
        (lambda x: torch.add(x, x, alpha=2), "found what add with alpha makes"),
    ],
    ids=["relu", "times", "pool", "plus", "drawn", "assigned", "alpha"],
)
def test_what_cannot_be_followed_is_named(function, text):
    with pytest.raises(UnsupportedError, match=f"lif: what comes to a layer must be .*{text}"):
        import_spiking(Between(function), (4,))


def test_what_was_read_wrongly_is_found(monkeypatch):
    """Two planted faults: the check against the module itself must see both."""
    rng = np.random.default_rng(0)
    module, size = connected(rng, ["Synaptic"], ["zero"])
    import_spiking(module, (size,))
    right = importer._rule

    def wrong(*args):
        from dataclasses import replace

        return replace(right(*args), refractory=0)

    monkeypatch.setattr(importer, "_rule", wrong)
    with pytest.raises(UnsupportedError, match="1: what was read must do what the module does"):
        import_spiking(module, (size,))
    monkeypatch.setattr(importer, "_rule", right)
    monkeypatch.setattr(
        importer, "one_value", lambda value, what, where: 0.25 if what == "beta" else float(value)
    )
    with pytest.raises(UnsupportedError, match="another spike of neuron"):
        import_spiking(module, (size,))


def test_a_comparison_of_other_networks_fails():
    rng = np.random.default_rng(4)
    module, size = connected(rng, ["Leaky", "Leaky"], ["zero", "subtract"])
    x = inputs(rng, 7, 16, size)
    compare(module, x)

    class Faulty(type(module)):
        """Answers the importer as it is, and the comparison with another threshold."""

        def __deepcopy__(self, memo):
            copied = nn.Sequential(*self)
            copied[1].threshold += 1
            return copied

    with pytest.raises(AssertionError):
        compare_with(module, Faulty(*module), x)


def compare_with(read, run, x):
    from support import spiking

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spiking, "import_spiking", lambda module, shape: import_spiking(read, shape))
        compare(run, x)


def test_frameworks_are_told_apart():
    assert framework_of(nn.Sequential(nn.Linear(2, 2))) is None
    assert framework_of(one(snn.Leaky(beta=0.5))) is importer.Snntorch
