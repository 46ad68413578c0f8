"""What a host gets over a board's link: by its rates, and on the simulated board."""

from spikewright.boards import choose_wire, get_board, rate_at
from spikewright.flow.build_stage import link_pll, simulated_board
from spikewright.flow.cycles import activity, estimate_cycles
from spikewright.flow.host import Device
from spikewright.flow.host.check import expected_tokens
from spikewright.flow.host.measure import measure
from spikewright.flow.machine import measured
from spikewright.flow.progress import Working
from spikewright.flow.project import Project
from spikewright.flow.sequences import encode_samples, unrolled
from spikewright.flow.stages import hardware_plan, usual_steps
from spikewright.flow.tools import package_versions, tool_version
from spikewright.golden.errors import MismatchError
from spikewright.golden.spec import Mode

from .record import Linked

__all__ = ["measure_link"]

_SAMPLES = 50
# Simulated boards are slow, most of all behind slow lines.
_TIMEOUT_S = 300.0


def measure_link(project: Project, board: str, kind: str, *, working: Working) -> Linked:
    """Run samples of a project, as it was generated last, over a link of a simulated board.

    Raises
    ------
    MismatchError
        If a token is not the golden model's.
    UnsupportedError
        If the model of cycles, or the simulated board, does not know this hardware.
    ConfigurationError, LinkError, ToolError, FileError
        If there is no such link; if the line, the simulator or a file fails.
    """
    network, mode = project.network, project.main_mode()
    steps = usual_steps(network, (8,))[0] if mode is Mode.STEPWISE else None
    x = project.samples.first(_SAMPLES).x
    values, _ = unrolled(network, encode_samples(network, x))
    traces = activity(network, mode, values, steps=steps)
    cycles = estimate_cycles(network, hardware_plan(project, mode), traces).cycles
    chosen = get_board(board)
    pll = link_pll(project, chosen)
    with (
        simulated_board(project, mode, board, link=kind, working=working) as running,
        Device.open(running.port, project.root, baud=running.baud, timeout=_TIMEOUT_S) as device,
        working(f"run {board} {kind}") as advance,
    ):
        assert device.target is not None  # it was opened with a folder
        given = device.levels(x.numpy())
        found = measure(
            device,
            given,
            layout=device.target.manifest.output.layout,
            expected=expected_tokens(device.target, given, steps),
            steps=steps,
            progress=lambda done, total: advance(done / total, f"{done:,} of {total:,}"),
        )
    found.check(f"{board} {kind}")
    if found.cycles_per_sample is None or found.line_samples_per_s is None:
        raise MismatchError(
            "a simulated line must not break",
            found=f"{found.line.reconnects} reconnections",
            where=f"{board} {kind}",
        )
    hz = pll.mhz * 1e6
    return Linked(
        name=network.name,
        network=network.content_hash,
        kind=kind,
        bits_per_s=rate_at(choose_wire(chosen, kind), pll),
        clock_mhz=pll.mhz,
        samples=found.samples,
        sample_bytes=found.sample_bytes,
        line_per_s=found.line_samples_per_s,
        accelerator_per_s=hz / cycles,
        simulated_per_s=hz / found.cycles_per_sample,
        measured=measured(),
        versions=package_versions("spikewright", "amaranth")
        | {"verilator": tool_version("verilator")},
    )
