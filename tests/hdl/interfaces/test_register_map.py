"""One table: no two registers in a place, and room said honestly."""

from dataclasses import replace

import pytest

from spikewright.flow.plan import default_plan
from spikewright.golden.errors import ConfigurationError, UnsupportedError
from spikewright.golden.spec import Mode
from spikewright.hdl import Accelerator
from spikewright.hdl.design import design_hash
from spikewright.hdl.interfaces.register_map import (
    BLOCKS,
    Access,
    Register,
    RegisterMap,
    When,
    register_map,
)
from support.chains import bounded_chain, counting_chain

NETWORK = bounded_chain((6, 7, 3), seed=5)
PLAN = default_plan(NETWORK, Mode.COLLAPSED, lanes=4)
ACCELERATOR = Accelerator(network=NETWORK, plan=PLAN)
HASH = design_hash(NETWORK, PLAN)


@pytest.mark.parametrize("address", [2, 4096, -4])
def test_an_address_that_is_none(address):
    with pytest.raises(
        ConfigurationError,
        match=r"^register X: a register's address must be a multiple of 4 below 0x1000, found -?0x"
        r"\w+$",
    ):
        Register(name="X", address=address, access=Access.READ, text="")


def test_registers_that_are_the_same():
    one = Register(name="X", address=0, access=Access.READ, text="")
    with pytest.raises(
        ConfigurationError, match=r"^registers must differ in address, found two that are the same$"
    ):
        RegisterMap(registers=(one, replace(one, name="Y")), counters=())
    with pytest.raises(
        ConfigurationError, match=r"^registers must differ in name, found two that are the same$"
    ):
        RegisterMap(registers=(one, replace(one, address=4)), counters=())


def test_the_largest_table_has_room_for_all():
    """Blocks do not reach into each other, however often there is each."""
    registers = [each for block in BLOCKS for k in range(block.most) for each in block.of(k)]
    RegisterMap(registers=tuple(registers), counters=())


class Many(Accelerator):
    """An accelerator that says that it has more than it has."""

    def __init__(self, *, inputs, cores):
        super().__init__(network=NETWORK, plan=PLAN)
        self.inputs, self.cores = self.inputs * inputs, self.cores * cores


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"inputs": 17, "cores": 1}, "16 inputs, found 17"),
        ({"inputs": 1, "cores": 48}, "95 cores, found 96"),
    ],
)
def test_what_it_has_no_room_for(more, text):
    with pytest.raises(
        UnsupportedError, match=f"^an accelerator on a bus must have at most {text}$"
    ):
        register_map(Many(**more), plan_hash=HASH, tokens=True)


def names(registers):
    return {each.name for each in registers.registers}


def test_what_an_accelerator_has():
    on_wishbone = register_map(ACCELERATOR, plan_hash=HASH, tokens=True)
    on_axi = register_map(ACCELERATOR, plan_hash=HASH, tokens=False)
    through = {"IN0_DATA", "IN0_FREE", "OUT_DATA", "OUT_LEVEL", "INTERRUPT"}
    assert names(on_wishbone) - names(on_axi) == through
    assert on_wishbone.find("NETWORK_HASH0").constant == int(NETWORK.content_hash[:8], 16)
    assert on_wishbone.find("PLAN_HASH3").constant == int(HASH[24:32], 16)
    assert on_wishbone.find("FEATURES").constant == 1 | 2 << 8 | 1 << 16
    assert on_axi.find("FEATURES").constant == 1 | 2 << 8
    assert on_axi.counters[:3] == ("CYCLES", "CORE0_ROWS", "CORE0_SYNOPS")
    assert len(on_axi.counters) == 1 + 2 * 6
    assert not on_axi.has("STEPS") and not on_axi.has("LOAD")
    for registers in (on_wishbone, on_axi):
        addresses = [each.address for each in registers.registers]
        assert addresses == sorted(addresses)


def test_frames_and_guards():
    plan = default_plan(NETWORK, Mode.STEPWISE, encoders=True)
    framed = register_map(Accelerator(network=NETWORK, plan=plan), plan_hash=HASH, tokens=False)
    assert framed.has("STEPS") and framed.find("FEATURES").constant >> 17 == 1
    network = counting_chain((4, 3), seed=1)
    plan = default_plan(network, Mode.STEPWISE, guard=8)
    guarded = register_map(Accelerator(network=network, plan=plan), plan_hash=HASH, tokens=False)
    assert guarded.counters[-2:] == ("IN0_LOSSES", "IN0_WAITS")
    assert guarded.find("IN0_LOSSES").when is When.GUARDED
