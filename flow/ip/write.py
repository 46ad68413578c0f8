"""Writes a generated accelerator as a block for other people's systems."""

import shutil
from pathlib import Path

from spikewright.flow.files import atomic_folder, text_hash, write_json
from spikewright.flow.generate import Generated
from spikewright.flow.generate.manifest import IMAGE, VERILOG, image_bytes
from spikewright.flow.synthesize.sample import StoredSample

from .core_file import core_file
from .header import header
from .interface import Interface, wrapped
from .litex import litex_example
from .register_text import register_text
from .testbench import testbench_files

__all__ = ["write_ip"]


def write_ip(generated: Generated, interface: Interface, sample: StoredSample) -> Path:
    """Write ``ip`` in a generated folder, and return its path.

    It holds all that a system needs: the accelerator's Verilog, the very file that co-simulation
    compares, the interface's, a testbench with a sample, a FuseSoC core, the manifest; where there
    are registers, these as a C header and as text; on Wishbone an example for LiteX. A folder of
    that name is replaced whole.

    Raises
    ------
    UnsupportedError
        If the interface has no room for so many inputs or cores.
    FileError
        If the folder cannot be written.
    """
    block = wrapped(generated.accelerator, interface)
    folder = generated.folder / "ip"
    texts = testbench_files(block, sample)
    stimuli = [name for name in texts if name != "testbench.v"]
    if block.text is not None:
        texts[f"{block.top}.v"] = block.text
    if block.registers is not None:
        texts[f"{block.top}.h"] = header(block)
        texts["registers.md"] = register_text(block)
    if interface is Interface.WISHBONE:
        texts[f"{block.top}_litex.py"] = litex_example(block)
    texts[f"{block.top}.core"] = core_file(block, stimuli)
    hashes = {name: text_hash(text) for name, text in texts.items()}
    section = block.as_dict() | {"hashes": hashes}
    with atomic_folder(folder) as scratch:
        shutil.copyfile(generated.verilog, scratch / VERILOG)
        if block.accelerator.loading:
            (scratch / IMAGE).write_bytes(image_bytes(block.accelerator.image))
        for name, text in texts.items():
            (scratch / name).write_text(text, encoding="utf-8")
        write_json(scratch / "manifest.json", {**generated.manifest, "interface": section})
    return folder
