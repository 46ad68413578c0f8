"""An example of how an accelerator on Wishbone is used in LiteX."""

from importlib import resources

import jinja2

from spikewright.hdl.interfaces.register_map import ADDRESS_BITS

from .interface import Wrapped

__all__ = ["litex_example"]

_TEMPLATE = "litex_example.py.j2"


def litex_example(block: Wrapped) -> str:
    """A Python file with a module for LiteX, and a small system around it."""
    text = resources.files("spikewright.flow.ip").joinpath(_TEMPLATE).read_text(encoding="utf-8")
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    return environment.from_string(text).render(
        top=block.top,
        verilog=block.verilog,
        inputs=list(block.streams["inputs"].values()),
        output=block.streams["output"],
        size=1 << ADDRESS_BITS,
        address_bits=ADDRESS_BITS,
    )
