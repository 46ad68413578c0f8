"""Copies what reaches more pins than a plan allows, so that each stands near its own.

Wires, not gates, make up most of a slow path of a wide core: a flip-flop that a hundred lanes wait
for is far from most of them. Copies of it are the last level of a registered tree; where a lookup
table stands between the two, it is copied as well. They are made between Yosys, which would merge
them again, and nextpnr; the Verilog has one of each, and the netlist computes the same before and
after.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

__all__ = ["limit_fanout"]

_FLIP_FLOPS = ("TRELLIS_FF", "SB_DFF", "DFF")
# Those of an iCE40 may belong to a carry chain, which has room for one of each.
_TABLE = "LUT4"
_LOGIC = ("LUT4", "PFUMX", "L6MUX21", "CCU2C", "SB_LUT4", "SB_CARRY")
# They travel on an iCE40's global wires.
_GLOBAL = {"SB_DFF": ("C", "E", "R", "S")}
_ANY = 1 << 31
_CORE = re.compile(r"(?:^|\.)core_(\d+)\.")

Cells = dict[str, dict[str, Any]]
Load = tuple[str, str]


def limit_fanout(netlist: Mapping[str, Any], top: str, limits: Mapping[int, int]) -> int:
    """Copy drivers of too many pins, in place; returns the number of cells that is added.

    Flip-flops are copied, and lookup tables but an iCE40's. A copy gets the pins of neighbouring
    lanes, as far as signals' names tell. The netlist's ports keep the driver that they had.

    Parameters
    ----------
    netlist : what Yosys' ``write_json`` wrote, flattened. top : its module. limits : the most pins
        that a driver may reach, by number of the core that it is in; others stay.
    """
    module = netlist["modules"][top]
    return _Copies(module["cells"], module.get("netnames", {}), limits).make() if limits else 0


class _Copies:
    """A netlist by what drives its bits, and which pins they reach."""

    def __init__(self, cells: Cells, names: dict[str, Any], limits: Mapping[int, int]) -> None:
        self._cells = cells
        self._names = names
        self._limits = limits
        self._drivers: dict[int, str] = {}
        self._loads: dict[int, list[Load]] = defaultdict(list)
        self._counts: dict[str, int] = defaultdict(int)
        # A name may be of a bit that no cell has.
        named = (bit for net in names.values() for bit in net["bits"] if isinstance(bit, int))
        self._unused = max(named, default=0) + 1
        for name in cells:
            self._add(name)
        self._lanes = self._by_name()

    def make(self) -> int:
        """Until none is too many; a copy is a pin more for what drives it."""
        added = 0
        waiting = list(self._drivers)
        while waiting:
            bit = waiting.pop()
            name = self._drivers[bit]
            parts = -(-len(self._loads[bit]) // self._limit(name))
            if parts < 2:
                continue
            loads = sorted(self._loads[bit], key=self._place)
            size = -(-len(loads) // parts)
            self._reach(name, bit, loads[:size])
            for start in range(size, len(loads), size):
                self._copy(name, bit, loads[start : start + size])
                added += 1
            waiting += [source for source in self._bits(name) if source in self._drivers]
        return added

    def _add(self, name: str) -> None:
        cell = self._cells[name]
        for pin, bits in cell["connections"].items():
            for bit in bits:
                if not isinstance(bit, int):
                    continue
                self._unused = max(self._unused, bit + 1)
                if cell["port_directions"][pin] != "output":
                    if pin not in _control(cell["type"]):
                        self._loads[bit].append((name, pin))
                elif _is_register(cell) or cell["type"] == _TABLE:
                    self._drivers[bit] = name

    def _limit(self, name: str) -> int:
        """The most pins of a driver; any number where nobody limits them."""
        core = _CORE.search(name)
        return _ANY if core is None else self._limits.get(int(core.group(1)), _ANY)

    def _copy(self, name: str, bit: int, loads: list[Load]) -> None:
        cell = self._cells[name]
        new = self._unused
        self._counts[name] += 1
        copied = f"{name}$copy{self._counts[name]}"
        pins = {pin: list(bits) for pin, bits in cell["connections"].items()}
        output = _output(cell)
        self._cells[copied] = {**cell, "connections": pins | {output: [new]}}
        self._names[f"{copied}_{output}"] = {"hide_name": 0, "bits": [new], "attributes": {}}
        self._add(copied)
        for other, pin in loads:
            bits = self._cells[other]["connections"][pin]
            bits[bits.index(bit)] = new
        self._reach(copied, new, loads)

    def _reach(self, name: str, bit: int, loads: list[Load]) -> None:
        """A driver is where its pins are."""
        self._loads[bit] = loads
        self._lanes[name] = sum(self._place(each)[0] for each in loads) / len(loads)

    def _by_name(self) -> dict[str, float]:
        """Where a flip-flop is, from 0 to 1, among those whose names differ in numbers alone."""
        found: dict[str, tuple[int, str, int]] = {}
        for name, net in self._names.items():
            for index, bit in enumerate(net["bits"]):
                cell = self._drivers.get(bit)
                if cell is not None and _is_register(self._cells[cell]):
                    best = (len(name), name, index)
                    found[cell] = min(found.get(cell, best), best)
        families = defaultdict(list)
        for cell, (_, name, index) in found.items():
            parts = re.split(r"(\d+)", name)
            families[tuple(parts[::2])].append(([*map(int, parts[1::2]), index], cell))
        return {
            cell: rank / len(family)
            for family in families.values()
            for rank, (_, cell) in enumerate(sorted(family))
        }

    def _place(self, load: Load) -> tuple[float, str]:
        """Where a cell is among the lanes: of logic, where it leads to."""
        name = load[0]
        if name not in self._lanes:
            self._lanes[name] = 0.5  # of a RAM, which all lanes share
            if self._cells[name]["type"] in _LOGIC:
                readers = [each for bit in self._bits(name, "output") for each in self._loads[bit]]
                places = [self._place(each)[0] for each in readers]
                self._lanes[name] = sum(places) / len(places) if places else 0.5
        return self._lanes[name], name

    def _bits(self, name: str, direction: str = "input") -> list[int]:
        cell = self._cells[name]
        return [
            bit
            for pin, bits in cell["connections"].items()
            if cell["port_directions"][pin] == direction
            for bit in bits
            if isinstance(bit, int)
        ]


def _is_register(cell: Mapping[str, Any]) -> bool:
    return bool(cell["type"].startswith(_FLIP_FLOPS))


def _output(cell: Mapping[str, Any]) -> str:
    """The pin that a driver drives."""
    return str(next(pin for pin, way in cell["port_directions"].items() if way == "output"))


def _control(kind: str) -> tuple[str, ...]:
    return next((pins for start, pins in _GLOBAL.items() if kind.startswith(start)), ())
