"""Copies drivers that reach more cells than a plan allows, so that each stands near its own.

Wires, not gates, make up most of a slow path of a wide core: a flip-flop or lookup table that a
hundred lanes wait for is far from most of them. Two that compute the same let a lane have one
nearby. It is done between Yosys, which would merge them again, and nextpnr; the Verilog has one of
each, and the netlist computes the same before and after.
"""

import heapq
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

__all__ = ["limit_fanout"]

_OUTPUT = {"TRELLIS_FF": "Q", "LUT4": "Z", "SB_LUT4": "O"}
_FLIP_FLOPS = ("TRELLIS_FF", "SB_DFF")
# They travel on an iCE40's global wires.
_CONTROL = {"SB_DFF": ("C", "E", "R", "S")}
_CARRY = "SB_CARRY"
_CORE = re.compile(r"(?:^|\.)core_(\d+)\.")

Cells = dict[str, dict[str, Any]]
Load = tuple[str, str]


def limit_fanout(netlist: Mapping[str, Any], top: str, limits: Mapping[int, int]) -> int:
    """Copy what drives too many pins, in place; returns the number of cells that are added.

    Flip-flops and lookup tables are copied, and in turn what drives the copies. Clocks, what leaves
    block RAM, carry chains and the netlist's ports have the driver that they had. A copy gets pins
    whose cells' names are neighbours: those of neighbouring lanes.

    Parameters
    ----------
    netlist : what Yosys' ``write_json`` wrote, flattened. top : its module. limits : the most pins
        that a driver may reach, by number of the core that it is in; other cells stay.
    """
    module = netlist["modules"][top]
    design = _Design(module["cells"], module.get("netnames", {}), limits)
    return design.split() if limits else 0


class _Design:
    """The nets of a netlist: what drives them, and which pins they reach."""

    def __init__(self, cells: Cells, names: dict[str, Any], limits: Mapping[int, int]) -> None:
        self.cells = cells
        self.names = names
        self.limits = limits
        self.drivers: dict[int, str] = {}
        self.loads: dict[int, list[Load]] = defaultdict(list)
        self.carries: set[object] = set()
        self.next = 2
        self.copies: dict[str, int] = defaultdict(int)
        for name, cell in cells.items():
            self._add(name, cell)
        self.depths: dict[int, int] = {}

    def _add(self, name: str, cell: Mapping[str, Any]) -> None:
        for pin, bits in cell["connections"].items():
            out = cell["port_directions"][pin] == "output"
            for bit in bits:
                if not isinstance(bit, int):
                    continue
                self.next = max(self.next, bit + 1)
                if out and _output(cell["type"]) == pin:
                    self.drivers[bit] = name
                elif out and cell["type"] == _CARRY:
                    self.carries.add(bit)
                elif not out and pin not in _control(cell["type"]):
                    self.loads[bit].append((name, pin))

    def split(self) -> int:
        """Deep logic first: what is copied is one more pin for what drives it."""
        heap = [(-self._depth(bit), bit) for bit in self.drivers if self._parts(bit) > 1]
        heapq.heapify(heap)
        added = 0
        while heap:
            _, bit = heapq.heappop(heap)
            parts = self._parts(bit)
            if parts == 1:
                continue
            name = self.drivers[bit]
            loads = sorted(self.loads[bit], key=_natural)
            size = -(-len(loads) // parts)
            self.loads[bit] = loads[:size]
            for start in range(size, len(loads), size):
                self._copy(name, bit, loads[start : start + size])
                added += 1
            for source in self._inputs(name):
                if self._parts(source) > 1:
                    heapq.heappush(heap, (-self._depth(source), source))
        return added

    def _parts(self, bit: int) -> int:
        """Drivers that the pins of a net need."""
        name = self.drivers.get(bit)
        core = None if name is None else _CORE.search(name)
        limit = None if core is None else self.limits.get(int(core.group(1)))
        if name is None or limit is None or self.carries & set(self._inputs(name)):
            return 1
        return max(1, -(-len(self.loads[bit]) // limit))

    def _copy(self, name: str, bit: int, loads: list[Load]) -> None:
        cell = self.cells[name]
        new, self.next = self.next, self.next + 1
        self.copies[name] += 1
        copied = f"{name}$copy{self.copies[name]}"
        pins = {pin: list(bits) for pin, bits in cell["connections"].items()}
        out = _output(cell["type"])
        pins[out] = [new]
        self.cells[copied] = {**cell, "connections": pins}
        self.names[f"{copied}_{out}"] = {"hide_name": 0, "bits": [new], "attributes": {}}
        self._add(copied, self.cells[copied])
        for other, pin in loads:
            bits = self.cells[other]["connections"][pin]
            bits[bits.index(bit)] = new
        self.loads[new] = loads

    def _inputs(self, name: str) -> list[int]:
        cell = self.cells[name]
        return [
            bit
            for pin, bits in cell["connections"].items()
            if cell["port_directions"][pin] != "output"
            for bit in bits
            if isinstance(bit, int)
        ]

    def _depth(self, bit: int) -> int:
        """Lookup tables in a row up to this net."""
        name = self.drivers.get(bit)
        if name is None or self.cells[name]["type"].startswith(_FLIP_FLOPS):
            return 0
        if bit not in self.depths:
            self.depths[bit] = 1 + max(map(self._depth, self._inputs(name)), default=0)
        return self.depths[bit]


def _output(kind: str) -> str | None:
    """The output of a cell that can be copied."""
    return "Q" if kind.startswith(_FLIP_FLOPS) else _OUTPUT.get(kind)


def _control(kind: str) -> tuple[str, ...]:
    return next((pins for start, pins in _CONTROL.items() if kind.startswith(start)), ())


def _natural(load: Load) -> list[tuple[int, str]]:
    """Names in order, and numbers in them by their size."""
    return [
        (int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", load[0])
    ]
