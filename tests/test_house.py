"""The house itself: what is exported, how it is packaged, and that its checks can fail."""

import importlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("golden", "hdl", "boards", "flow")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = sorted(
    "spikewright." + path.parent.relative_to(ROOT).as_posix().replace("/", ".")
    for folder in FOLDERS
    for path in (ROOT / folder).rglob("__init__.py")
)
MODULES = sorted(
    "spikewright." + path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
    for folder in FOLDERS
    for path in (ROOT / folder).rglob("*.py")
    if path.name != "__init__.py"
)


def run(*command: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_every_package_is_listed():
    assert sorted(PYPROJECT["tool"]["setuptools"]["packages"]) == PACKAGES


@pytest.mark.parametrize("name", PACKAGES + MODULES)
def test_exports_exist(name):
    module = importlib.import_module(name)
    if name in MODULES or module.__doc__:
        assert module.__doc__, f"{name} does not say what it is for"
    exports = getattr(module, "__all__", None)
    if name in MODULES:
        assert exports is not None, f"{name} has no __all__"
    for export in exports or ():
        assert hasattr(module, export), f"{name} does not define {export}"
    assert len(set(exports or ())) == len(exports or ())


def test_every_dependency_has_its_reason_and_its_pin():
    text = (ROOT / "pyproject.toml").read_text()
    constraints = (ROOT / "constraints.txt").read_text()
    pinned = {normal(line.split("==")[0]) for line in constraints.splitlines() if "==" in line}
    project = PYPROJECT["project"]
    extras = [need for each in project["optional-dependencies"].values() for need in each]
    for need in [*project["dependencies"], *extras]:
        assert re.search(re.escape(f'"{need}",') + r" +# \w", text), f"{need} has no reason"
        assert normal(re.split(r"[<>=,]", need)[0]) in pinned, f"{need} is not pinned"
    assert "torch==2.13.0" in constraints.splitlines()


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    # A copy, because setuptools leaves its build folder beside the sources.
    source = tmp_path_factory.mktemp("source")
    for name in (*FOLDERS, "pyproject.toml", "README.md", "LICENSE"):
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, source / name)
    out = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    built = run(*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(out), ".", cwd=source)
    assert built.returncode == 0, built.stderr
    (path,) = out.glob("*.whl")
    target = tmp_path_factory.mktemp("target")
    installed = run(
        *pip, "install", "--no-deps", "--no-index", "--target", str(target), str(path), cwd=out
    )
    assert installed.returncode == 0, installed.stderr
    return target


def test_wheel_imports_from_a_clean_target(wheel):
    # -I and -S: no editable install, no user site; only the wheel and what it depends on.
    site = sysconfig.get_paths()["purelib"]
    code = (
        "import sys, importlib\n"
        f"sys.path[:0] = [{str(wheel)!r}, {site!r}]\n"
        f"for name in {PACKAGES + MODULES!r}:\n"
        "    module = importlib.import_module(name)\n"
        f"    assert module.__file__.startswith({str(wheel)!r}), module.__file__\n"
    )
    result = run(sys.executable, "-I", "-S", "-c", code, cwd=wheel)
    assert result.returncode == 0, result.stderr


def test_wheel_holds_every_file_that_is_not_python(wheel):
    wanted = {
        path.relative_to(ROOT)
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"}
    }
    assert {Path("golden/py.typed"), Path("flow/py.typed")} <= wanted
    missing = [str(path) for path in sorted(wanted) if not (wheel / "spikewright" / path).is_file()]
    assert not missing
    assert (wheel / "bin" / "spikewright").is_file()


PLANTS = {
    "hardware reads the golden model": (
        "hdl/planted.py",
        "from spikewright.golden.model import Model\n",
        "hardware never reads the golden model",
    ),
    "upward": ("golden/planted.py", "import spikewright.flow.files\n", "flow -> boards"),
    "spec reads the model": (
        "golden/spec/planted.py",
        "import spikewright.golden.model\n",
        "model -> spec -> errors",
    ),
    "torch": ("boards/planted.py", "import torch\n", "torch only in golden.model and flow"),
    "host": ("flow/host/planted.py", "import torch\n", "the PC's side of a board"),
    "cocotb": ("flow/generate/planted.py", "import cocotb\n", "cocotb only where"),
    "tests": ("hdl/planted.py", "import support.streams\n", "nothing that ships imports"),
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    root = tmp_path_factory.mktemp("layers")
    for folder in FOLDERS:
        shutil.copytree(
            ROOT / folder,
            root / "spikewright" / folder,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sysconfig.get_paths()["scripts"]) / "lint-imports"
    return run(str(program), "--no-cache", cwd=root, PYTHONPATH=str(root), COLUMNS="200")


def test_layers_hold(copy):
    result = lint_imports(copy)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("plant", PLANTS)
def test_layers_catch_a_planted_violation(copy, plant):
    place, text, contract = PLANTS[plant]
    path = copy / "spikewright" / place
    path.write_text(text)
    try:
        result = lint_imports(copy)
    finally:
        path.unlink()
    assert result.returncode != 0
    broken = [line for line in result.stdout.splitlines() if line.endswith("BROKEN")]
    assert any(line.startswith(contract) for line in broken), result.stdout


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("from __future__ import annotations\n", "TID251"),
        ("print(1)\n", "T201"),
        ("import pickle\n\npickle.loads(b'')\n", "S301"),
        ("try:\n    pass\nexcept Exception:\n    pass\n", "BLE001"),
    ],
)
def test_style_catches_what_is_banned(tmp_path, text, rule):
    path = tmp_path / "planted.py"
    path.write_text(text)
    program = Path(sysconfig.get_paths()["scripts"]) / "ruff"
    result = run(
        str(program),
        "check",
        "--no-cache",
        "--config",
        str(ROOT / "pyproject.toml"),
        str(path),
        cwd=tmp_path,
    )
    assert result.returncode == 1
    assert rule in result.stdout
