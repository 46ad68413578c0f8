"""Models of other cells against naive ones: our own, and those of Yosys that are trusted most."""

import random
from itertools import product

import pytest

from support.cells import Cell, simulate

CYCLES = 200
CORNERS = (0, 1, (1 << 17) - 1, 1 << 17, (1 << 18) - 1)


def signed(value, bits):
    return value - (value >> bits - 1 << bits)


def bus(name, width, wire):
    return {f"{name}{k}": f"{wire}[{k}]" for k in range(width)}


def test_multiplier(tmp_path):
    rng = random.Random(2)
    pairs = [*product(CORNERS, CORNERS)]
    pairs += [(rng.getrandbits(18), rng.getrandbits(18)) for _ in range(CYCLES)]
    stimulus = {"a": (18, [a for a, _ in pairs]), "b": (18, [b for _, b in pairs])}
    inputs = bus("A", 18, "a") | bus("B", 18, "b") | {"SOURCEA": "1'b0", "SOURCEB": "1'b0"}
    signs = list(product((0, 1), (0, 1)))
    cells = [
        Cell(
            kind="MULT18X18D",
            inputs=inputs | {"SIGNEDA": f"1'b{sign_a}", "SIGNEDB": f"1'b{sign_b}"},
            outputs=[f"P{k}" for k in reversed(range(36))],
        )
        for sign_a, sign_b in signs
    ]
    found = simulate("ecp5", cells, stimulus, tmp_path)
    for (sign_a, sign_b), outputs in zip(signs, found, strict=True):
        for (a, b), output in zip(pairs, outputs, strict=True):
            product_ = (signed(a, 18) if sign_a else a) * (signed(b, 18) if sign_b else b)
            assert int(output, 2) == product_ % (1 << 36), (sign_a, sign_b, a, b)


@pytest.mark.parametrize(
    ("name", "value"), [("REG_OUTPUT_CLK", '"CLK0"'), ("MULT_BYPASS", '"ENABLED"')]
)
def test_a_multiplier_that_is_not_modelled_is_refused(tmp_path, name, value):
    cell = Cell(kind="MULT18X18D", parameters={name: value}, outputs=["P0"])
    with pytest.raises(AssertionError, match="MULT18X18D: a register, or a bypass"):
        simulate("ecp5", [cell], {"a": (1, [1])}, tmp_path)


def word(mode, address):
    """Row and bits of a word of an SB_RAM40_4K: as far apart as there are words in a row."""
    words = 1 << mode
    return address & 0xFF, range(address >> 8 & words - 1, 16, words)


def pins(mode):
    """Where a word's bits are on RDATA and WDATA."""
    return range((0, 0, 1, 3)[mode], 16, 1 << mode)


@pytest.mark.parametrize("meet", [False, True], ids=["apart", "meeting"])
def test_block_ram_of_an_ice40(tmp_path, meet):
    rng = random.Random(4)
    contents = [rng.getrandbits(16) for _ in range(256)]
    inits = [
        sum(word << 16 * j for j, word in enumerate(contents[16 * k : 16 * k + 16]))
        for k in range(16)
    ]
    rows = (0, 1, 129, 255)
    read_at = [rng.choice(rows) | rng.getrandbits(3) << 8 for _ in range(CYCLES)]
    write_at = [
        rng.choice([row for row in rows if meet or row != at & 0xFF]) | rng.getrandbits(3) << 8
        for at in read_at
    ]
    wires = {"wdata": 16, "mask": 16, "re": 1, "rclke": 1, "we": 1, "wclke": 1}
    values = {
        name: [
            rng.getrandbits(width) if width > 1 else int(rng.random() < 0.8) for _ in range(CYCLES)
        ]
        for name, width in wires.items()
    }
    stimulus = {"raddr": (11, read_at), "waddr": (11, write_at)}
    stimulus |= {name: (width, values[name]) for name, width in wires.items()}
    inputs = {name.upper(): name for name in stimulus} | {"RCLK": "clk", "WCLK": "clk"}
    modes = list(product(range(4), range(4)))
    cells = [
        Cell(
            kind="SB_RAM40_4K",
            parameters={"READ_MODE": str(read), "WRITE_MODE": str(write)}
            | {f"INIT_{k:X}": f"256'h{init:x}" for k, init in enumerate(inits)},
            inputs=inputs,
            outputs=["RDATA"],
            width=16,
        )
        for read, write in modes
    ]
    found = simulate("ice40", cells, stimulus, tmp_path)
    for (read, write), outputs in zip(modes, found, strict=True):
        memory = dict(enumerate(contents))
        shown = None
        for cycle, output in enumerate(outputs):
            now = {name: each[cycle] for name, each in values.items()}
            writes = now["we"] and now["wclke"]
            into, places = word(write, write_at[cycle])
            before = dict(memory)
            if writes:
                for pin, bit in zip(pins(write), places, strict=True):
                    if write > 0 or not now["mask"] >> pin & 1:
                        memory[into] &= ~(1 << bit)
                        memory[into] |= (now["wdata"] >> pin & 1) << bit
            if now["re"] and now["rclke"]:
                row, bits = word(read, read_at[cycle])
                wrong = sum(1 << bit for bit in places) if writes and into == row else 0
                shown = sum(
                    ((before[row] ^ wrong) >> bit & 1) << pin
                    for pin, bit in zip(pins(read), bits, strict=True)
                )
            if shown is not None:
                assert int(output, 2) == shown, (read, write, cycle)


def test_large_ram(tmp_path):
    """Yosys' own: nothing is in it at first, and nothing known is read while it is written."""
    rng = random.Random(5)
    address = [rng.choice((0, 1, 8192, 16383)) for _ in range(CYCLES)]
    wires = {"data": 16, "mask": 4, "write": 1, "chip": 1}
    values = {
        name: [rng.getrandbits(width) for _ in range(CYCLES)] for name, width in wires.items()
    }
    stimulus = {"address": (14, address)}
    stimulus |= {name: (width, values[name]) for name, width in wires.items()}
    inputs = {
        "ADDRESS": "address", "DATAIN": "data", "MASKWREN": "mask", "WREN": "write",
        "CHIPSELECT": "chip", "CLOCK": "clk", "STANDBY": "1'b0", "SLEEP": "1'b0",
        "POWEROFF": "1'b1",
    }  # fmt: skip
    cell = Cell(kind="SB_SPRAM256KA", inputs=inputs, outputs=["DATAOUT"], width=16)
    (outputs,) = simulate("ice40", [cell], stimulus, tmp_path)
    memory = {row: ["x"] * 16 for row in address}
    shown = ["x"] * 16
    for cycle, output in enumerate(outputs):
        now = {name: each[cycle] for name, each in values.items()}
        row = memory[address[cycle]]
        if now["chip"] and now["write"]:
            for bit in range(16):
                if now["mask"] >> bit // 4 & 1:
                    row[bit] = str(now["data"] >> bit & 1)
            shown = ["x"] * 16
        elif now["chip"]:
            shown = list(row)
        assert output == "".join(reversed(shown)), cycle


def test_multiplier_of_an_ice40(tmp_path):
    """Yosys' own, without registers, as it infers it; bitstreams have none so far."""
    rng = random.Random(6)
    corners = (0, 1, 0x7FFF, 0x8000, 0xFFFF)
    pairs = [*product(corners, corners)]
    pairs += [(rng.getrandbits(16), rng.getrandbits(16)) for _ in range(CYCLES)]
    stimulus = {"a": (16, [a for a, _ in pairs]), "b": (16, [b for _, b in pairs])}
    signs = list(product((0, 1), (0, 1)))
    cells = [
        Cell(
            kind="SB_MAC16",
            parameters={
                "TOPOUTPUT_SELECT": "2'b11", "BOTOUTPUT_SELECT": "2'b11",
                "A_SIGNED": f"1'b{sign_a}", "B_SIGNED": f"1'b{sign_b}",
            },
            inputs={"A": "a", "B": "b"},
            outputs=["O"],
            width=32,
        )
        for sign_a, sign_b in signs
    ]  # fmt: skip
    found = simulate("ice40", cells, stimulus, tmp_path)
    for (sign_a, sign_b), outputs in zip(signs, found, strict=True):
        for (a, b), output in zip(pairs, outputs, strict=True):
            product_ = (signed(a, 16) if sign_a else a) * (signed(b, 16) if sign_b else b)
            assert int(output, 2) == product_ % (1 << 32), (sign_a, sign_b, a, b)


@pytest.mark.parametrize("start", ["SET", "RESET"])
def test_registers_begin_as_they_say(tmp_path, start):
    """Yosys' own of an ECP5, on which the state after configuration depends."""
    inputs = {"CLK": "clk", "CE": "enable", "DI": "data", "LSR": "1'b0"}
    says = {"CEMUX": '"CE"', "CLKMUX": '"CLK"', "LSRMUX": '"LSR"', "SRMODE": '"LSR_OVER_CE"'}
    cell = Cell(
        kind="TRELLIS_FF", parameters=says | {"REGSET": f'"{start}"'}, inputs=inputs, outputs=["Q"]
    )
    opposite = int(start == "RESET")
    stimulus = {"enable": (1, [0, 0, 1, 0]), "data": (1, [opposite] * 4)}
    (outputs,) = simulate("ecp5", [cell], stimulus, tmp_path)
    assert outputs == [str(1 - opposite)] * 2 + [str(opposite)] * 2
