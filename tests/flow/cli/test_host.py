"""``spikewright run``, ``watch``, ``load`` and ``ports``, on a device behind a terminal."""

import json
import re
import shutil
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

from spikewright.flow.files import file_hash
from spikewright.flow.generate import generate
from spikewright.flow.host import transport
from spikewright.flow.plan import default_plan
from spikewright.golden.errors import (
    ConfigurationError,
    FileError,
    LinkError,
    MismatchError,
    UnsupportedError,
)
from spikewright.golden.spec import Mode
from spikewright.golden.spec.file import save
from spikewright.hdl.plan import MembraneStore
from support.chains import bounded_chain, inputs_for
from support.cli import spikewright
from support.linked import golden_device, make_project
from support.loading import loadable_projects
from support.pty_device import on_terminal


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("host") / "p"
    network = bounded_chain((12, 9, 4), seed=1)
    manifest = make_project(folder, network, default_plan(network, Mode.COLLAPSED))
    x = inputs_for(network, 30)
    _, expected = golden_device(folder, network, manifest, {"x": x})
    y = np.array([int(words[-1]) >> 2 for words in expected])
    y[:3] = (y[:3] + 1) % 4
    np.savez(folder / "samples.npz", x=x.astype(np.float32), y=y)

    def device(**settings):
        return golden_device(folder, network, manifest, {"x": x}, **settings)[0]

    return SimpleNamespace(folder=folder, device=device, x=x)


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    """A project whose membranes are in LUT RAM."""
    folder = tmp_path_factory.mktemp("generated")
    network = bounded_chain((12, 9, 4), seed=1)
    save(network, folder / "network.safetensors")
    plan = default_plan(network, Mode.COLLAPSED, lanes=(1, 1), membranes=MembraneStore.LUTRAM)
    generate(network, plan, folder / "generated" / plan.mode)
    np.savez(folder / "samples.npz", x=np.asarray(inputs_for(network, 2), dtype=np.float32))
    known = {"schema": 1, "network": {"hash": network.content_hash}}
    (folder / "summary.json").write_text(json.dumps(known | {"hardware": {"mode": "collapsed"}}))
    return folder


def test_run(project, tmp_path):
    with on_terminal(project.device(increment=1 << 18, board=b"ulx3s-85f")) as port:
        made = spikewright(
            "run", project.folder, "--port", port, "--check", "--out", "r.json", cwd=tmp_path
        )
    for line in (
        "ulx3s-85f",
        "collapsed",
        "accuracy",
        "90.00 %",
        "equal to golden",
        "0 frames dam",
    ):
        assert line in made.stdout, made.stdout
    figures = json.loads((tmp_path / "r.json").read_text())
    assert (figures["samples"], figures["correct"], figures["differences"]) == (30, 27, 0)
    assert figures["clock_hz"] == 12e6 and len(figures["labels"]) == 30
    assert figures["board"] == "ulx3s-85f" and figures["mode"] == "collapsed"


@pytest.mark.parametrize(
    ("port", "built", "wanted"),
    [
        ("sim:icebreaker", {}, ("icebreaker", "usual")),
        ("sim:icebreaker:spi", {}, ("icebreaker", "spi")),
        ("sim:icebreaker", {"board": "icebreaker", "link": {"kind": "spi"}}, ("icebreaker", "spi")),
        ("sim", {"board": "icebreaker", "link": {"kind": "spi"}}, ("icebreaker", "spi")),
        ("sim::uart", {"board": "icebreaker", "link": {"kind": "spi"}}, ("icebreaker", "uart")),
        ("sim:upduino3", {"board": "icebreaker", "link": {"kind": "uart"}}, ("upduino3", "usual")),
    ],
)
def test_which_link_is_simulated(project, tmp_path, monkeypatch, port, built, wanted):
    """That which is asked for, or was built, or is usual."""
    asked = []

    @contextmanager
    def simulated(project, mode, board, *, link, working, boots):
        assert boots
        asked.append((board, link))
        with on_terminal(device) as path:
            yield SimpleNamespace(port=f"spi:{path}", baud=6_000_000, waits=False)

    device = project.device(increment=1 << 18)
    monkeypatch.setattr("spikewright.flow.build_stage.simulated_board", simulated)
    folder = tmp_path / "p"
    shutil.copytree(project.folder, folder)
    known = {"schema": 1, "hardware": {"mode": "collapsed"}, "link": built}
    (folder / "summary.json").write_text(json.dumps(known))
    made = spikewright("run", folder, "--port", port, "--samples", "3", cwd=tmp_path)
    assert asked == [wanted]
    assert "samples a second of the line" in made.stdout
    assert "samples a second in the device" in made.stdout


def test_simulated_boards_that_load(tmp_path, monkeypatch):
    """What a board waits for is loaded; of ``load`` only what it is held against is there.

    What was loaded by a command of its own is not there any more, which it says.
    """
    pair = loadable_projects(tmp_path)
    np.savez(pair.a.folder / "samples.npz", x=pair.x.astype(np.float32))
    asked = []

    @contextmanager
    def simulated(project, mode, board, *, link, working, boots):
        asked.append((project.root.name, boots))
        each = getattr(pair, project.root.name)
        values = {"x": pair.x}
        device, _ = golden_device(each.folder, each.network, each.manifest, values, ready=False)
        with on_terminal(device) as path:
            yield SimpleNamespace(port=path, baud=6_000_000, waits=True)

    monkeypatch.setattr("spikewright.flow.build_stage.simulated_board", simulated)
    for name in "abc":
        known = {"schema": 1, "hardware": {"mode": "collapsed"}}
        (tmp_path / name / "summary.json").write_text(json.dumps(known))
    sim = ("--port", "sim:ulx3s-85f")
    assert "equal to golden" in spikewright("run", "a", *sim, "--check", cwd=tmp_path).stdout
    said = spikewright("load", "b", *sim, cwd=tmp_path).stdout
    assert "until this command ends" in " ".join(said.split())
    spikewright("load", "c", "--from", "b", *sim, cwd=tmp_path)
    assert asked == [("a", True), ("b", False), ("b", True)]


def test_run_on_a_device_that_is_wrong(project, tmp_path):
    device = project.device()
    right = device.accelerator.answer

    def answer(*given):
        words, left = right(*given)
        return [words[0] ^ 1 << 9, *words[1:]], left

    device.accelerator.answer = answer
    with on_terminal(device) as port:
        made = spikewright(
            "run",
            project.folder,
            "--port",
            port,
            "--check",
            "--samples",
            "5",
            cwd=tmp_path,
            ok=False,
        )
        assert made.returncode == MismatchError.exit_code
        assert "5 of 5 samples with others" in made.stderr and "equal to golden" in made.stdout
        # Without --check nobody looks.
        spikewright("run", project.folder, "--port", port, "--samples", "5", cwd=tmp_path)


def test_watch(project, tmp_path):
    device = project.device()
    device.after_clear = device.counts
    with on_terminal(device) as port:
        made = spikewright(
            "watch", project.folder, "--port", port, "--samples", "10", "--once", cwd=tmp_path
        )
    # The model's counters are 100, 101 ..: cycles, then six of the first core.
    assert "10 samples;" in made.stdout
    (row,) = [line.split() for line in made.stdout.splitlines() if line.startswith("h0")]
    assert row[:3] == ["h0", "10.3", "10.4"] and row[4] == "10.1"
    assert row[5:] == ["106.0", "%", "105.0", "%", "95.3", "%"]


def test_load(project, tmp_path):
    pair = loadable_projects(tmp_path)
    a, b, c = (getattr(pair, name) for name in "abc")
    device, _ = golden_device(a.folder, a.network, a.manifest, {"x": pair.x}, ready=False)
    size = b.manifest.load.image.stat().st_size
    with on_terminal(device) as port:

        def load(*arguments, **given):
            return spikewright("load", *arguments, "--port", port, cwd=tmp_path, **given)

        said = " ".join(load("b").stdout.split())
        shown = b.network.content_hash[:16]
        assert f"The board has the network of b, {shown}: {size:,} bytes in " in said
        wrong = load("c", "--from", "a", ok=False)
        assert wrong.returncode == LinkError.exit_code and "without a base" in wrong.stderr
        said = " ".join(load("c", "--from", "b").stdout.split())
        sent, whole = re.search(r": ([\d,]+) of ([\d,]+) bytes in", said).groups()
        assert 0 < int(sent) < size / 2 and whole == f"{size:,}"
        np.savez(tmp_path / "a/samples.npz", x=pair.x.astype(np.float32))
        wrong = spikewright("run", "a", "--port", port, cwd=tmp_path, ok=False)
        assert wrong.returncode == LinkError.exit_code
        assert f"run: spikewright load a --port {port}" in wrong.stderr
    assert device.network == bytes.fromhex(c.network.content_hash)
    with on_terminal(project.device()) as port:
        wrong = spikewright("load", "b", "--port", port, cwd=tmp_path, ok=False)
        assert wrong.returncode == UnsupportedError.exit_code
        assert "must have memories that are loaded, found none" in wrong.stderr


def test_what_cannot_be_loaded_is_seen_without_a_board(project, tmp_path):
    """Nobody is asked for a port, and nothing is simulated, before the projects are right."""
    pair = loadable_projects(tmp_path)

    def load(*arguments):
        return spikewright("load", *arguments, "--port", "/dev/none", cwd=tmp_path, ok=False)

    for arguments in (("none",), ("a", "--from", "none")):
        wrong = load(*arguments)
        assert wrong.returncode == FileError.exit_code
        assert wrong.stderr.startswith(
            "error: none: the folder must be a project, found no such folder; make one with"
        )
    for arguments in ((project.folder,), ("a", "--from", project.folder)):
        wrong = load(*arguments)
        assert wrong.returncode == UnsupportedError.exit_code
        assert "must have hardware whose network is loaded, found none" in wrong.stderr
        assert f"run: spikewright generate {project.folder} --loadable, or --like" in wrong.stderr
    shutil.rmtree(pair.b.folder / "generated")
    assert "found nothing that was generated" in load("b").stderr
    wrong = spikewright("run", "none", "--port", "sim:icebreaker", cwd=tmp_path, ok=False)
    assert wrong.stderr.startswith("error: none: the folder must be a project, found no such fol")


@pytest.mark.parametrize(
    ("kind", "command", "port", "more", "text"),
    [
        (
            UnsupportedError, "watch", "sim:icebreaker", (),
            "--port sim:icebreaker: the board's link must have counters, found no room for them on "
            "icebreaker; choose a larger board: spikewright boards BOARD says whether its link",
        ),
        (
            ConfigurationError, "run", "sim:ulx3s-85f", ("--baud", "115200"),
            "--port sim:ulx3s-85f: --baud must be left out: a simulated board's line has the rate "
            "of its design, found 115,200",
        ),
        (
            ConfigurationError, "run", "sim:icebreaker:jtag", (),
            "the board must have the jtag link to a host, found uart and spi on icebreaker; name "
            "uart or spi, or none for the usual one",
        ),
        (
            ConfigurationError, "run", "sim:fomu", (),
            "the board must have a link to a host, found none on fomu; choose another board; "
            "without a link fomu works on a stored sample: spikewright build DIR --board fomu",
        ),
        (ConfigurationError, "run", "sim:ulx3s", (), "try ulx3s-85f"),
        (
            ConfigurationError, "run", "sim:icebreaker", (),
            "icebreaker has no LUT RAM, found lutram; generate with",
        ),
        (ConfigurationError, "run", "", (), "a port must have a name, found ''; give one: spikewr"),
    ],
)  # fmt: skip
def test_what_is_refused_before_anything_is_simulated(
    generated, tmp_path, monkeypatch, kind, command, port, more, text
):
    def never(*given):
        raise AssertionError("this takes minutes")

    monkeypatch.setattr("spikewright.flow.build_stage.simulate_board", never)
    made = spikewright(command, generated, "--port", port, *more, cwd=tmp_path, ok=False)
    assert made.returncode == kind.exit_code and text in made.stderr, made.stderr


def test_what_is_wrong_with_samples_is_seen_before(generated, tmp_path):
    """Without a board, and without a simulation."""
    np.savez(tmp_path / "wide.npz", x=np.zeros((2, 13), dtype=np.float32))
    np.savez(tmp_path / "y.npz", x=np.zeros((2, 12), dtype=np.float32), y=np.array([1, 4]))
    for port in ("/dev/none", "sim:ulx3s-85f"):
        for data, text in (
            ("none.npz", "none.npz: the data must be a readable npz file"),
            ("wide.npz", "input 'x': a sample must have 12 values, found shape [13]"),
            ("y.npz", "y.npz: labels must lie in 0..3, one for each output, found 4 at sample 1"),
        ):
            made = spikewright(
                "run", generated, "--port", port, "--data", data, cwd=tmp_path, ok=False
            )
            assert made.returncode != 0 and text in made.stderr, made.stderr
    made = spikewright(
        "run", generated, "--port", "sim:ulx3s-85f", "--steps", 5, cwd=tmp_path, ok=False
    )
    assert "--steps must be given with the mode stepwise" in made.stderr
    assert "simulate" not in made.stderr


def test_verilog_that_somebody_changed_is_not_simulated(generated, tmp_path):
    shutil.copytree(generated, tmp_path / "p")
    path = tmp_path / "p/generated/collapsed/manifest.json"
    verilog = path.parent / "accelerator.v"
    verilog.write_text(verilog.read_text() + "// changed\n")
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest | {"verilog_hash": file_hash(verilog)}))
    made = spikewright("run", "p", "--port", "sim:ulx3s-85f", cwd=tmp_path, ok=False)
    assert made.returncode == FileError.exit_code and "Verilog" in made.stderr, made.stderr


def test_ports(tmp_path, monkeypatch):
    comports = transport.serial.tools.list_ports
    monkeypatch.setattr(comports, "comports", list)
    assert "no serial ports" in spikewright("ports", cwd=tmp_path).stdout
    usb = SimpleNamespace(
        device="/dev/ttyUSB1", hwid="USB", description="ULX3S", manufacturer="FTDI"
    )
    monkeypatch.setattr(comports, "comports", lambda: [usb])
    assert "/dev/ttyUSB1  FTDI ULX3S" in spikewright("ports", cwd=tmp_path).stdout


def test_mistakes_end_in_one_message(project, tmp_path):
    made = spikewright("run", project.folder, "--port", "/dev/none", cwd=tmp_path, ok=False)
    assert made.returncode == LinkError.exit_code
    assert made.stderr.startswith("error: /dev/none: the port must exist, found none of that name")
    device = project.device()
    with on_terminal(device) as port:
        run = ("run", project.folder, "--port", port)
        made = spikewright(*run, "--steps", "4", cwd=tmp_path, ok=False)
        assert made.returncode == ConfigurationError.exit_code and "--steps must be" in made.stderr
        assert "or use a bitstream that was built with --mode stepwise" in made.stderr
        np.savez(tmp_path / "wide.npz", x=np.zeros((3, 13)))
        made = spikewright(*run, "--data", "wide.npz", cwd=tmp_path, ok=False)
        assert "input 'x': a sample must have 12 values, found shape [13]" in made.stderr
        made = spikewright(*run, "--out", "no/r.json", cwd=tmp_path, ok=False)
        assert made.returncode == FileError.exit_code
        device.stuck = True
        made = spikewright(*run, "--timeout", "0.3", cwd=tmp_path, ok=False)
        assert "must go on within 0.3 s" in made.stderr
        device.stuck = False
        spikewright(*run, cwd=tmp_path)  # and the next command works
