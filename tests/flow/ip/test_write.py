"""What lies in a block's folder, and that it is what the manifest says."""

import json
import re

import pytest

from spikewright.flow.files import file_hash, text_hash
from spikewright.flow.ip import Interface
from support.bus_cases import framed, several

COMMON = {
    "accelerator.v",
    "expected.hex",
    "manifest.json",
    "testbench.v",
    "tokens_0.hex",
    "tokens_1.hex",
    "weights.bin",
    "weights.hex",
}
BESIDE = {
    "stream": {"accelerator.core"},
    "axi-stream": {
        "accelerator_axi.v",
        "accelerator_axi.h",
        "accelerator_axi.core",
        "registers.md",
    },
    "wishbone": {
        "accelerator_wishbone.v",
        "accelerator_wishbone.h",
        "accelerator_wishbone.core",
        "accelerator_wishbone_litex.py",
        "registers.md",
    },
}


@pytest.mark.parametrize("interface", Interface)
def test_files(blocks, interface):
    folder = blocks(interface)
    assert {path.name for path in folder.iterdir()} == COMMON | BESIDE[interface]
    manifest = json.loads((folder / "manifest.json").read_text())
    section = manifest.pop("interface")
    # All else is the manifest of the Verilog that is co-simulated, which is the same file.
    assert manifest == json.loads((folder.parent / "manifest.json").read_text())
    assert manifest["verilog_hash"] == file_hash(folder / "accelerator.v")
    assert section["kind"] == interface
    assert set(section["verilog"]) == {path.name for path in folder.glob("*.v")} - {"testbench.v"}
    for name, expected in section["hashes"].items():
        assert file_hash(folder / name) == expected
    assert set(section["hashes"]) == {path.name for path in folder.iterdir()} - {
        "accelerator.v",
        "manifest.json",
        "weights.bin",
    }
    words = [int(word, 16) for word in (folder / "weights.hex").read_text().split()]
    image = (folder / "weights.bin").read_bytes()
    assert b"".join(word.to_bytes(2, "little") for word in words) == image


def test_ports_are_those_of_the_verilog(blocks):
    for interface in ("axi-stream", "wishbone"):
        folder = blocks(interface)
        section = json.loads((folder / "manifest.json").read_text())["interface"]
        text = (folder / f"{section['top']}.v").read_text()
        head = text[text.index(f"module {section['top']}(") :]
        names = re.findall(r"\w+", head[head.index("(") + 1 : head.index(")")])
        assert {port["name"] for port in section["ports"]} == set(names)
        registers = {each["name"]: each for each in section["registers"]}
        assert registers["MAGIC"]["constant"] == int.from_bytes(b"SPKW", "big")
        assert registers["CONTROL"]["fields"][2] == {"name": "RESET", "low": 2, "width": 1}


def test_another_interface_leaves_nothing_of_the_first(tmp_path):
    case = framed()
    _, folder = case.write(tmp_path, Interface.WISHBONE)
    before = (folder / "accelerator.v").read_text()
    _, again = case.write(tmp_path, Interface.STREAM)
    assert again == folder and not list(folder.glob("*wishbone*"))
    assert (folder / "accelerator.v").read_text() == before
    assert not (folder / "weights.bin").exists()


def test_the_same_block_every_time(blocks, tmp_path):
    folder = blocks("wishbone")
    _, again = several().write(tmp_path, Interface.WISHBONE)
    for path in folder.iterdir():
        assert text_hash(path.read_bytes().hex()) == text_hash(
            (again / path.name).read_bytes().hex()
        ), path.name
