"""Tells synthesis of memories that nobody reads where they are written.

What a read gives in the cycle of a write to its row is said nowhere in Amaranth's memories but as
the old row or the new one, and block RAM that does neither gets registers and multiplexers around
it. Memories that are loaded have the attribute ``EXCLUSIVE``: there, anything will do.
"""

import re

from spikewright.golden.errors import ToolError
from spikewright.hdl.load import EXCLUSIVE

__all__ = ["exclusive_rtlil"]

_MODULE = re.compile(r"^module .*?^end\n", re.M | re.S)
_MEMORY = re.compile(
    rf'^  attribute \\{EXCLUSIVE} .*\n(?:  attribute .*\n)*  memory .* \\(\S+)$', re.M
)
_READ = re.compile(
    r'(^  cell \$memrd_v2 .*\n    parameter \\MEMID "\\\\(\S+)"\n(?:    .*\n)*?'
    r"    parameter \\COLLISION_X_MASK (\d+)')([01]+)$",
    re.M,
)


def exclusive_rtlil(text: str) -> str:
    """RTLIL in which a read beside a write of the same row may give anything, in such memories."""

    def told(module: re.Match[str]) -> str:
        names = set(_MEMORY.findall(module[0]))
        if len(names) != module[0].count(f"attribute \\{EXCLUSIVE} "):
            raise ToolError(
                f"every memory that is {EXCLUSIVE} must have a name",
                found=f"{len(names)} names",
            )
        if not names:
            return module[0]

        def masked(read: re.Match[str]) -> str:
            return read[1] + ("1" * len(read[4]) if read[2] in names else read[4])

        return _READ.sub(masked, module[0])

    return _MODULE.sub(told, text)
