"""Memories in large RAMs begin with nothing; all others keep what they begin with."""

from dataclasses import replace

import numpy as np
import pytest
from amaranth.back import rtlil, verilog

from spikewright.flow.generate import (
    generate,
    image_bytes,
    uninitialised_rtlil,
    uninitialised_verilog,
    verilog_text,
)
from spikewright.flow.plan import default_plan
from spikewright.golden.errors import ToolError
from spikewright.golden.spec import Mode
from spikewright.hdl.accelerator import Accelerator
from spikewright.hdl.plan import WeightStore
from support.chains import bounded_chain

NETWORK = bounded_chain((6, 7, 3), seed=5)


def plan_of(*stores):
    plan = default_plan(NETWORK, Mode.COLLAPSED, lanes=7)
    cores = (replace(core, weights=s) for core, s in zip(plan.cores, stores, strict=True))
    return replace(plan, cores=tuple(cores))


LARGE = plan_of(WeightStore.SPRAM, WeightStore.BLOCK)
PLAIN = plan_of(WeightStore.BLOCK, WeightStore.BLOCK)


def test_verilog():
    """28 bits of weights: two memories without contents, and those of the other core with."""
    text = verilog_text(NETWORK, LARGE)
    assert text.count('ram_style = "huge"') == 2
    begins = text.index('ram_style = "huge"')
    memory = text[begins : text.index("always", begins)]
    assert "initial" not in memory
    assert text.count("initial begin") == verilog_text(NETWORK, PLAIN).count("initial begin") - 1


def test_rtlil():
    accelerator = Accelerator(network=NETWORK, plan=LARGE)
    text = rtlil.convert(accelerator, name="accelerator", emit_src=False)
    plain = uninitialised_rtlil(text)
    assert plain.count("cell $meminit_v2") == text.count("cell $meminit_v2") - 2
    assert plain.count('ram_style "huge"') == 2
    assert len(plain) < len(text)


def test_what_has_no_large_ram_stays():
    accelerator = Accelerator(network=NETWORK, plan=PLAIN)
    text = rtlil.convert(accelerator, name="accelerator", emit_src=False)
    assert uninitialised_rtlil(text) == text
    text = verilog.convert(accelerator, name="accelerator", emit_src=False)
    assert uninitialised_verilog(text) == text


def test_contents_that_are_not_found():
    text = '(* ram_style = "huge" *)\n  reg [15:0] memory [3:0];\n  initial memory[0] = 1;\n'
    with pytest.raises(
        ToolError,
        match=r"^the initial contents of 1 memories in large RAMs must be found, found 0$",
    ):
        uninitialised_verilog(text)


def test_the_image_beside_the_verilog(tmp_path):
    generated = generate(NETWORK, LARGE, tmp_path)
    load = generated.manifest["load"]
    image = (tmp_path / load["file"]).read_bytes()
    accelerator = Accelerator(network=NETWORK, plan=LARGE)
    assert image == image_bytes(accelerator.image)
    before, behind = 16 + 2 + 16 + 3, 1 + 2  # hashes and the segment's head; end and crc
    assert (load["width"], load["words"]) == (16, before + 2 * 6 + behind)
    memory = {"core": "h0", "what": "weights of x", "rows": 6, "width": 28}
    assert load["memories"] == [memory]
    weights = next(each for each in generated.manifest["memories"] if each["kind"] == "weights")
    assert (weights["store"], weights["parts"]) == ("spram", [[6, 16], [6, 12]])
    # A row's first words hold the weights of the first lanes, four bits each.
    row = np.asarray(NETWORK.connections[0].operator.weights).reshape(6, 7)[0].tolist()
    words = [int.from_bytes(image[k : k + 2], "little") for k in (2 * before, 2 * before + 2)]
    assert [words[k // 4] >> 4 * (k % 4) & 15 for k in range(7)] == [w & 15 for w in row]
    # Hardware that needs none leaves none behind.
    generate(NETWORK, PLAIN, tmp_path)
    assert not (tmp_path / "weights.bin").exists()
