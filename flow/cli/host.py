"""The commands that talk to a board: ``ports``, ``run``, ``watch`` and ``load``."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spikewright.flow.cli.console import OUT, say, show_pairs, working
from spikewright.flow.cli.options import Data, ProjectFolder, check_steps
from spikewright.golden.errors import ConfigurationError, UnsupportedError
from spikewright.golden.link import DEFAULT_BAUD, DEFAULT_TIMEOUT_S

if TYPE_CHECKING:
    from spikewright.flow.host import Device
    from spikewright.flow.host.measure import Measured
    from spikewright.flow.host.samples import Samples

__all__ = ["load", "ports", "run", "watch"]

PortName = Annotated[
    str,
    typer.Option(
        "--port",
        help="Of the board: /dev/ttyUSB1, or socket://host:port; spikewright ports lists them. "
        "spi:URL is SPI by an FTDI bridge, which spikewright boards BOARD names. "
        "sim:BOARD is that board in the simulator, pin by pin; sim the one that was built for; "
        "sim:BOARD:spi by that link.",
    ),
]
Baud = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Bits a second, as the bitstream was built for; of SPI, no more.",
        show_default=f"that of the project's build, or {DEFAULT_BAUD:,}",
    ),
]
Timeout = Annotated[
    float, typer.Option(min=0.01, help="Seconds in which a board that lives must have gone on.")
]
Count = Annotated[int | None, typer.Option(min=1, help="How many.", show_default="all")]
Steps = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="T of a stepwise run.",
        show_default="that of the last co-simulation, or the most there can be",
    ),
]
_MICRO = 1e6
_SHOWN = 16


_SIMULATED = "sim"
_OTHERWISE = "use a bitstream that was built with --mode stepwise"
_SLOWER = 20.0  # a simulation is so much slower than a board, and more


@contextmanager
def _line(
    folder: Path,
    port: str,
    baud: int | None,
    timeout: float,
    *,
    steps: int | None = None,
    boots: bool = True,
    counts: bool = False,
) -> "Iterator[_Line]":
    """Where the board is, or a simulated one that runs as long as this.

    ``steps``: that are asked for. ``boots``: whether that one has its network, where it is loaded.
    ``counts``: whether its link must have counters.
    """
    from spikewright.flow.host.target import read_network

    network = read_network(folder)  # a board need not be there to see that the project is not
    kind, _, board = port.partition(":")
    if kind != _SIMULATED:
        yield _Line(port=port, baud=baud or _built_baud(folder), timeout=timeout)
        return
    if baud is not None:
        raise ConfigurationError(
            "--baud must be left out: a simulated board's line has the rate of its design",
            found=f"{baud:,}",
            where=f"--port {port}",
        )
    from spikewright.flow.build_stage import USUAL, simulated_board
    from spikewright.flow.host import Device
    from spikewright.flow.project import Project

    project = Project(folder)
    board, _, link = board.partition(":")
    boards = [project.summary.get(name, {}).get("board") for name in ("link", "build")]
    board = board or next((name for name in boards if name), "")
    if not board:
        raise ConfigurationError(
            "the board that is simulated must be named where none was built for",
            found="none",
            where="--port",
            action="give it as sim:BOARD; spikewright boards lists them",
        )
    if counts:
        _check_counts(board, port)
    if not link:
        built = project.summary.get("link", {})
        known = built.get("link", {}) if built.get("board") == board else {}
        link = known.get("kind", USUAL)
    mode = project.main_mode()
    check_steps(network, steps, (mode,), otherwise=_OTHERWISE)
    with simulated_board(project, mode, board, link=link, working=working, boots=boots) as running:
        line = _Line(port=running.port, baud=running.baud, timeout=_SLOWER * timeout)
        if boots and running.waits:
            with Device.open(line.port, baud=line.baud, timeout=line.timeout) as device:
                device.load(folder)
        yield line


def _check_counts(board: str, port: str) -> None:
    """Refuse a board whose link has no counters, before it is simulated."""
    from spikewright.boards import get_board, usual_link
    from spikewright.flow.host.device import COUNTERS_ELSEWHERE

    if not usual_link(get_board(board)).counters:
        raise UnsupportedError(
            "the board's link must have counters",
            found=f"no room for them on {board}",
            where=f"--port {port}",
            action=COUNTERS_ELSEWHERE,
        )


def _built_baud(folder: Path) -> int:
    """The rate of the project's last build behind a link, or the usual one."""
    from spikewright.flow.files import read_json

    summary = folder / "summary.json"
    built = read_json(summary).get("link", {}) if summary.is_file() else {}
    baud = built.get("link", {}).get("baud")
    return baud if isinstance(baud, int) else DEFAULT_BAUD


@dataclass(frozen=True, kw_only=True)
class _Line:
    port: str
    baud: int
    timeout: float


def ports() -> None:
    """List the serial ports of this machine.

    A board's link is often the second of two that it brings.
    """
    from spikewright.flow.host.transport import ports as found

    rows = found()
    if rows:
        show_pairs("Ports", rows)
    else:
        say("There are no serial ports.")


def run(
    folder: ProjectFolder,
    port: PortName,
    data: Data = None,
    samples: Count = None,
    check: Annotated[
        bool, typer.Option("--check", help="Compare every token with the golden model.")
    ] = False,
    steps: Steps = None,
    baud: Baud = None,
    timeout: Timeout = DEFAULT_TIMEOUT_S,
    out: Annotated[
        Path | None, typer.Option(help="JSON for labels and figures.", show_default="none")
    ] = None,
) -> None:
    """Classify samples on a board, and measure it.

    Some samples go alone, for latency; then all of them as fast as the line
    takes them. Whatever the line damages is sent again; how often is told. The
    board must have the project's network and bitstream.

    [bold]Examples[/]

      spikewright run p --port /dev/ttyUSB1 --data test.npz --check

      spikewright run p --port /dev/ttyUSB1 --baud 115200 --samples 100 --out r.json

      spikewright run p --port spi:ftdi://ftdi:2232h/1 --check

      spikewright run p --port sim:icebreaker --samples 100 --check
    """
    from spikewright.flow.files import check_file, write_json
    from spikewright.flow.host import Device
    from spikewright.flow.host.check import expected_tokens
    from spikewright.flow.host.measure import measure

    if out is not None:
        check_file(out)
    given, labels = _samples(folder, data, samples)
    with (
        _line(folder, port, baud, timeout, steps=steps) as line,
        Device.open(line.port, folder, baud=line.baud, timeout=line.timeout) as device,
    ):
        assert device.target is not None  # it was opened with a folder
        chosen = _steps(device, steps)
        expected = None
        if check:
            with working("golden model"):
                expected = expected_tokens(device.target, given, chosen)
        with working("run") as advance:
            found = measure(
                device,
                given,
                layout=device.target.manifest.output.layout,
                labels=labels,
                expected=expected,
                steps=chosen,
                progress=lambda done, total: advance(done / total, f"{done:,} of {total:,}"),
            )
        identity = device.identity
    about = {
        "board": identity.board,
        "network": device.target.network.name,
        "mode": str(device.target.manifest.mode),
        "steps": chosen,
    }
    show_pairs("Run", [*_about(about), *_rows(found, labels)])
    if out is not None:
        hashes = {"network_hash": identity.network_hash, "plan_hash": identity.plan_hash}
        write_json(out, about | hashes | found.as_dict())
    found.check(port)


def watch(
    folder: ProjectFolder,
    port: PortName,
    data: Data = None,
    samples: Annotated[int, typer.Option(min=1, help="Between two looks.")] = 64,
    steps: Steps = None,
    once: Annotated[bool, typer.Option("--once", help="Look once, for scripts.")] = False,
    baud: Baud = None,
    timeout: Timeout = DEFAULT_TIMEOUT_S,
) -> None:
    """Show what a board's cores do, live, while it works through samples again and again.

    From the counters in the hardware, which are read between samples. Spikes and
    rows are those of a sample; busy is of all cycles, which pass while the line
    is waited for, too; efficiency is the share of a core's busy cycles in which
    it adds as many rows as it can. Ctrl-C ends it. Small boards have no counters:
    spikewright boards BOARD says which.

    [bold]Examples[/]

      spikewright watch p --port /dev/ttyUSB1

      spikewright watch p --port /dev/ttyUSB1 --samples 10 --once
    """
    from rich.live import Live

    from spikewright.flow.cli.watched import looks
    from spikewright.flow.host import Device

    given, _ = _samples(folder, data, None)
    with (
        _line(folder, port, baud, timeout, steps=steps, counts=True) as line,
        Device.open(line.port, folder, baud=line.baud, timeout=line.timeout) as device,
    ):
        tables = looks(device, given, samples, _steps(device, steps))
        if once:
            OUT.print(next(tables))
            return
        with Live(next(tables), console=OUT, auto_refresh=False) as live:
            for table in tables:
                live.update(table, refresh=True)


def load(
    folder: ProjectFolder,
    port: PortName,
    base: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="DIR",
            help="The project whose network the board has: only what differs is sent.",
            show_default="all is sent",
        ),
    ] = None,
    baud: Baud = None,
    timeout: Timeout = DEFAULT_TIMEOUT_S,
) -> None:
    """Put a project's network into the memories of the bitstream that a board has.

    The bitstream must be of the same design: that of a project that was generated
    with --loadable (or --weights spram), and this one generated with --like it.
    Nothing of a network is used before it is there whole; one that is for another
    design, or damaged, is refused. A loss of power forgets it; a simulated board
    (--port sim:BOARD) ends with the command.

    [bold]Examples[/]

      spikewright generate q --like p

      spikewright load q --port /dev/ttyUSB1

      spikewright load r --from q --port /dev/ttyUSB1   # other thresholds, say
    """
    from spikewright.flow.host import Device
    from spikewright.flow.host.target import check_loadable

    for each in (folder, base):
        if each is not None:
            check_loadable(each)
    with (
        _line(base or folder, port, baud, timeout, boots=base is not None) as line,
        Device.open(line.port, baud=line.baud, timeout=line.timeout) as device,
    ):
        with working("load"):
            sent = device.load(folder, base=base)
        assert device.target is not None  # it has what was loaded
        simulated = ", until this command ends" if port.partition(":")[0] == _SIMULATED else ""
        part = f" of {sent.whole:,}" if base is not None else ""
        say(
            f"The board has the network of {folder}, {device.identity.network_hash[:_SHOWN]}"
            f"{simulated}: {sent.bytes:,}{part} bytes in {sent.seconds:.3g} s."
        )


def _samples(folder: Path, data: Path | None, count: int | None) -> "tuple[Samples, Any]":
    """Levels and labels of a file, or of those that the project keeps."""
    from spikewright.flow.host.samples import prepare
    from spikewright.flow.host.target import read_network
    from spikewright.flow.sample_file import check_labels, read_samples
    from spikewright.golden.spec import Decision

    network = read_network(folder)
    path = folder / "samples.npz" if data is None else data
    x, y = read_samples(path, str(path))
    if y is not None and network.readout.decision is Decision.ARGMAX:
        check_labels(y, network.population(network.readout.population).channels, str(path))
    return prepare(network, x[:count]), None if y is None else y[:count]


def _steps(device: "Device", asked: int | None) -> int | None:
    """T: as asked, else as the last co-simulation of that mode had it."""
    from spikewright.flow.files import read_json

    assert device.target is not None
    mode = device.target.manifest.mode
    check_steps(
        device.target.network,
        asked,
        (mode,),
        otherwise=_OTHERWISE,
    )
    summary = device.target.root / "summary.json"
    if asked is not None or not summary.is_file():
        return asked
    steps = read_json(summary).get("cosim_modes", {}).get(str(mode), {}).get("steps")
    return steps if isinstance(steps, int) else None


def _about(about: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (name.replace("_", " "), str(value)[:_SHOWN] if "hash" in name else str(value))
        for name, value in about.items()
        if value
    ]


def _rows(found: "Measured", labels: Any) -> list[tuple[str, str]]:
    """The figures, in the order a reader wants them."""
    rows = [("samples", f"{found.samples:,}")]
    if found.correct is not None:
        rows.append(("accuracy", f"{100 * found.correct / labels.size:.2f} %"))
    if found.differences is not None:
        rows.append(("equal to golden", f"{found.samples - found.differences:,}"))
    half, most = (_MICRO * each for each in found.host_latency_s)
    rows.append(("latency at the host", f"{half:,.0f} us, 99 % {most:,.0f} us"))
    if found.device_latency_cycles is not None:
        half, most = found.device_latency_cycles
        rows.append(
            (
                "latency in the device",
                f"{half:,.0f} cycles{_time(half, found.clock_hz)}, 99 % {most:,.0f} cycles",
            )
        )
    rows.append(("samples a second", f"{found.samples_per_s:,.0f}"))
    if found.cycles_per_sample is not None:
        each = found.cycles_per_sample
        rows.append(("cycles a sample", f"{each:,.1f}{_time(each, found.clock_hz)}"))
        if found.clock_hz is not None:
            rows.append(("samples a second in the device", f"{found.clock_hz / each:,.0f}"))
    if found.line_samples_per_s is not None:
        out, back = found.sample_bytes
        rows.append(
            (
                "samples a second of the line",
                f"{found.line_samples_per_s:,.0f}: {out:,.1f} bytes each there, {back:,.1f} back",
            )
        )
    line = found.line
    rows.append(
        (
            "line",
            f"{line.bad} frames damaged, {line.again} sent again, {line.repeated} came again, "
            f"{line.reconnects} reconnections",
        )
    )
    return rows


def _time(cycles: float, clock_hz: float | None) -> str:
    return "" if clock_hz is None else f" ({_MICRO * cycles / clock_hz:,.2f} us)"
