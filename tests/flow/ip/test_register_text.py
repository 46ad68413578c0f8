"""The documents have the table that the hardware is made of."""

import json
import re
from pathlib import Path

from spikewright.flow.ip.register_text import reference

DOCUMENT = Path(__file__).parents[3] / "docs" / "registers.md"
BEGIN, END = "<!-- table: of hdl/interfaces/register_map.py -->\n", "<!-- /table -->"


def test_the_document_is_of_this_table():
    """Where it is not: put what ``reference()`` returns between the two lines."""
    text = DOCUMENT.read_text()
    assert text[text.index(BEGIN) + len(BEGIN) : text.index(END)] == "\n" + reference()


def test_registers_of_a_block(blocks):
    for interface in ("axi-stream", "wishbone"):
        folder = blocks(interface)
        manifest = json.loads((folder / "manifest.json").read_text())
        text = (folder / "registers.md").read_text()
        rows = re.findall(r"^\| 0x(\w+) \| `(\w+)` \| ([a-z, ]+) \|", text, re.M)
        assert [(name, int(address, 16), access) for address, name, access in rows] == [
            (each["name"], each["address"], each["access"])
            for each in manifest["interface"]["registers"]
        ]
        assert "Input 1 is y." in text and manifest["network"]["hash"][:32] in text
