"""The example for LiteX: its slave has the block's ports. LiteX itself is no dependency."""

import ast
import json


def test_it_joins_every_port(blocks):
    folder = blocks("wishbone")
    tree = ast.parse((folder / "accelerator_wishbone_litex.py").read_text())
    instance = next(
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Instance"
    )
    joined = {keyword.arg for keyword in instance.keywords}
    ports = json.loads((folder / "manifest.json").read_text())["interface"]["ports"]
    assert joined == {f"{port['direction'][0]}_{port['name']}" for port in ports}
    assert instance.args[0].value == "accelerator_wishbone"
    added = [
        node.args[0].args[0].right.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_source"
    ]
    assert added == ["accelerator.v", "accelerator_wishbone.v"]
