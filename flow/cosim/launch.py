"""Starts the simulation's process, follows it, and turns its end into data or an error."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from spikewright.flow.files import read_json
from spikewright.flow.tools import INSTALL, simulator_environment
from spikewright.golden.errors import FileError, ToolError

from .compare import Difference
from .setup import Setup, Vectors, save_vectors

__all__ = ["Progress", "launch"]

Progress = Callable[[int, int], None]
"""Called with (samples done, samples in all)."""

_POLL_SECONDS = 0.05
_TAIL_LINES = 15
_TAIL_CHARACTERS = 1500


def launch(setup: Setup, vectors: Vectors, progress: Progress | None = None) -> dict[str, Any]:
    """Run one co-simulation and return the contents of its ``result.json``.

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
        for name in ("result.json", "outcome.json", "progress.json", "results.xml"):
            (folder / name).unlink(missing_ok=True)
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
            _follow(process, folder, vectors.samples, progress)
        finally:
            _stop(process)
    return _outcome(setup, folder)


def _follow(
    process: "subprocess.Popen[bytes]", folder: Path, samples: int, progress: Progress | None
) -> None:
    seen = -1
    while True:
        running = process.poll() is None
        path = folder / "progress.json"
        if progress is not None and path.is_file():
            done = int(read_json(path)["samples"])
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


def _outcome(setup: Setup, folder: Path) -> dict[str, Any]:
    outcome = read_json(folder / "outcome.json") if (folder / "outcome.json").is_file() else {}
    result = read_json(folder / "result.json") if (folder / "result.json").is_file() else None
    if result is not None and result["difference"] is not None:
        raise Difference(**result["difference"]).error()
    stage = outcome.get("stage", "start")
    if stage == "done" and outcome["tests"] == 1 and outcome["failed"] == 0 and result is not None:
        return result | {"build_seconds": outcome["build_seconds"]}
    log = folder / {"build": "build.log", "start": "runner.log"}.get(stage, "simulation.log")
    if not log.is_file() or not log.stat().st_size:
        log = folder / "runner.log"
    raise ToolError(
        f"{setup.simulator} must {'build' if stage == 'build' else 'run'} the simulation",
        found=f"a failure, whose log ends with:\n{_tail(log)}\n",
        where=str(log),
        action=INSTALL.get(setup.simulator, INSTALL["iverilog"]) if stage == "start" else "",
    )


def _tail(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(lines[-_TAIL_LINES:])[-_TAIL_CHARACTERS:]
