"""Boards that the host program talks to: one in the simulator, and one that somebody plugged in."""

from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from spikewright.boards import choose_wire, get_board, usual_link
from spikewright.flow.cosim.golden import golden_streams
from spikewright.flow.cosim.streams import OUTPUT
from spikewright.flow.host import Device
from spikewright.flow.plan import default_plan
from spikewright.flow.simulated import SimulatedBoard, simulate_board
from spikewright.flow.synthesize import make_top, stored_sample
from spikewright.golden.spec import Mode, Network
from spikewright.hdl.accelerator import Accelerator
from support.chains import bounded_chain, inputs_for
from support.linked import make_project
from support.loading import loadable

TIMEOUT_S = 20.0


@dataclass(frozen=True, kw_only=True)
class Bench:
    """A project, samples, and what the golden model answers to them; maybe a simulated board.

    ``flash``: what lies in that one's.
    """

    folder: Path
    network: Network
    x: np.ndarray
    labels: list[int]
    values: np.ndarray
    program: SimulatedBoard | None = None
    flash: bytes = b""

    def opened(self, running):
        """The device on a simulated line."""
        return Device.open(running.port, self.folder, baud=running.baud, timeout=TIMEOUT_S)


def simulated(folder, name, mode=Mode.COLLAPSED, *, wire=None, loads=False, **changes):
    """A small network on a board, by its usual link or another; one that ``loads`` has it in its
    flash, if it has one.
    """
    network = bounded_chain((12, 9, 4), seed=1)
    plan = loadable(network, mode, lanes=4) if loads else default_plan(network, mode, lanes=4)
    manifest = make_project(folder / "p", network, plan)
    board = get_board(name)
    x = np.asarray(inputs_for(network, 60))
    sample = stored_sample(network, mode, x[:1])
    for change, value in changes.items():
        getattr(sample, change)[2][0] += value
    top = make_top(
        board=board,
        pll=board.default_pll,
        constraint_mhz=board.goal_mhz,
        accelerator=Accelerator(network=network, plan=plan),
        sample=sample,
        link=replace(usual_link(board), counters=True),
        wire=choose_wire(board, wire),
    )
    program = simulate_board(top, folder / "board", optimise="-O1")
    flash = manifest.load.image.read_bytes() if loads else b""
    return bench_of(folder / "p", network, mode, x, program=program, flash=flash)


def bench_of(folder, network, mode, x, **board):
    """What the golden model says of a project and samples."""
    streams = golden_streams(network, mode, {network.inputs[0].name: x}, None)
    output = streams[OUTPUT]
    ends = output.starts[1:] - 1
    kinds = network.readout.population
    n = network.population(kinds).n
    values = np.stack([output.payload[end - n : end] for end in ends])
    return Bench(
        folder=folder,
        network=network,
        x=x,
        labels=output.address[ends].tolist(),
        values=values,
        **board,
    )


@pytest.fixture(scope="session")
def bench(tmp_path_factory):
    """The small network on a simulated iCEBreaker, which loads it when it is switched on."""
    return simulated(tmp_path_factory.mktemp("bench"), "icebreaker", loads=True)


@pytest.fixture(params=["sim", pytest.param("board", marks=pytest.mark.board)])
def plugged(request):
    """What to open and what must come: (bench, function that opens it)."""
    with ExitStack() as stack:
        if request.param == "sim":
            found = request.getfixturevalue("bench")
            running = stack.enter_context(found.program.running(flash=found.flash))
            port, baud = running.port, running.baud
        else:
            from spikewright.flow.project import Project

            option = request.config.getoption
            port, baud = option("--board"), option("--baud")
            project = Project(Path(option("--project")))
            mode = project.main_mode()
            with Device.open(port, project.root, baud=baud) as device:
                (x,) = device.levels(project.samples.x[:60].numpy()).levels.values()
            found = bench_of(project.root, project.network, mode, x)

        def opened():
            return Device.open(port, found.folder, baud=baud, timeout=TIMEOUT_S)

        yield found, opened
