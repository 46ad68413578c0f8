"""The C header compiles, and says what the manifest says."""

import json
import re
import subprocess

import pytest

from spikewright.flow.tools import find_tool


@pytest.mark.parametrize("interface", ["axi-stream", "wishbone"])
def test_values(blocks, tmp_path, interface):
    folder = blocks(interface)
    manifest = json.loads((folder / "manifest.json").read_text())
    (header,) = folder.glob("*.h")
    names = re.findall(r"^#define (SPIKEWRIGHT_\w+) ", header.read_text(), re.M)
    assert len(set(names)) == len(names)
    prints = "\n".join(f'printf("{name} %u\\n", {name});' for name in names)
    source = tmp_path / "values.c"
    source.write_text(f'#include <stdio.h>\n#include "{header}"\nint main(void) {{ {prints} }}\n')
    program = tmp_path / "values"
    subprocess.run(
        [find_tool("c++"), "-x", "c", "-std=c99", "-Wall", "-Werror", "-o", program, source],
        check=True,
    )
    output = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    values = {name: int(value) for name, value in (line.split() for line in output.splitlines())}
    section = manifest["interface"]
    for register in section["registers"]:
        name = f"SPIKEWRIGHT_{register['name']}"
        assert values.pop(name) == register["address"]
        if register["constant"] is not None:
            assert values.pop(f"{name}_VALUE") == register["constant"]
        for field in register["fields"]:
            mask = (1 << field["width"]) - 1 << field["low"]
            assert values.pop(f"{name}_{field['name']}") == mask
    for kind, value in (("SPIKE", 0), ("STEP", 1), ("END", 2)):
        assert values.pop(f"SPIKEWRIGHT_{kind}") == value
    streams = manifest["streams"]
    layouts = [each["layout"] for each in (*streams["inputs"], streams["output"])]
    for name, layout in zip(("IN0", "IN1", "OUT"), layouts, strict=True):
        prefix = f"SPIKEWRIGHT_{name}"
        assert values.pop(f"{prefix}_BITS") == layout["width"]
        for part in ("address", "payload"):
            low, bits = layout[part]
            assert values.pop(f"{prefix}_{part.upper()}_LOW") == low
            assert values.pop(f"{prefix}_{part.upper()}_BITS") == bits
        assert values.pop(f"{prefix}_PAYLOAD_SIGNED") == layout["signed"]
    assert values == {}
