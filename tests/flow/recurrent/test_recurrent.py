"""A quantised recurrent network: the module, the golden model and hardware have the same states."""

import numpy as np
import pytest
import torch

from spikewright.flow.convert.train import TrainConfig, train
from spikewright.flow.cosim import cosimulate
from spikewright.flow.generate import generate
from spikewright.flow.plan import default_plan
from spikewright.flow.project import Project
from spikewright.flow.recurrent import (
    Form,
    Layer,
    RecurrentConfig,
    RecurrentNetwork,
    RecurrentReference,
    Rotations,
)
from spikewright.flow.samples import Samples
from spikewright.flow.sequences import encode_samples, run_samples
from spikewright.flow.stages import cosim_stage, evaluate_stage, generate_stage
from spikewright.golden.errors import ConfigurationError, FileError
from spikewright.golden.model import Model
from spikewright.golden.spec import Mode

STEPS = 9


def module(seed=0, **options):
    config = {"inputs": 7, "hidden": 12, "classes": 4, "levels": 5, "threshold": 16} | options
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return RecurrentNetwork(RecurrentConfig(**config))


def sequences(made, n, seed=1):
    rng = np.random.default_rng(seed)
    return rng.integers(0, made.config.input_levels + 1, (n, STEPS, made.config.inputs))


def keep(n):
    return ([True] * (STEPS - 1) + [False]) * n


@pytest.mark.parametrize("mode", [Mode.SETTLE, Mode.COLLAPSED])
@pytest.mark.parametrize(
    "options",
    [{}, {"signed": False, "input_levels": 3}, {"levels": 1, "weight_bits": 3}, {"threshold": 22}],
)
def test_every_hidden_state_is_the_module_s(options, mode):
    made = module(**options)
    network = made.network()
    x = sequences(made, 40)
    found = Model(network).run(x.reshape(-1, 7), mode=mode, keep=keep(40), trace=True)
    with torch.no_grad():
        states = torch.stack(made.states(torch.from_numpy(x).double()), 1).reshape(-1, 12)
        scores = made.scores(torch.from_numpy(x).double())
    assert torch.equal(found.trace.spikes["hidden"].sum(0).double(), states)
    assert torch.equal(found.values[STEPS - 1 :: STEPS].double(), scores)
    assert states.abs().sum() > 0
    alone = Model(network).run(x.reshape(-1, 7), mode=mode, trace=True)
    assert not torch.equal(alone.values, found.values)  # it does hear the sample before
    told = module(form=Form.DELTA, **options).network()
    changes = Model(told).run(x.reshape(-1, 7), mode=mode, keep=keep(40), trace=True)
    sums = changes.trace.spikes["hidden"].sum(0).reshape(40, STEPS, 12).cumsum(1)
    assert torch.equal(sums.reshape(-1, 12).double(), states)
    assert torch.equal(changes.values, found.values)
    assert changes.events["hidden"].sum() < found.events["hidden"].sum()


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        (Mode.SETTLE, {}),
        (Mode.COLLAPSED, {}),
        (Mode.SETTLE, {"form": "delta"}),
        (Mode.COLLAPSED, {"form": "delta"}),
    ],
)
def test_hardware_has_the_same_states(mode, options, tmp_path):
    made = module(seed=2, **options)
    network = made.network()
    x = sequences(made, 4).reshape(-1, 7)
    # Changes in hardware whose rows do not wait for its neurons, too.
    sweep_lanes = 2 if options else None
    plan = default_plan(network, mode, lanes=12 if options else 4, sweep_lanes=sweep_lanes)
    generate(network, plan, tmp_path / "g")
    report = cosimulate(
        network,
        tmp_path / "g",
        x,
        reset_every=STEPS,
        simulator="icarus",
        stall_input="011",
        stall_output="0010",
    )
    assert report.mismatches == 0
    assert report.spikes_compared > 100
    assert 0 < report.bound_cycles <= report.cycles_per_sample


def test_it_learns_what_came_first():
    """The label is what the first step held; all others hold noise."""
    rng = np.random.default_rng(0)
    y = torch.from_numpy(rng.integers(0, 3, 600))
    x = torch.from_numpy(rng.integers(0, 2, (600, 5, 6))).float()
    x[:, 0] = 0
    x[torch.arange(600), 0, y] = 1
    made = module(inputs=6, classes=3)
    train(made, x, y, TrainConfig(epochs=15, batch=50, learning_rate=2e-2, threads=1))
    values = x.long().reshape(-1, 6)
    found = Model(made.network()).run(values, mode="collapsed", keep=([True] * 4 + [False]) * 600)
    right = found.labels[4::5] == y
    assert right.double().mean() > 0.9
    with torch.no_grad():
        assert torch.equal(made(x).argmax(1) == y, right)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden": 0}, "hidden: must be an integer from 1 to 65536, found 0"),
        ({"weight_bits": 1}, "weight_bits: must be an integer from 2 to 16, found 1"),
        ({"hidden": 2.5}, "hidden: must be an integer from 1 to 65536, found 2.5"),
        ({"threshold": "a"}, "threshold: must be an integer from 1 to 65536, found 'a'"),
        ({"threshold": 7}, "threshold: must be even, so that half of it is an integer, found 7"),
        ({"form": "old"}, "form: must be one of fresh, delta, found 'old'"),
        ({"input_step": 0.0}, "input_step: must be above 0, found 0.0"),
        ({"input_step": float("nan")}, "input_step: must be above 0, found nan"),
        ({"dropout": 1.0}, "dropout: must be from 0 to below 1, found 1.0"),
        (
            {"rotations": Rotations(turns=(1, 2), frames=9)},
            "hidden: must be 4 with a memory of 2 rotations, found 12",
        ),
        (
            {"rotations": Rotations(turns=range(6), frames=12)},
            "inputs: must be 1 with a memory of 6 rotations, found 7",
        ),
        (
            {"rotations": Rotations(turns=range(6), frames=12), "inputs": 1, "signed": False},
            "signed: must be True with a memory of 6 rotations, found False",
        ),
    ],
)
def test_wrong_configurations(options, message):
    with pytest.raises(ConfigurationError) as caught:
        module(**options)
    assert str(caught.value) == message


def test_a_file_is_read_as_it_was_written(tmp_path):
    made = module(seed=3)
    made.save(tmp_path)
    assert RecurrentNetwork.is_in(tmp_path)
    loaded = RecurrentNetwork.load(tmp_path)
    assert loaded.network().content_hash == made.network().content_hash
    path = tmp_path / "recurrent.safetensors"
    whole = path.read_bytes()
    for damaged in (whole[:-3], whole[:20], whole.replace(b'hidden\\": 12', b'hidden\\": 13')):
        path.write_bytes(damaged)
        with pytest.raises(
            FileError, match=r"must be a whole file of this version, found .+; conv"
        ):
            RecurrentNetwork.load(tmp_path)


def test_a_project_of_sequences_goes_all_the_way(tmp_path):
    made = module(seed=4)
    x = torch.from_numpy(sequences(made, 12)).float()
    y = made(x).argmax(1)
    project = Project.create(tmp_path / "p", made.network(), made, Samples(x=x, y=y))
    evaluate_stage(project, project.samples, steps=(1,))
    found = Project(tmp_path / "p").summary["accuracy"]
    assert found["quantised"] == found["settle"] == found["collapsed"] == 1.0
    assert found["equal_logits"] == {"settle": 12, "collapsed": 12}
    assert found["states"] == 12 * STEPS * 12
    assert found["equal_states"] == {"settle": found["states"], "collapsed": found["states"]}
    assert "float" not in found
    generate_stage(project, default_plan(project.network, Mode.COLLAPSED, lanes=4))
    cosim_stage(project, Mode.COLLAPSED, project.samples.first(3), steps=1, simulator="icarus")
    report = project.summary["cosim"]
    assert (report["samples"], report["frames"], report["mismatches"]) == (3 * STEPS, STEPS, 0)
    with pytest.raises(ConfigurationError, match=r"^sequences must be left to end by themselves"):
        cosim_stage(project, Mode.COLLAPSED, project.samples, steps=1, reset_every=2)


@pytest.mark.parametrize("value", [0.5, -1.0, 2.0, float("nan")])
def test_inputs_that_are_no_levels(value):
    x = torch.zeros(2, 3, 7)
    x[1, 2, 3] = value
    message = r"^recurrent network: inputs must be whole numbers from 0 to 1, found (0.5|-1|2|nan);"
    with pytest.raises(ConfigurationError, match=message):
        module()(x)


def test_a_wrong_state_is_counted(tmp_path):
    made = module(seed=5)
    other = module(seed=5)
    with torch.no_grad():
        other.w_h[0, 0] += 2
    reference = RecurrentReference(made)
    x = torch.from_numpy(sequences(made, 8))
    golden = Model(other.network())
    assert reference.equal_states(Model(made.network()), x, Mode.SETTLE) == reference.states_of(x)
    assert reference.equal_states(golden, x, Mode.SETTLE) < reference.states_of(x)


def test_sums_that_floats_do_not_hold(tmp_path):
    """Of many inputs and wide weights; the reference computes in doubles."""
    wide = {"inputs": 150, "hidden": 6, "weight_bits": 13, "input_levels": 255}
    made = module(seed=6, levels=20000, threshold=4096, **wide)
    with torch.no_grad():
        made.w_x.uniform_(-16, 16)
    x = torch.from_numpy(sequences(made, 20))
    found = RecurrentReference(made).equal_states(Model(made.network()), x, Mode.COLLAPSED)
    assert found == 20 * STEPS * 6
    sums = x.double() @ made.integers()["w_x"].double() * 2**made.config.input_shift
    assert sums.abs().max() > 2**24  # floats would round them


def test_a_sequence_of_one_frame(tmp_path):
    made = module(seed=7)
    x = torch.from_numpy(sequences(made, 10)).float()[:, :1]
    network = made.network()
    one, alone = encode_samples(network, x), encode_samples(network, x[:, 0])
    assert torch.equal(one, alone)
    assert one.shape == (10, 1, 7)
    found = run_samples(Model(network), one, mode=Mode.SETTLE)
    assert torch.equal(found.values, RecurrentReference(made)(one))
    with pytest.raises(
        ConfigurationError, match=r"^input 'input': a sample must have 7 values, found"
    ):
        encode_samples(network, torch.zeros(4, 3, 8))


@pytest.mark.parametrize("form", Form)
def test_layers_behind_settle_in_the_same_frame(form):
    """Two layers, against a loop over frames that knows neither network nor module."""
    layers = (Layer(neurons=5, levels=3, threshold=16), Layer(neurons=6, levels=7, threshold=8))
    made = module(seed=8, layers=layers, form=form)
    with torch.no_grad():
        for bias in made.b_layers:
            bias.uniform_(0, 2)
    whole = {name: each.detach().long().numpy() for name, each in made.integers().items()}
    x = sequences(made, 20)
    wanted = []
    for sample in x:
        h = np.zeros(12, dtype=np.int64)
        for frame in sample:
            total = 8 * (frame @ whole["w_x"]) + h @ whole["w_h"] + whole["b_h"]
            h = ((total + 8) // 16).clip(-5, 5)
            one = ((h @ whole["w_1"] + whole["b_1"] + 8) // 16).clip(0, 3)
            two = ((one @ whole["w_2"] + whole["b_2"] + 4) // 8).clip(0, 7)
        wanted.append(two @ whole["w_out"] + whole["b_out"])
    values = torch.from_numpy(x)
    assert RecurrentReference(made)(values).tolist() == np.array(wanted).tolist()
    golden = Model(made.network())
    for mode in (Mode.SETTLE, Mode.COLLAPSED):
        assert run_samples(golden, values, mode=mode).values.tolist() == np.array(wanted).tolist()


def memory(**options):
    rotations = Rotations(turns=(0, 1, 3, 5), frames=12, threshold=64, unit=8)
    config = {"inputs": 1, "hidden": 8, "levels": 63, "rotations": rotations, "input_levels": 3}
    return module(seed=9, layers=(Layer(neurons=6),), **config | options)


@pytest.mark.parametrize("form", Form)
def test_a_memory_in_integers_is_the_module_s(form, tmp_path):
    made = memory(form=form)
    made.tune(torch.from_numpy(sequences(made, 40)))
    x = torch.from_numpy(sequences(made, 30, seed=2))
    reference = RecurrentReference(made)
    golden = Model(made.network())
    assert golden.network.modes == (Mode.COLLAPSED,)
    found = run_samples(golden, x, mode=Mode.COLLAPSED)
    assert torch.equal(found.values, reference(x))
    assert reference.equal_states(golden, x, Mode.COLLAPSED) == reference.states_of(x)
    made.save(tmp_path)
    assert torch.equal(RecurrentReference(RecurrentNetwork.load(tmp_path))(x), reference(x))


def test_a_memory_in_hardware(tmp_path):
    network = memory(form=Form.DELTA).network()
    x = sequences(memory(), 3).reshape(-1, 1)
    generate(network, default_plan(network, Mode.COLLAPSED, lanes=4), tmp_path / "g")
    report = cosimulate(network, tmp_path / "g", x, reset_every=STEPS, simulator="icarus")
    assert report.mismatches == 0
    assert report.spikes_compared > 100


def test_raw_inputs_are_rounded_as_a_host_does():
    made = module(seed=3, input_levels=3, input_step=0.5)
    raw = torch.rand(6, STEPS, 7) * 2 - 0.2
    network = made.network()
    values = encode_samples(network, raw)
    assert torch.equal(made.quantised(raw).long(), values)
    assert values.min() == 0 and values.max() == 3
    scores = RecurrentReference(made)(values)
    with torch.no_grad():
        assert torch.equal((made(raw) * made.config.threshold).round().long(), scores)


def test_training_hears_a_memory_without_its_rounding():
    """Two orders of the same frames: what the memory holds tells them apart."""
    y = torch.arange(400) % 2
    x = torch.zeros(400, STEPS, 1)
    x[y == 0, 1], x[y == 1, 6] = 3.0, 3.0
    x += torch.randint(0, 2, x.shape, generator=torch.Generator().manual_seed(0)) * (x == 0)
    made = memory(classes=2, dropout=0.1)
    made.tune(x)
    assert (made.gains > 1).all()
    train(made, x, y, TrainConfig(epochs=12, batch=40, learning_rate=2e-2, threads=1))
    reference = RecurrentReference(made)
    assert (reference.labels(reference(x)) == y).double().mean() > 0.95
