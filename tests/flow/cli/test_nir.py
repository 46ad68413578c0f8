"""NIR files through the command line: what is wrong with one is said once, and nothing is made."""

import json
import warnings

import h5py
import nir
import numpy as np
import pytest

from spikewright.flow.nir import load_discretisation
from spikewright.flow.project import Project
from support.cli import spikewright

ONE = np.ones(3)


def lif(**changes):
    options = {"tau": 2e-3 * ONE, "r": ONE, "v_leak": 0 * ONE, "v_threshold": ONE}
    return nir.LIF(**(options | changes))


def cuba():
    times = {"tau_mem": 2e-3 * ONE, "tau_syn": 1e-3 * ONE}
    return nir.CubaLIF(**times, r=ONE, v_leak=0 * ONE, v_threshold=ONE, w_in=ONE)


def write(path, population, *, weight=None, edges=(), columns=4):
    nodes = {
        "input": nir.Input({"input": np.array([4])}),
        "w": nir.Linear(weight=np.full((3, columns), 2.0) if weight is None else weight),
        "p": population,
        "output": nir.Output({"output": np.array([3])}),
    }
    whole = nir.NIRGraph(nodes=nodes, edges=[], type_check=False)
    whole.edges = [("input", "w"), ("w", "p"), ("p", "output"), *edges]
    nir.write(path, whole)
    return path


def refused(tmp_path, *arguments):
    """Exit code and message; one error, no traceback, no project."""
    before = sorted(tmp_path.iterdir())
    result = spikewright("convert", *arguments, "--out", "p", cwd=tmp_path, ok=False)
    said = " ".join(result.stderr.split())
    assert "Traceback" not in said
    assert said.count("error:") == 1, said
    assert sorted(tmp_path.iterdir()) == before
    return result.returncode, said


@pytest.mark.parametrize(
    ("population", "preset", "text"),
    [
        (lif(tau=0 * ONE), "snntorch", "a time constant must be finite and above 0, found 0"),
        (lif(tau=-ONE), "norse", "a time constant must be finite and above 0, found -1"),
        (lif(tau=np.inf * ONE), "lava", "a time constant must be finite and above 0, found inf"),
        (
            lif(tau=np.nan * ONE),
            "rockpool",
            "a time constant must be finite and above 0, found nan",
        ),
        (lif(tau=1e-4 * ONE), "snntorch", "Euler's method must have a step shorter than the time"),
        (
            lif(),
            "sinabs",
            "node 'p': a step must be a share of the time constant that leaves something and takes "
            "some, found dt 1, tau 0.002; give dt in the file's unit of time",
        ),
        (lif(tau=20 * ONE), "spikingjelly", "found dt 0.0001, tau 20; give dt in the file's unit"),
        (
            lif(tau=1.0 * ONE),
            "snntorch",
            "a leak of m / 2**k with k up to 12 must come near 0.9999, which leaves something and "
            "takes some, found 4095 / 4096; give dt in the file's unit of time: next to its time "
            "constants it is too short",
        ),
        (
            lif(tau=1.1e-4 * ONE, v_reset=0.5 * ONE),
            "rockpool",
            "v_reset must be 0 where a reset subtracts the threshold, found 0.5; give --reset",
        ),
        (
            lif(tau=1e-4 * ONE, r=4.539993e-06 * ONE),
            "rockpool",
            "k up to 12 must come near 4.53999e-05, which leaves",
        ),
        (cuba(), "sinabs", "a step must be a share of the time constant"),
        (lif(v_threshold=0 * ONE), "snntorch", "a threshold must be finite and above 0, found 0"),
        (
            lif(v_threshold=np.inf * ONE),
            "snntorch",
            "a threshold must be finite and above 0, found inf",
        ),
        (
            lif(v_threshold=ONE, v_leak=2 * ONE),
            "snntorch",
            "v_leak of LIF must be 0 with the preset snntorch, whose framework takes no other",
        ),
        (lif(tau=np.array([1.0, 2.0, 2.0])), "norse", "tau must be the same for all neurons"),
    ],
)
def test_populations_that_have_no_steps(tmp_path, population, preset, text):
    write(tmp_path / "a.nir", population)
    code, said = refused(tmp_path, "a.nir", "--preset", preset)
    assert text in said
    assert code == 2


def test_a_preset_without_the_files_neurons(tmp_path):
    node = cuba()
    node.tau_mem, node.tau_syn = 4 * ONE, 2 * ONE  # in steps, as sinabs has them
    write(tmp_path / "a.nir", node)
    code, said = refused(tmp_path, "a.nir", "--preset", "sinabs")
    assert (code, "the preset must be of a framework that has CubaLIF, found sinabs" in said) == (
        2,
        True,
    )


def test_shapes_that_do_not_fit(tmp_path):
    write(tmp_path / "a.nir", lif(), columns=5)
    code, said = refused(tmp_path, "a.nir", "--preset", "snntorch")
    assert (code, "node 'w': a Linear must fit what comes to it, found shape (4,)" in said) == (
        2,
        True,
    )
    write(tmp_path / "a.nir", lif(), weight=np.ones((2, 4)))
    code, said = refused(tmp_path, "a.nir", "--preset", "snntorch")
    text = "node 'p': what comes to a population must have its 3 neurons, found shape (2,) from"
    assert (code, text in said) == (2, True)


def test_weights_that_are_not_finite(tmp_path):
    write(tmp_path / "a.nir", lif(), weight=np.full((3, 4), np.nan))
    code, said = refused(tmp_path, "a.nir", "--preset", "snntorch")
    assert (code, "node 'w': weight must be finite, found 12 of 12 that are not" in said) == (
        2,
        True,
    )


def test_edges_that_lead_nowhere(tmp_path):
    write(tmp_path / "a.nir", lif(), edges=[("p", "q")])
    code, said = refused(tmp_path, "a.nir", "--preset", "snntorch")
    assert (code, "edge 'p' -> 'q': both ends of an edge must be nodes" in said) == (2, True)


@pytest.mark.parametrize("text", [b"not HDF5", b"", b"\x89HDF\r\n\x1a\n and then something else"])
def test_files_that_are_no_nir(tmp_path, text):
    (tmp_path / "a.nir").write_bytes(text)
    code, said = refused(tmp_path, "a.nir", "--preset", "snntorch")
    assert (code, "the file must be NIR" in said) == (6, True)


def test_hdf5_that_is_no_nir(tmp_path):
    with h5py.File(tmp_path / "a.nir", "w") as file:
        file["node"] = 3
    assert refused(tmp_path, "a.nir", "--preset", "snntorch")[0] == 6


def test_unknown_nodes(tmp_path):
    write(tmp_path / "a.nir", lif())
    with h5py.File(tmp_path / "a.nir", "r+") as file:
        del file["node/nodes/p/type"]
        file["node/nodes/p/type"] = "Izhikevich"
    code, said = refused(tmp_path, "a.nir", "--preset", "snntorch")
    assert (code, "node 'p': a node must be one of I, IF, LI, LIF" in said) == (3, True)
    assert "found Izhikevich" in said


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"dt": 1e-4, "tau": 1}, "found tau"),
        ({"dt": "fast"}, "dt must be a time above 0, found fast"),
        ({"preset": "lava", "bursts": "many"}, "bursts must be an integer of at least 1, or none"),
    ],
)
def test_side_cars(tmp_path, data, text):
    write(tmp_path / "a.nir", lif())
    (tmp_path / "rule.json").write_text(json.dumps(data))
    code, said = refused(tmp_path, "a.nir", "--discretisation", "rule.json")
    assert (code, text in said) == (2, True)


def test_no_discretisation_or_two(tmp_path):
    write(tmp_path / "a.nir", lif())
    assert "found neither --preset nor --discretisation" in refused(tmp_path, "a.nir")[1]
    both = ("--preset", "lava", "--discretisation", "rule.json")
    assert "found two of them" in refused(tmp_path, "a.nir", *both)[1]


def test_a_file_becomes_a_project_and_goes_out_again(tmp_path):
    """Nothing is refused for being there: the checks above can also pass."""
    times = {"tau": 2 * ONE, "r": 2 * ONE}
    weight = np.random.default_rng(0).integers(-3, 8, (3, 4)) * 1.0
    write(tmp_path / "a.nir", lif(**times, v_threshold=4 * ONE), weight=weight)
    (tmp_path / "rule.json").write_text('{"dt": 1, "refractory": 2}')
    spikewright("convert", "a.nir", "--discretisation", "rule.json", "--out", "p", cwd=tmp_path)
    project = Project(tmp_path / "p")
    assert project.summary["nir"]["agreement"]["labels"] == 1
    assert project.original.rule == load_discretisation(tmp_path / "rule.json")
    assert project.network.populations[0].soma.refractory == 2


def fires(tmp_path, name="a.nir", threshold=2.0):
    """A file whose population fires, of whole numbers."""
    weight = np.random.default_rng(0).integers(-3, 8, (3, 4)) * 1.0
    node = nir.IF(r=ONE, v_threshold=threshold * ONE)
    return write(tmp_path / name, node, weight=weight)


def samples(tmp_path, x):
    np.savez(tmp_path / "x.npz", x=x.astype(np.float32))
    return ("--calibrate", "x.npz")


def spikes(n=20, steps=12, rate=0.4):
    return np.random.default_rng(1).random((n, steps, 4)) < rate


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (("--levels", 3), "--levels"),
        (("--method", "rate"), "--method"),
        (("--weights", "w.pt", "--max-pool", "or"), "--max-pool, --weights"),
        (("--qat-epochs", 5, "--learning-rate", 1), "--learning-rate, --qat-epochs"),
        (("--encoding", "once", "--percentile", 99), "--encoding, --percentile"),
        (("--fraction-bits", 3), "--fraction-bits"),
    ],
)
def test_options_that_do_nothing(tmp_path, options, names):
    """Also where they say what is so anyway."""
    fires(tmp_path)
    code, said = refused(tmp_path, "a.nir", "--preset", "lava", *options)
    text = (
        f"a.nir: a NIR file must come without options that do nothing there, found {names}; leave"
    )
    assert (code, text in said) == (2, True), said


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (("--preset", "lava", "--reset", "none"), "--preset, --reset"),
        (("--no-reset-delay", "--dt", 1), "--dt, --reset-delay"),
        (("--discretisation", "rule.json"), "--discretisation"),
        (("--agreement", 0.9), "--agreement"),
    ],
)
def test_options_of_files_that_do_nothing_for_modules(tmp_path, options, names):
    (tmp_path / "net.py").write_text(
        "from torch import nn\ndef make(): return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), "
        "nn.Linear(3, 2))\n"
    )
    data = samples(tmp_path, spikes()[:, 0])
    code, said = refused(tmp_path, "net.py:make", *data, *options)
    text = "a module without spiking neurons must come without options that do nothing there, "
    text += f"found {names};"
    assert (code, text in said) == (2, True), said
    spikewright("convert", "net.py:make", *data, "--seed", 1, "--out", "p", cwd=tmp_path)


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        (("--agreement", "nan"), 2, "--agreement: must be a finite number, found nan"),
        (("--agreement", 7), 2, "--agreement must be 0 to 1, found 7"),
        (("--weight-bits", 1), 2, "--weight-bits must be 2 to 16, found 1"),
        (("--weight-bits", "4,4"), 2, "--weight-bits must be one number for a NIR file"),
        (("--max-steps", 0), 2, "--max-steps must be at least 1, found 0"),
        (
            ("--name", "a b/c"),
            2,
            "network's name must be a letter, then letters, digits, - or _, f",
        ),
        (("--reset", "value", "--reset-delay"), 2, "a reset with a delay must subtract, found v"),
    ],
)
def test_options_that_are_not_legal(tmp_path, options, code, text):
    fires(tmp_path)
    found, said = refused(tmp_path, "a.nir", "--preset", "lava", *options)
    assert (found, text in said) == (code, True), said


@pytest.mark.parametrize(
    ("population", "code", "text"),
    [
        (nir.IF(r=-ONE, v_threshold=ONE), 2, "node 'p': r and w_in must be above 0, found -1"),
        (nir.IF(r=ONE, v_threshold=1e12 * ONE), 4, "node 'p': a threshold must fit 32 bits"),
        (
            nir.Threshold(threshold=np.array([1.0, np.nan, 1.0])),
            2,
            "node 'p': threshold must be finite, found 1 of 3 that are not",
        ),
    ],
)
def test_populations_that_cannot_be(tmp_path, population, code, text):
    write(tmp_path / "a.nir", population)
    data = samples(tmp_path, spikes())
    found, said = refused(tmp_path, "a.nir", "--preset", "lava", *data)
    assert (found, text in said) == (code, True), said


def test_two_inputs(tmp_path):
    nodes = {name: nir.Input({"input": np.array([3])}) for name in ("left", "right")}
    nodes |= {"p": nir.IF(r=ONE, v_threshold=ONE), "output": nir.Output({"output": np.array([3])})}
    whole = nir.NIRGraph(nodes=nodes, edges=[], type_check=False)
    whole.edges = [("left", "p"), ("right", "p"), ("p", "output")]
    nir.write(tmp_path / "a.nir", whole)
    code, said = refused(tmp_path, "a.nir", "--preset", "lava")
    text = "a network must have one input, of which samples are made, found left, right; join"
    assert (code, text in said) == (3, True), said


@pytest.mark.parametrize(
    ("name", "title"), [("1net", "n1net"), ("é", "n_"), ("my-net.2", "my_net_2")]
)
def test_files_of_any_name(tmp_path, name, title):
    fires(tmp_path, f"{name}.nir")
    spikewright("convert", f"{name}.nir", "--preset", "lava", "--out", "p", cwd=tmp_path)
    assert Project(tmp_path / "p").network.name == title


def test_an_agreement_that_is_not_reached_writes_nothing(tmp_path):
    rng = np.random.default_rng(0)
    write(tmp_path / "a.nir", nir.IF(r=ONE, v_threshold=ONE), weight=rng.normal(size=(3, 4)))
    data = samples(tmp_path, spikes(64, 32))
    options = ("--preset", "lava", *data, "--weight-bits", 2)
    code, said = refused(tmp_path, "a.nir", *options, "--agreement", 0.999)
    assert (code, "the integers must have at least 0.999 of spikes and labels" in said) == (2, True)
    assert "give more --weight-bits than 2, a lower --agreement, or typical samples" in said
    spikewright("convert", "a.nir", *options, "--agreement", 0.1, "--out", "p", cwd=tmp_path)
    found = Project(tmp_path / "p").summary["nir"]["agreement"]
    assert 0.1 < min(found["labels"], *found["spikes"].values()) < 0.999
    assert found["samples"] == 32 and found["fired"]["p"] > 100


def test_random_spikes_come_more_often_until_all_fire(tmp_path):
    """A threshold that one input in twenty never reaches, and one that nothing does."""
    node = lif(tau=2e-4 * ONE, r=2 * ONE, v_threshold=9 * ONE)
    weight = np.full((3, 4), 2.0)
    write(tmp_path / "a.nir", node, weight=weight)
    spikewright("convert", "a.nir", "--preset", "lava", "--out", "p", cwd=tmp_path)
    assert Project(tmp_path / "p").summary["nir"]["agreement"]["fired"]["p"] > 30
    node = lif(tau=2e-4 * ONE, r=2 * ONE, v_threshold=99 * ONE)
    write(tmp_path / "a.nir", node, weight=weight)
    (tmp_path / "p" / "summary.json").unlink()
    result = spikewright(
        "convert", "a.nir", "--preset", "lava", "--out", "q", cwd=tmp_path, ok=False
    )
    said = " ".join(result.stderr.split())
    assert result.returncode == 2
    assert "every population must fire on the samples on which agreement is measured" in said
    assert "found no spike of p on random inputs of any rate; give typical samples" in said
    assert not (tmp_path / "q").exists()


def test_samples_on_which_nothing_fires_are_told(tmp_path):
    fires(tmp_path, threshold=1e3)
    options = ("--preset", "lava", *samples(tmp_path, spikes()), "--out", "p")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        said = spikewright("convert", "a.nir", *options, cwd=tmp_path).stderr
    text = "warning: a.nir: p never fired on the 10 samples, so that nothing was measured there"
    assert text in " ".join(said.split())
    assert "warnings.warn" not in said
    assert Project(tmp_path / "p").summary["nir"]["agreement"]["fired"] == {"p": 0}


def test_a_subtraction_that_waits(tmp_path):
    options = ("--preset", "snntorch", "--reset", "subtract")
    write(
        tmp_path / "a.nir",
        lif(tau=2e-4 * ONE, r=2 * ONE, v_threshold=1.3 * ONE),
        weight=np.array([[2.0, 1, 0, 1], [1, 1, 1, 1], [1, 0, 2, 1]]),
    )
    for given, delays in (((), False), (("--reset-delay",), True), (("--no-reset-delay",), False)):
        out = f"p{len(given)}{delays}"
        spikewright("convert", "a.nir", *options, *given, "--out", out, cwd=tmp_path)
        assert Project(tmp_path / out).network.populations[0].soma.reset_delay is delays


def test_levels_of_inputs(tmp_path):
    """Whole numbers are taken as they are, or in as many levels as are asked for."""
    fires(tmp_path)
    data = samples(tmp_path, 6 * spikes())
    for given, high in (((), 6), (("--input-levels", 3), 3)):
        out = f"p{high}"
        options = ("--preset", "lava", *data, *given, "--agreement", 0.5)
        spikewright("convert", "a.nir", *options, "--out", out, cwd=tmp_path)
        assert Project(tmp_path / out).network.inputs[0].high == high
