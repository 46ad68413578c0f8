"""``spikewright generate --loadable`` and ``--like``: a network for another one's bitstream."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from spikewright.flow.files import file_hash
from spikewright.golden.errors import (
    ConfigurationError,
    FileError,
    RangeError,
    UnsupportedError,
)
from spikewright.golden.spec.file import save
from support.chains import bounded_chain, inputs_for
from support.cli import spikewright

CHAIN = bounded_chain((12, 9, 4), seed=1)


def project(folder, network):
    """What ``generate`` needs of one."""
    folder.mkdir()
    save(network, folder / "network.safetensors")
    np.savez(folder / "samples.npz", x=np.asarray(inputs_for(network, 2), dtype=np.float32))
    known = {"schema": 1, "network": {"hash": network.content_hash}, "seconds": {}}
    (folder / "summary.json").write_text(json.dumps(known))
    return folder


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Where p is, that takes others."""
    root = tmp_path_factory.mktemp("like")
    said = spikewright("generate", project(root / "p", CHAIN), "--loadable", cwd=root).stdout
    assert "loads" in said and "any network of this shape" in said
    return root


@pytest.fixture
def like(root, tmp_path):
    """Generates for p's bitstream, or another one's."""

    def run(network, *more, other="p", ok=True):
        folder = project(tmp_path / "q", network)
        return spikewright("generate", folder, "--like", root / other, *more, cwd=root, ok=ok)

    return run


def test_the_same_verilog_and_another_image(root, like, tmp_path):
    said = like(bounded_chain((12, 9, 4), seed=2)).stdout
    assert (
        f"For the bitstream of {root / 'p'}: spikewright load {tmp_path / 'q'} --port PORT" in said
    )
    made, other = (each / "generated/collapsed" for each in (root / "p", tmp_path / "q"))
    assert file_hash(made / "accelerator.v") == file_hash(other / "accelerator.v")
    assert file_hash(made / "weights.bin") != file_hash(other / "weights.bin")
    plans = [json.loads((each / "manifest.json").read_text())["plan"] for each in (made, other)]
    assert plans[0]["hash"] == plans[1]["hash"]


def scaled(network, by):
    """Thresholds and biases of the hidden layer are larger."""
    hidden, *others = network.populations
    soma = replace(hidden.soma, threshold=by * hidden.soma.threshold, bias=by * hidden.soma.bias)
    return replace(network, populations=(replace(hidden, soma=soma), *others))


@pytest.mark.parametrize(
    ("network", "kind", "text"),
    [
        (
            bounded_chain((12, 8, 4), seed=1),
            UnsupportedError,
            "somas, weight bits and fraction bits, found populations[h0].shape[0]: 8, not 9; ",
        ),
        (
            bounded_chain((12, 9, 4), seed=1, bits=5),
            UnsupportedError,
            "found connections[0].operator.weight_bits: 5, not 4; connections[1].operator.weight_"
            "bits: 5, not 4; convert this one as the other, with its --weight-bits, --levels and",
        ),
        (
            scaled(CHAIN, 64),
            RangeError,
            "train within these bounds, or run: spikewright generate",
        ),
    ],
)
def test_a_network_that_does_not_fit(like, tmp_path, network, kind, text):
    wrong = like(network, ok=False)
    assert wrong.returncode == kind.exit_code and text in wrong.stderr, wrong.stderr
    assert not (tmp_path / "q/generated").exists()


def test_the_headroom_that_it_says_is_enough(tmp_path):
    folder, other = project(tmp_path / "p", CHAIN), project(tmp_path / "q", scaled(CHAIN, 64))
    spikewright("generate", folder, "--loadable", "--headroom", "0", cwd=tmp_path)
    wrong = spikewright("generate", other, "--like", folder, cwd=tmp_path, ok=False)
    enough = int(re.search(r"--headroom (\d+), and build it again", wrong.stderr)[1])
    for headroom in (enough - 1, enough):
        spikewright("generate", folder, "--loadable", "--headroom", headroom, cwd=tmp_path)
        again = spikewright("generate", other, "--like", folder, cwd=tmp_path, ok=False)
        assert (again.returncode == 0) == (headroom == enough), again.stderr


def test_another_project_that_takes_none(root, like, tmp_path):
    plain = project(tmp_path / "plain", CHAIN)
    spikewright("generate", plain, cwd=root)
    wrong = like(CHAIN, other=plain, ok=False)
    assert wrong.returncode == ConfigurationError.exit_code
    assert (
        "the other project's hardware must take other networks, found hardware of" in wrong.stderr
    )
    assert f"run: spikewright generate {plain} --loadable" in wrong.stderr


def test_verilog_of_another_version(root, like, tmp_path):
    """Its plan would make other Verilog today than its bitstream was made of."""
    old = tmp_path / "old"
    spikewright("generate", project(old, CHAIN), "--loadable", cwd=root)
    path = old / "generated/collapsed/manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest | {"verilog_hash": "0" * 64}))
    wrong = like(CHAIN, other=old, ok=False)
    assert wrong.returncode == FileError.exit_code
    assert "must be what this version makes of its plan" in wrong.stderr


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            ["--like", "p", "--lanes", "4"],
            "--like says all of it and must be given alone, found --l",
        ),
        (["--like", "p", "--headroom", "2"], "must be given alone, found --headroom"),
        (["--like", "p", "--loadable"], "must be given alone, found --loadable"),
        (["--headroom", "2"], "--headroom: headroom must come with --loadable"),
        (
            ["--loadable", "--headroom", "17"],
            "--headroom: must lie in 0..16 bits, found 17",
        ),
        (
            ["--loadable", "--headroom", "-1"],
            "--headroom: must lie in 0..16 bits, found -1",
        ),
        (["--like", "none"], "none: the folder must be a project, found no such folder"),
    ],
)
def test_options_that_do_not_go_together(root, options, text):
    wrong = spikewright("generate", "p", *options, cwd=root, ok=False)
    assert wrong.returncode == 2 or wrong.returncode == FileError.exit_code
    assert text in wrong.stderr, wrong.stderr
