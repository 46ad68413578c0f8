"""``generate --interface``: a block beside the Verilog, which stays as it is."""

from itertools import pairwise

import pytest
import torch

from spikewright.flow.files import file_hash, read_json
from spikewright.flow.importers import import_module
from spikewright.flow.original import Original
from spikewright.flow.project import Project
from spikewright.flow.samples import Samples
from support.chains import counting_chain, inputs_for
from support.cli import spikewright


@pytest.fixture
def project(tmp_path):
    """A small project of events."""
    network = counting_chain((5, 4), seed=3)
    events = torch.from_numpy(inputs_for(network, 2)).float()
    original = Original(import_module(torch.nn.Sequential(torch.nn.Linear(5, 4)), (5,)))
    samples = Samples(x=events, y=torch.zeros(2, dtype=torch.long))
    Project.create(tmp_path / "p", network, original, samples)
    return tmp_path / "p"


def test_each_has_its_block(project):
    generated = project / "generated" / "stepwise"
    seen = []
    # A plan says nothing of the interface, and may be given with one.
    by_hand = ("--plan", generated / "plan.json")
    for options in (
        ("--lanes", 2),
        (*by_hand, "--interface", "wishbone"),
        (*by_hand, "--interface", "axi-stream"),
    ):
        result = spikewright("generate", project, *options, cwd=project)
        block = generated / "ip"
        section = read_json(block / "manifest.json")["interface"]
        assert section["kind"] == (options[-1] if "--interface" in options else "stream")
        figures = read_json(project / "summary.json")["hardware"]
        assert figures["interface"] == section["kind"]
        assert project / figures["block"] == block and figures["block"] in result.stdout
        seen.append((file_hash(generated / "accelerator.v"), file_hash(block / "accelerator.v")))
    assert all(one == other for one, other in seen)
    assert all(one == other for one, other in pairwise(seen))


def test_an_interface_that_there_is_none_of(project):
    result = spikewright("generate", project, "--interface", "axi", cwd=project, ok=False)
    assert result.returncode == 2
    assert "--interface: must be one of stream, axi-stream, wishbone, found 'axi'" in " ".join(
        result.stderr.split()
    )
    assert not (project / "generated").exists()
