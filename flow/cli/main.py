"""The command ``spikewright``: its commands, and what an error looks like."""

import signal
import sys
import warnings

import typer

from spikewright.flow.cli.boards import boards
from spikewright.flow.cli.break_even import break_even
from spikewright.flow.cli.calibrate import calibrate
from spikewright.flow.cli.command import Command
from spikewright.flow.cli.compare import compare
from spikewright.flow.cli.console import show_error, show_warning
from spikewright.flow.cli.control import control
from spikewright.flow.cli.convert import convert
from spikewright.flow.cli.events import events
from spikewright.flow.cli.explore import explore
from spikewright.flow.cli.generate import generate
from spikewright.flow.cli.host import load, ports, run, watch
from spikewright.flow.cli.methods import methods
from spikewright.flow.cli.plan import plan
from spikewright.flow.cli.program import program
from spikewright.flow.cli.readout import readout
from spikewright.flow.cli.speed import speed
from spikewright.flow.cli.whole import bench, demo
from spikewright.flow.cli.work import build, cosim, evaluate, export
from spikewright.golden.errors import FileError, SpikewrightError

__all__ = ["app", "main"]

app = typer.Typer(
    name="spikewright",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="""Turn a trained network into an event-driven FPGA accelerator and prove them the same.

    The way of a network, in a project folder that each command adds to:

    [bold]spikewright convert[/] network.py:make --weights w.safetensors --calibrate x.npz --out p\n
    [bold]spikewright evaluate[/] p --data test.npz    accuracy of every mode and of the original\n
    [bold]spikewright plan[/] p --board ulx3s-85f      the hardware that suits a board\n
    [bold]spikewright generate[/] p                    Verilog\n
    [bold]spikewright cosim[/] p                       the Verilog against the golden model\n
    [bold]spikewright build[/] p --board ulx3s-85f     bitstream; with --link for spikewright run\n
    [bold]spikewright program[/] ulx3s-85f --bitstream p/build/ulx3s-85f-link\n
    [bold]spikewright run[/] p --port /dev/ttyUSB1     samples on the board, and how long they take

    [bold]spikewright boards[/] lists them.

    Networks of other frameworks come in as NIR; they and spiking modules go out as NIR:

    [bold]spikewright convert[/] net.nir --preset snntorch --out p\n
    [bold]spikewright export[/] p --out net.nir        not the ternary neurons of a plain module

    What else the network could be, on which board, and at what cost:
    [bold]spikewright explore[/] p --out e

    Which conversion method gets a network onto the chip with the least loss:
    [bold]spikewright compare[/] network.py:make --weights w.pt --data x.npz --out c\n
    [bold]spikewright methods[/]                       lists them, with their equations

    Recordings of events become samples:
    [bold]spikewright events[/] a.npy --width 34 --steps 20 --out x.npz

    Or all of it on data that come along: [bold]spikewright demo --out p[/]
    """,
)
for command in (
    convert,
    evaluate,
    readout,
    plan,
    generate,
    cosim,
    build,
    program,
    boards,
    methods,
    export,
    events,
    break_even,
    explore,
    compare,
    demo,
    bench,
    control,
):
    app.command(
        rich_help_panel="The whole way" if command in (demo, bench, control) else "Step by step",
        cls=Command,
    )(command)
for on_board in (ports, run, watch, load):
    app.command(rich_help_panel="On a board", cls=Command)(on_board)
app.command(rich_help_panel="For developers", cls=Command)(calibrate)
app.command(rich_help_panel="For developers", cls=Command)(speed)


def main() -> None:
    """Run the command line; a user's mistake ends in one message and its exit code."""
    # Leaving by an exception removes what is half written and ends the tools that run.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    # Also at the very end, and where it is interrupted: parts of a design that nobody elaborates.
    warnings.filterwarnings("ignore", message=r"<.*> created but never used$")
    try:
        with warnings.catch_warnings():
            warnings.showwarning = show_warning
            app()
    except SpikewrightError as error:
        show_error(error)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.exit(0)
    except OSError as error:
        # What no stage foresaw, such as a disk that is full.
        problem = FileError(
            "files must be readable and writable",
            found=error.strerror or str(error),
            where=str(error.filename or ""),
        )
        show_error(problem)
        sys.exit(problem.exit_code)
