"""The model of an ECP5's block RAM against a naive one: all widths, with and without register."""

import random
from itertools import product

import pytest

from support.cells import Cell, simulate

NARROW = (1, 2, 4, 9, 18)
MODES = ("NORMAL", "READBEFOREWRITE", "WRITETHROUGH")
CYCLES = 300
# Enough that much is read again; of 36 bits two are a word.
ROWS = (0, 1, 6, 7, 510, 511, 512, 513, 1022, 1023)
# All bits of a row, and those that words of less than 9 bits have.
BITS = range(18)
IN_BYTES = [k for k in BITS if k not in (8, 17)]


class Naive:
    """Rows of single bits, and what stands behind each port; the ports never meet in a row."""

    def __init__(self, widths, modes, rows):
        self.rows = {row: [rows[row] >> k & 1 for k in BITS] for row in sorted(ROWS)}
        self.widths, self.modes = widths, modes
        self.read = [[0] * 18, [0] * 18]
        self.held = [[0] * 18, [0] * 18]

    def word(self, width, address):
        """The (row, bit) of its bits, the lowest first."""
        row = address >> 4
        if width >= 18:
            rows = [row] if width == 18 else [row & ~1, row | 1]
            return [(row, k) for row in rows for k in BITS]
        usable = BITS if width == 9 else IN_BYTES
        words = [usable[k : k + width] for k in range(0, len(usable), width)]
        return [(row, k) for k in words[(address & 15) * len(words) // 16]]

    def step(self, pins):
        """A cycle of the pins of port A and B."""
        wide_a, wide_b = (width == 36 for width in self.widths)
        before = {row: list(bits) for row, bits in self.rows.items()}
        for k, width in enumerate(self.widths):
            pin = pins[k]
            on = pin["ce"] and not pin["cs"]
            writes = on and pin["we"] and not (k == 1 and (wide_a or wide_b))
            places = self.word(width, pin["address"])
            if writes and not pin["rst"]:
                data = pin["data"] | pins[1]["data"] << 18
                for index, (row, bit) in enumerate(places):
                    if width < 18 or pin["address"] >> index // 9 & 1:
                        self.rows[row][bit] = data >> index & 1
            if wide_b:
                pin, on, writes = pins[1], pins[1]["ce"] and not pins[1]["cs"], False
                places = self.word(36, pin["address"])[18 * k : 18 * k + 18]
            old, new = ([rows[row][bit] for row, bit in places] for rows in (before, self.rows))
            if pins[k]["oce"]:
                self.held[k] = self.read[k]
            if on and (width != 36 or wide_b):
                shown = {"NORMAL": None, "READBEFOREWRITE": old, "WRITETHROUGH": new}
                word = shown[self.modes[k]] if writes else old
                if word is not None:
                    self.read[k] = word + [0] * (18 - len(word))
            if pin["rst"]:
                self.read[k] = self.held[k] = [0] * 18

    def output(self, register):
        """The pins of both ports, the highest of port A first."""
        shown = self.held if register else self.read
        return "".join(str(bit) for port in shown for bit in reversed(port))


def cell(widths, register, modes, rows):
    """Of which INITVALs have a row of 18 bits in each 20."""
    says = {}
    for port, width, mode in zip("AB", widths, modes, strict=True):
        says[f"DATA_WIDTH_{port}"] = str(width)
        says[f"REGMODE_{port}"] = '"OUTREG"' if register else '"NOREG"'
        says[f"WRITEMODE_{port}"] = f'"{mode}"'
    for k in range(64):
        value = sum(row << 20 * j for j, row in enumerate(rows[16 * k : 16 * k + 16]))
        says[f"INITVAL_{k:02X}"] = f"320'h{value:x}"
    inputs, outputs = {}, []
    for port in "AB":
        for pin, wire in (("AD", "address"), ("DI", "data"), ("CS", "cs")):
            bits = {"AD": 14, "DI": 18, "CS": 3}[pin]
            inputs |= {f"{pin}{port}{k}": f"{wire}_{port}[{k}]" for k in range(bits)}
        inputs |= {f"{pin}{port}": f"{pin.lower()}_{port}" for pin in ("CE", "OCE", "WE", "RST")}
        inputs[f"CLK{port}"] = "clk"
        outputs += [f"DO{port}{k}" for k in reversed(BITS)]
    return Cell(kind="DP16KD", parameters=says, inputs=inputs, outputs=outputs)


WIRES = {"address": 14, "data": 18, "ce": 1, "oce": 1, "we": 1, "rst": 1, "cs": 3}


def stimulus(pins):
    """The pins of each cycle, by wire."""
    return {
        f"{name}_{port}": (width, [each[k][name] for each in pins])
        for k, port in enumerate("AB")
        for name, width in WIRES.items()
    }


def random_pins(rng):
    """Never both of one pair of rows."""
    row = rng.choice(ROWS)
    other = rng.choice([each for each in ROWS if each >> 1 != row >> 1])
    return [
        {
            "address": each << 4 | rng.getrandbits(4),
            "data": rng.getrandbits(18),
            "ce": rng.random() < 0.9,
            "oce": rng.random() < 0.8,
            "we": rng.random() < 0.4,
            "rst": rng.random() < 0.05,
            "cs": rng.choice((0, 0, 0, 0, 0, 1, 2, 4)),
        }
        for each in (row, other)
    ]


def test_every_pair_of_widths(tmp_path):
    rng = random.Random(3)
    rows = [rng.getrandbits(18) for _ in range(1024)]
    pairs = [*product(NARROW, NARROW), *((36, width) for width in (*NARROW, 36))]
    pairs += [(width, 36) for width in NARROW]
    modes = list(product(MODES, MODES))
    kinds = [
        (widths, register, modes[(2 * k + register) % len(modes)])
        for k, widths in enumerate(pairs)
        for register in (False, True)
    ]
    pins = [random_pins(rng) for _ in range(CYCLES)]
    found = simulate("ecp5", [cell(*kind, rows) for kind in kinds], stimulus(pins), tmp_path)
    for (widths, register, mode), outputs in zip(kinds, found, strict=True):
        naive = Naive(widths, mode, rows)
        for cycle, (each, output) in enumerate(zip(pins, outputs, strict=True)):
            naive.step(each)
            assert output == naive.output(register), (widths, register, mode, cycle)


IDLE = dict.fromkeys(WIRES, 0) | {"address": 100 << 4 | 3, "ce": 1, "oce": 1}


@pytest.mark.parametrize("writer", [0, 1])
def test_what_is_read_while_it_is_written_is_wrong(tmp_path, writer):
    writing = IDLE | {"we": 1, "data": 0x2_AAAA}
    pins = [[IDLE, IDLE], [writing, IDLE] if writer == 0 else [IDLE, writing], [IDLE, IDLE]]
    one = cell((18, 18), False, ("NORMAL", "NORMAL"), [0x1_2345] * 1024)
    (outputs,) = simulate("ecp5", [one], stimulus(pins), tmp_path)
    reader = slice(18, 36) if writer == 0 else slice(0, 18)
    words = [int(output[reader], 2) for output in outputs]
    assert words == [0x1_2345, 0x1_2345 ^ 0x3_FFFF, 0x2_AAAA]


def test_what_both_write_is_wrong(tmp_path):
    writing = [[IDLE | {"we": 1, "data": data} for data in (5, 6)], [IDLE, IDLE]]
    one = cell((18, 18), False, ("NORMAL", "NORMAL"), [0] * 1024)
    (outputs,) = simulate("ecp5", [one], stimulus(writing), tmp_path)
    assert int(outputs[1][:18], 2) not in (5, 6)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATA_WIDTH_A", "3"),
        ("REGMODE_B", '"BYPASS"'),
        ("WRITEMODE_A", '"WRITE"'),
        ("CSDECODE_A", '"0b001"'),
        ("CLKBMUX", '"INV"'),
        ("RESETMODE", '"ASYNC"'),
        ("INIT_DATA", '"DYNAMIC"'),
    ],
)
def test_what_is_not_modelled_is_refused(tmp_path, name, value):
    pins = [[IDLE, IDLE], [IDLE | {"rst": 1}, IDLE]]
    one = cell((18, 18), False, ("NORMAL", "NORMAL"), [0] * 1024)
    one.parameters[name] = value
    with pytest.raises(AssertionError, match=f"DP16KD: {name} has a value that is not modelled"):
        simulate("ecp5", [one], stimulus(pins), tmp_path)
