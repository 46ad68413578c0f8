"""Builds a simulation and runs its shares side by side: ``python -m ... SETUP_JSON``.

A process of its own because the runner changes the environment and takes a running pytest for its
caller.
"""

import argparse
import hashlib
import logging
import multiprocessing
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from cocotb_tools.check_results import get_results
from cocotb_tools.runner import Runner, get_runner

from spikewright.flow.files import file_hash, read_json, write_json
from spikewright.flow.tools import tool_version

from .bench import SETUP_VARIABLE, SHARE_VARIABLE
from .manifest import Manifest, read_manifest
from .setup import Setup
from .shares import Share, shares
from .testbench import render

__all__ = ["VERILATOR_OPTIONS", "main", "run"]

VERILATOR_OPTIONS = (
    "-O3", "--x-assign", "fast", "--x-initial", "fast", "--noassert",
    "--no-public-flat-rw", "-Wno-fatal", "-Wno-lint", "-Wno-style",
)  # fmt: skip
# A netlist's memories and registers without initial contents begin with anything, at random.
_VERILATOR_CELLS = ("--x-assign", "unique", "--x-initial", "unique")
# Icarus 11 leaves Amaranth's combinational logic at X with the runner's own -g2012; the last wins.
_ICARUS_ARGS = ("-g2005",)
# Models of cells are SystemVerilog, and a netlist has none of that logic.
_ICARUS_CELLS = ("-g2012",)
_BENCH = "spikewright.flow.cosim.bench"
_TIMESCALE = ("1ns", "1ps")


def run(setup_path: Path) -> None:
    """Build, run and leave ``outcome.json``: the stage reached, and seconds.

    Each share leaves an ``outcome.json`` of its own, with its failed tests, where it ended by
    itself. Shares behind one that failed are ended: what comes first is told.
    """
    setup = Setup.load(setup_path)
    manifest = read_manifest(Path(setup.generated))
    folder = Path(setup.folder)
    outcome: dict[str, object] = {"stage": "build"}
    write_json(folder / "outcome.json", outcome)
    began = time.perf_counter()
    runner = get_runner(setup.simulator)
    build = folder / "build"
    is_verilator = setup.simulator == "verilator"
    args = _arguments(setup)
    testbench = render(manifest, public=is_verilator)
    stamp = _stamp(setup, manifest, testbench, args)
    fresh = not _is_current(build, stamp)
    bench = folder / "testbench.v"
    if fresh or not bench.exists():
        bench.write_text(testbench, encoding="utf-8")
    runner.build(
        sources=[*_sources(setup, manifest), bench],
        hdl_toplevel="testbench",
        build_args=args,
        build_dir=build,
        clean=fresh,
        timescale=_TIMESCALE,
        log_file=folder / "build.log",
    )
    write_json(build / "stamp.json", {"stamp": stamp})
    outcome |= {"stage": "run", "build_seconds": time.perf_counter() - began}
    write_json(folder / "outcome.json", outcome)
    # A fork knows the build already; nothing here has threads.
    context = multiprocessing.get_context("fork")
    processes = [
        context.Process(target=_run_share, args=(runner, setup_path, share, share.folder(folder)))
        for share in shares(setup.cuts, setup.samples)
    ]
    if manifest.load is not None:
        for share in shares(setup.cuts, setup.samples):
            share.folder(folder).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(manifest.load.image, share.folder(folder) / "weights.bin")
    for process in processes:
        process.start()
    _await(processes)
    write_json(folder / "outcome.json", outcome | {"stage": "done"})


def _run_share(runner: Runner, setup_path: Path, share: Share, folder: Path) -> None:
    """Run the cocotb test of a share; exit code 1 where it failed."""
    # By an exception, so that the simulator is ended too.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    setup = Setup.load(setup_path)
    results = runner.test(
        test_module=_BENCH,
        hdl_toplevel="testbench",
        build_dir=setup_path.parent / "build",
        test_dir=folder,
        results_xml=str(folder / "results.xml"),
        log_file=folder / "simulation.log",
        plusargs=_plusargs(setup, share),
        extra_env={SETUP_VARIABLE: str(setup_path), SHARE_VARIABLE: str(share.index)},
    )
    tests, failed = get_results(results)
    write_json(folder / "outcome.json", {"tests": tests, "failed": failed})
    sys.exit(failed > 0)


def _sources(setup: Setup, manifest: Manifest) -> list[Path]:
    """The accelerator's Verilog files: those of a netlist, or the one that was generated."""
    return [Path(name) for name in setup.cells] or [manifest.verilog]


def _arguments(setup: Setup) -> list[str]:
    """Of the simulator's build."""
    if setup.simulator == "verilator":
        return ["--timing", *VERILATOR_OPTIONS, *(_VERILATOR_CELLS if setup.cells else ())]
    return list(_ICARUS_CELLS if setup.cells else _ICARUS_ARGS)


def _plusargs(setup: Setup, share: Share) -> list[str]:
    """Of the simulation: other contents at random in each share."""
    if setup.simulator != "verilator" or not setup.cells:
        return []
    return ["+verilator+rand+reset+2", f"+verilator+seed+{share.index + 1}"]


def _await(processes: Sequence[BaseProcess]) -> None:
    """Wait for all; end those behind one that failed."""
    running = list(processes)
    while running:
        wait([process.sentinel for process in running])
        for index, process in enumerate(processes):
            if process.exitcode:
                for later in processes[index + 1 :]:
                    later.terminate()
        for process in running:
            process.join(timeout=0)
        running = [process for process in running if process.exitcode is None]


def main(argv: list[str] | None = None) -> int:
    """Entry point; exit code 1 where a tool failed."""
    parser = argparse.ArgumentParser(description="Build and run one co-simulation.")
    parser.add_argument("setup", type=Path, help="setup.json")
    logging.basicConfig(level=logging.INFO)
    try:
        run(parser.parse_args(argv).setup)
    except (RuntimeError, OSError, ValueError) as error:
        logging.error("%s: %s", type(error).__name__, error)
        return 1
    return 0


def _stamp(setup: Setup, manifest: Manifest, testbench: str, args: list[str]) -> str:
    """Hash of all that a build depends on: a stale one must never be tested."""
    parts = (
        *(file_hash(source) for source in _sources(setup, manifest)),
        testbench,
        *args,
        setup.optimise,
        setup.simulator,
        tool_version(setup.simulator),
        version("cocotb"),
        sys.executable,
    )
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _is_current(build: Path, stamp: str) -> bool:
    path = build / "stamp.json"
    return path.is_file() and read_json(path).get("stamp") == stamp


if __name__ == "__main__":
    sys.exit(main())
