"""Takes initial contents away from memories in large RAMs, which cannot have any.

Amaranth gives every memory initial contents, zeros where none are asked for, and no tool would put
such a memory into a RAM that has none.
"""

import re

from spikewright.golden.errors import ToolError

__all__ = ["uninitialised_rtlil", "uninitialised_verilog"]

_VERILOG_MEMORY = re.compile(r'\(\* ram_style = "huge" \*\)\n\s*reg [^;]*;')
_VERILOG = re.compile(
    r'(\(\* ram_style = "huge" \*\)\n\s*reg [^;]*;\n)'
    r"\s*initial begin\n(?:\s*\w+\[\d+\] = [^;]*;\n)*\s*end\n"
)
_RTLIL_MEMORY = re.compile(
    r'^  attribute \\ram_style "huge"\n(?:  attribute .*\n)*  memory .* \\(\S+)$', re.M
)
_RTLIL_CELL = re.compile(
    r'^  cell \$meminit_v2 .*\n    parameter \\MEMID "\\\\(\S+)"\n(?:    .*\n)*?  end\n', re.M
)
_RTLIL_MODULE = re.compile(r"^module .*?^end\n", re.M | re.S)


def uninitialised_verilog(text: str) -> str:
    """Verilog of which the memories in large RAMs begin with nothing."""
    plain, count = _VERILOG.subn(r"\1", text)
    _check(count, len(_VERILOG_MEMORY.findall(text)))
    return plain


def uninitialised_rtlil(text: str) -> str:
    """RTLIL of which the memories in large RAMs begin with nothing."""

    def cleaned(module: re.Match[str]) -> str:
        names = set(_RTLIL_MEMORY.findall(module[0]))
        if not names:
            return module[0]
        gone = []

        def without(cell: re.Match[str]) -> str:
            if cell[1] not in names:
                return cell[0]
            gone.append(cell[1])
            return ""

        plain = _RTLIL_CELL.sub(without, module[0])
        _check(len(gone), len(names))
        return plain

    return _RTLIL_MODULE.sub(cleaned, text)


def _check(found: int, memories: int) -> None:
    if found != memories:
        raise ToolError(
            f"the initial contents of {memories} memories in large RAMs must be found",
            found=str(found),
        )
