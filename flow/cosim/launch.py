"""Starts the simulation's process, follows it, and turns its end into data or an error."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from spikewright.flow.files import read_json
from spikewright.flow.tools import INSTALL, simulator_environment
from spikewright.golden.errors import FileError, ToolError

from .compare import Difference
from .setup import Setup, Vectors, save_vectors
from .shares import Share, merge, shares

__all__ = ["Progress", "launch"]

Progress = Callable[[int, int], None]
"""Called with (samples done, samples in all)."""

_POLL_SECONDS = 0.05
_TAIL_LINES = 15
_TAIL_CHARACTERS = 1500


def launch(setup: Setup, vectors: Vectors, progress: Progress | None = None) -> dict[str, Any]:
    """Run one co-simulation and return what its shares found, put together.

    Raises
    ------
    MismatchError
        At the first difference.
    ToolError
        If the simulator is missing, or its build or run failed.
    FileError
        If the folder cannot be written.
    """
    environment = simulator_environment(setup.simulator, optimise=setup.optimise)
    folder = Path(setup.folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        parts = shares(setup.cuts, setup.samples)
        for place in (folder, *(share.folder(folder) for share in parts)):
            place.mkdir(exist_ok=True)
            for name in ("result.json", "outcome.json", "progress.json", "results.xml"):
                (place / name).unlink(missing_ok=True)
        save_vectors(folder / "vectors.npz", vectors)
        log = (folder / "runner.log").open("wb")
    except OSError as error:
        raise FileError(
            "the simulation's folder must be writable",
            found=error.strerror or str(error),
            where=str(folder),
            action="choose another output folder",
        ) from error
    with log:
        command = [sys.executable, "-m", "spikewright.flow.cosim.simulate", str(setup.save())]
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _follow(process, [share.folder(folder) for share in parts], setup.samples, progress)
        finally:
            _stop(process)
    return _outcome(setup, folder, parts)


def _follow(
    process: "subprocess.Popen[bytes]",
    folders: Sequence[Path],
    samples: int,
    progress: Progress | None,
) -> None:
    seen = 0
    while True:
        running = process.poll() is None
        if progress is not None:
            paths = [folder / "progress.json" for folder in folders]
            done = sum(int(read_json(path)["samples"]) for path in paths if path.is_file())
            if done != seen:
                progress(done, samples)
                seen = done
        if not running:
            return
        time.sleep(_POLL_SECONDS)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End the whole group: an interrupted parent must not leave a simulator behind."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def _outcome(setup: Setup, folder: Path, parts: Sequence[Share]) -> dict[str, Any]:
    outcome = _read(folder / "outcome.json")
    stage = outcome.get("stage", "start")
    if stage in ("start", "build"):
        log = folder / ("build.log" if stage == "build" else "runner.log")
        raise _failure(setup, folder, stage, log, "a failure")
    results = []
    for share in parts:  # in the order of the samples
        place = share.folder(folder)
        result, end = _read(place / "result.json"), _read(place / "outcome.json")
        if result.get("difference") is not None:
            raise Difference(**result["difference"]).error()
        if not result or end != {"tests": 1, "failed": 0}:
            found = "a failure" if share.count == 1 else f"a failure of {share.title()}"
            raise _failure(setup, folder, stage, place / "simulation.log", found)
        results.append(result)
    return merge(results) | {"build_seconds": outcome["build_seconds"], "difference": None}


def _read(path: Path) -> dict[str, Any]:
    """A JSON file; empty where there is none."""
    return dict(read_json(path)) if path.is_file() else {}


def _failure(setup: Setup, folder: Path, stage: str, log: Path, found: str) -> ToolError:
    if not log.is_file() or not log.stat().st_size:
        log = folder / "runner.log"
    return ToolError(
        f"{setup.simulator} must {'build' if stage == 'build' else 'run'} the simulation",
        found=f"{found}, whose log ends with:\n{_tail(log)}\n",
        where=str(log),
        action=INSTALL.get(setup.simulator, INSTALL["iverilog"]) if stage == "start" else "",
    )


def _tail(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(lines[-_TAIL_LINES:])[-_TAIL_CHARACTERS:]
