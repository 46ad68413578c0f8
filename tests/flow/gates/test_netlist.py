"""Netlists of cells in place of the Verilog: every spike equal, and planted faults are found."""

import re
from dataclasses import replace

import pytest

from spikewright.boards import BOARDS
from spikewright.flow.gates import map_gates
from spikewright.flow.generate import generate
from spikewright.flow.plan import default_plan
from spikewright.flow.synthesize.fit import memory_use
from spikewright.golden.spec import Mode
from spikewright.hdl.plan import MembraneStore, WeightStore
from support.chains import bounded_chain, inputs_for
from support.fuzz import Bench, Case

ULX3S, ICEBREAKER = BOARDS["ulx3s-85f"], BOARDS["icebreaker"]


def case(
    sizes=(40, 12, 5), mode=Mode.COLLAPSED, *, fanout=None, stalls=(None, None), weights=(), **plan
):
    """``weights``: the cores that have theirs in large RAMs."""
    network = bounded_chain(sizes, seed=3, bits=4)
    made = default_plan(network, mode, **plan)
    cores = tuple(
        replace(core, fanout=fanout, weights=WeightStore.SPRAM if k in weights else core.weights)
        for k, core in enumerate(made.cores)
    )
    return Case(
        network=network,
        plan=replace(made, cores=cores),
        inputs={network.inputs[0].name: inputs_for(network, 6)},
        steps=4 if mode is Mode.STEPWISE else None,
        keep=None,
        stalls=stalls,
    )


class Mapped:
    """The case's netlist, made once and simulated with or without a fault."""

    def __init__(self, case, board, folder):
        generate(case.network, case.plan, folder)
        self.case = case
        self.folder = folder
        self.gates = map_gates(case.network, case.plan, board, folder / "gates")
        self.text = self.gates.sources[0].read_text()
        # What hangs is found soon: a sample takes a hundred cycles.
        self.bench = Bench(case, folder, watchdog=1000)

    def differs(self, text=None):
        """Whether this netlist, or the one with a fault, does what it must not."""
        netlist = self.folder / "faulty.v"
        netlist.write_text(self.text if text is None else text)
        self.bench.build([netlist, self.gates.sources[1]])
        return self.bench.difference() is not None

    def cells(self, kind):
        """Each cell of a kind, as text."""
        return re.findall(rf"^  {kind} .*?^  \);$", self.text, re.S | re.M)

    def with_fault(self, cell, pattern, new):
        """The netlist with something else in a cell."""
        faulty, count = re.subn(pattern, new, cell)
        assert count and faulty != cell
        return self.text.replace(cell, faulty)


@pytest.fixture(scope="module")
def ecp5(tmp_path_factory):
    """Membranes in words of 36 bits and weights, with output registers; copies for fan-out."""
    block = case(lanes=2, membranes=MembraneStore.BLOCK, fanout=8)
    return Mapped(block, ULX3S, tmp_path_factory.mktemp("ecp5"))


@pytest.fixture(scope="module")
def ice40(tmp_path_factory):
    """Weights of 4 lanes of 4 bits, and of 3; membranes of 4 lanes of 9 bits, all in large RAMs."""
    large = case((20, 9, 7, 3), lanes=4, fanout=8, weights=(0, 2), stalls=("010", "0010"))
    first, *others = large.plan.cores
    first = replace(first, membranes=MembraneStore.SPRAM)
    large = replace(large, plan=replace(large.plan, cores=(first, *others)))
    return Mapped(large, ICEBREAKER, tmp_path_factory.mktemp("ice40"))


def words(mapped):
    """Block RAMs that are read in words of 36 bits."""
    return [each for each in mapped.cells("DP16KD") if "_B(32'd36)" in each]


def flipped(table):
    """A lookup table with another bit of its INIT."""
    return re.sub(r"16'h[0-9a-f]+", lambda init: f"16'h{int(init[0][4:], 16) ^ 1:x}", table)


def test_cells_of_an_ecp5(ecp5):
    assert not ecp5.differs()
    assert {"LUT4", "TRELLIS_FF", "CCU2C", "DP16KD"} <= set(ecp5.gates.cells)
    assert ecp5.gates.own == ("DP16KD",)
    (membranes,) = words(ecp5)
    assert membranes.count('("OUTREG")') == 2 and "_A(32'd36)" in membranes
    assert "$copy" in ecp5.text


def test_a_queue_in_block_ram(tmp_path):
    """Its words, of which spikes fill many, are read into the RAM's own register, as a weight."""
    queue = Mapped(case((300, 4), lanes=1, queue_depth=200), ULX3S, tmp_path)
    assert not queue.differs()
    assert [ram.count('("OUTREG")') for ram in queue.cells("DP16KD")] == [1, 1]


def test_cells_of_an_ice40(ice40):
    """Nothing is known of its large RAMs at first, nor behind a write."""
    assert not ice40.differs()
    uses = memory_use(ice40.case.network, ice40.case.plan, ICEBREAKER)
    large = [use for use in uses if use.large]
    assert [use.memory.kind for use in large] == ["weights", "membranes", "weights"]
    assert ice40.gates.cells["SB_SPRAM256KA"] == sum(use.large for use in large)
    assert "$copy" in ice40.text
    assert not [kind for kind in ice40.gates.cells if kind.startswith("$")]


@pytest.mark.parametrize("pin", ["OCEA", "OCEB"])
def test_an_enable_that_is_lost_is_found(ecp5, pin):
    (membranes,) = words(ecp5)
    assert ecp5.differs(ecp5.with_fault(membranes, rf"\.{pin}\(.*?\),\n", f".{pin}(1'h1),\n"))


def test_a_register_that_is_left_out_is_found(ecp5):
    (membranes,) = words(ecp5)
    assert ecp5.differs(ecp5.with_fault(membranes, "OUTREG", "NOREG"))


def test_weights_that_are_swapped_are_found(ecp5):
    found = []
    for ram in ecp5.cells("DP16KD"):
        first, second = (re.search(rf"INITVAL_0{k}\((.*?)\)", ram)[1] for k in (0, 1))
        if first != second:
            swapped = ecp5.with_fault(ram, rf"INITVAL_00\({first}\)", f"INITVAL_00({second})")
            found.append(ecp5.differs(swapped))
    assert found and all(found)


@pytest.mark.parametrize("device", ["ecp5", "ice40"])
def test_a_lookup_table_with_another_bit_is_found(request, device):
    """Some inputs of a table may never come, so not every bit of every one shows."""
    mapped = request.getfixturevalue(device)
    tables = mapped.cells("LUT4" if device == "ecp5" else "SB_LUT4")
    chosen = tables[:: len(tables) // 8]
    assert any(mapped.differs(mapped.text.replace(each, flipped(each))) for each in chosen)
