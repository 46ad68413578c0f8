"""Small wrongs in Verilog text, of the kind that a designer makes."""

import re
from dataclasses import dataclass

__all__ = ["Mutant", "mutants"]

_SWAPS = (
    (r"(?<=\S) \+ (?=\S)", " - "),
    (r"(?<=\S) - (?=\S)", " + "),
    (r" > ", " >= "),
    (r" < ", " <= "),
    (r" == ", " != "),
    (r" & ", " | "),
    (r" \| ", " & "),
    (r"= ~ ", "= "),
    (r" \? (.+) : (.+);", r" ? \2 : \1;"),
    (r"1'h1;", "1'h0;"),
)


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One line of one module changed."""

    module: str
    line: int
    before: str
    after: str
    verilog: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line}: {self.before.strip()}  ->  {self.after.strip()}"


def mutants(verilog: str, module: str) -> list[Mutant]:
    """Every mutant of the modules whose name ends as the pattern ``module`` says."""
    lines = verilog.splitlines()
    found, inside = [], None
    for number, line in enumerate(lines):
        declared = re.match(r"module \\?(\S+)\s*\(", line)
        if declared:
            inside = declared.group(1)
        if inside is None or not re.search(rf"(?:{module})(?:\$\d+)?$", inside):
            continue
        if not re.match(r"\s+(?:assign\s|\S+ += )", line):
            continue
        if re.match(r"\s+assign .+ = \d+'h\w+;", line):
            continue  # a constant that a part was given and may not use
        for pattern, replacement in _SWAPS:
            changed = re.sub(pattern, replacement, line, count=1)
            if changed != line:
                text = "\n".join([*lines[:number], changed, *lines[number + 1 :]]) + "\n"
                found.append(
                    Mutant(module=inside, line=number + 1, before=line, after=changed, verilog=text)
                )
    return found
