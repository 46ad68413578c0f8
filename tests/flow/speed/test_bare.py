"""The accelerator alone in Verilator."""

from dataclasses import replace

import pytest

from spikewright.flow.cosim.manifest import read_manifest
from spikewright.flow.speed.bare import build_bare
from spikewright.golden.errors import ToolError, UnsupportedError
from support.standin import make_vectors, write_standin


def test_stand_in_takes_a_cycle_a_token(tmp_path):
    manifest = read_manifest(write_standin(tmp_path))
    bare = build_bare(manifest, tmp_path / "bare")
    words = make_vectors(6, 3).input_words[0]
    cycles, seconds, processor_seconds = bare.run(words, 6)
    assert cycles == words.size + 2  # one token a cycle through two registers
    assert seconds > 0 and processor_seconds >= 0


def test_a_program_that_fails(tmp_path):
    manifest = read_manifest(write_standin(tmp_path))
    broken = replace(manifest, top="another")
    with pytest.raises(ToolError, match=r"^verilator must build the bare simulation, found"):
        build_bare(broken, tmp_path / "bare")


def test_one_narrow_input(tmp_path):
    manifest = read_manifest(write_standin(tmp_path))
    message = "^a bare simulation must have one input of tokens of at most 32 bits, found 2 inputs"
    with pytest.raises(UnsupportedError, match=message):
        build_bare(replace(manifest, inputs=manifest.inputs * 2), tmp_path)
