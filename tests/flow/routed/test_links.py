"""What comes over a link: figures of a device behind a terminal, and which boards are tried."""

import json
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from spikewright.boards import get_board
from spikewright.flow.build_stage import link_pll
from spikewright.flow.cycles import activity, estimate_cycles
from spikewright.flow.plan import default_plan
from spikewright.flow.progress import silent
from spikewright.flow.routed import __main__ as command
from spikewright.flow.routed import builds, links, load_routed, save_routed
from spikewright.flow.routed.table import page
from spikewright.flow.samples import Samples
from spikewright.golden.errors import ConfigurationError, FileError, MismatchError
from spikewright.golden.spec import Mode
from support.chains import bounded_chain, inputs_for
from support.linked import golden_device, make_project
from support.pty_device import on_terminal
from support.routed import linked, routed

BAUD = 6_000_000  # iCEBreaker's at its usual 24 MHz
NETWORK = bounded_chain((12, 9, 4), seed=1)
PLAN = default_plan(NETWORK, Mode.COLLAPSED)


@pytest.fixture
def behind(tmp_path, monkeypatch):
    """A function: a project whose simulated board is a device model, which may be wrong."""

    def made(wrong=None):
        manifest = make_project(tmp_path / "p", NETWORK, PLAN)
        x = inputs_for(NETWORK, 20)
        device, _ = golden_device(
            tmp_path / "p", NETWORK, manifest, {"x": x}, increment=1 << 18, board=b"icebreaker"
        )
        if wrong is not None:
            right = device.accelerator.answer

            def answer(*given):
                words, left = right(*given)
                return wrong(words), left

            device.accelerator.answer = answer
        asked = []

        @contextmanager
        def board(project, mode, name, *, link, working):
            asked.append((mode, name, link))
            with on_terminal(device) as port:
                yield SimpleNamespace(port=port, baud=BAUD)

        monkeypatch.setattr(links, "simulated_board", board)
        monkeypatch.setattr(links, "hardware_plan", lambda *_: PLAN)
        samples = Samples(x=torch.tensor(np.asarray(x), dtype=torch.float32), y=None)
        project = SimpleNamespace(
            root=tmp_path / "p",
            network=NETWORK,
            samples=samples,
            summary={},
            main_mode=lambda: Mode.COLLAPSED,
        )
        return project, asked, np.asarray(x)

    return made


def test_the_clock_is_that_of_the_build():
    """Of the board that it was for; else the board's own."""
    board = get_board("ulx3s-85f")
    for pll in (board.plls[40], board.default_pll):
        built = {"board": "ulx3s-85f", "clock_mhz": round(pll.mhz, 4)}
        project = SimpleNamespace(summary={"link": built})
        assert link_pll(project, board) == pll
        other = get_board("ulx3s-45f")
        assert link_pll(project, other) == other.default_pll
    assert link_pll(SimpleNamespace(summary={}), board) == board.default_pll


def test_figures_of_a_link(behind):
    project, asked, x = behind()
    found = links.measure_link(project, "icebreaker", "uart", working=silent)
    assert asked == [(Mode.COLLAPSED, "icebreaker", "uart")]
    assert (found.name, found.network) == (NETWORK.name, NETWORK.content_hash)
    assert (found.kind, found.bits_per_s, found.clock_mhz) == ("uart", BAUD, 24.0)
    assert found.samples == 20
    # A UART's byte takes 10 bits.
    assert found.line_per_s == pytest.approx(BAUD / 10 / max(found.sample_bytes))
    cycles = estimate_cycles(NETWORK, PLAN, activity(NETWORK, Mode.COLLAPSED, x)).cycles
    assert found.accelerator_per_s == pytest.approx(24e6 / cycles)
    assert found.computed_per_s == found.line_per_s < found.accelerator_per_s
    assert found.simulated_per_s > 0 and "verilator" in found.versions


def test_a_wrong_token_is_no_figure(behind):
    project, _, _ = behind(wrong=lambda words: [words[0] ^ 1 << 9, *words[1:]])
    with pytest.raises(MismatchError, match="^icebreaker uart, sample 0: every token must be"):
        links.measure_link(project, "icebreaker", "uart", working=silent)


@pytest.fixture
def tried(monkeypatch, tmp_path):
    """The digits network is there, and links answer at once; (lanes, board, kind) of each."""
    seen = []
    project = SimpleNamespace(network=NETWORK, summary={"network": {"hash": "abc"}}, lanes=None)

    def generate(project, plan, *, working):
        project.lanes = {core.lanes for core in plan.cores}

    def measured(project, board, kind, *, working):
        seen.append((project.lanes, board, kind))
        return linked(kind)

    monkeypatch.setattr(builds, "_digits", lambda *_: project)
    monkeypatch.setattr(builds, "generate_stage", generate)
    monkeypatch.setattr(builds, "measure_link", measured)
    monkeypatch.setattr(command, "working", lambda title: nullcontext(lambda *_: None))
    return seen


def test_every_link_of_what_was_built(tried, tmp_path):
    record = {
        "icebreaker": routed("icebreaker"),
        "icestick": routed("icestick", refused="too large"),
        "fomu": routed("fomu"),
    }
    found = list(builds.link_boards(tmp_path, [], record, working=silent))
    assert tried == [({4}, "icebreaker", "uart"), ({4}, "icebreaker", "spi")]
    assert [(name, each.kind) for name, each in found] == [
        ("icebreaker", "uart"), ("icebreaker", "spi"),
    ]  # fmt: skip
    with pytest.raises(ConfigurationError, match="the network that was built, old, found abc"):
        list(
            builds.link_boards(
                tmp_path, [], {"fomu": routed("fomu", network="old")}, working=silent
            )
        )
    with pytest.raises(ConfigurationError, match="found 'de10'"):
        list(builds.link_boards(tmp_path, ["de10"], record, working=silent))


def test_a_link_takes_room(tried, tmp_path):
    """On a small device there are fewer lanes behind it."""
    record = {name: routed(name, lanes=8) for name in ("icebreaker", "ulx3s-85f")}
    list(builds.link_boards(tmp_path, [], record, working=silent))
    assert tried == [
        ({4}, "icebreaker", "uart"), ({4}, "icebreaker", "spi"), ({8, 4}, "ulx3s-85f", "uart"),
    ]  # fmt: skip


def test_only_links_are_filled_in(tried, tmp_path, monkeypatch):
    record, text = tmp_path / "r.json", tmp_path / "boards.md"
    other = linked("uart", network="xyz", name="mnist-mlp")
    before = routed("icebreaker").with_link(other)
    save_routed({"icebreaker": before}, record)
    monkeypatch.setattr(command, "build_boards", None)  # is not called
    assert command.main(["--links", str(tmp_path), str(text), "icebreaker"], record) == 0
    found = load_routed(record)["icebreaker"]
    assert replace(found, links=()) == replace(before, links=())
    assert [(each.name, each.kind) for each in found.links] == [
        ("mnist-mlp", "uart"), ("digits-mlp", "uart"), ("digits-mlp", "spi"),
    ]  # fmt: skip
    shown = text.read_text()
    assert "| 1 of 30 | UART, 3 MBd | 1,000 | 990 |" in shown
    assert (
        "| icebreaker | SPI, 3 MHz | digits-mlp | 50 | 80.0 | 57.0 | 3,750 | 1,000 | 990 |" in shown
    )


def test_a_project_on_the_board_that_it_was_built_for(tried, tmp_path, monkeypatch):
    record, text = tmp_path / "r.json", tmp_path / "boards.md"
    arguments = ["--links", str(tmp_path), str(text), "--project", "m"]
    summary = {"link": {"board": "icebreaker", "link": {"kind": "spi"}}}
    monkeypatch.setattr(command, "Project", lambda folder: SimpleNamespace(summary=summary))
    found = linked(network="xyz", name="mnist-mlp")
    asked = []
    monkeypatch.setattr(command, "measure_link", lambda *given, **_: asked.append(given) or found)
    assert command.main(arguments, record) == ConfigurationError.exit_code  # no board was built
    save_routed({"icebreaker": routed("icebreaker")}, record)
    assert command.main(arguments, record) == 0
    assert [given[1:] for given in asked] == [("icebreaker", "spi")] * 2
    assert load_routed(record)["icebreaker"].links[-1] == found
    summary.clear()
    assert command.main(arguments, record) == ConfigurationError.exit_code


def test_a_link_takes_the_place_of_the_same(tmp_path):
    board = routed("icebreaker").with_link(linked()).with_link(linked("spi"))
    assert board.usual_link == linked()
    again = board.with_link(linked(simulated_per_s=7.0))
    assert [each.kind for each in again.links] == ["uart", "spi"]
    assert again.usual_link.simulated_per_s == 7.0
    assert routed("icebreaker", network="new").with_link(linked()).usual_link is None


def test_a_link_without_a_figure_is_refused(tmp_path):
    path = tmp_path / "boards.json"
    save_routed({"fomu": routed("fomu").with_link(linked())}, path)
    data = json.loads(path.read_text())
    del data["boards"]["fomu"]["links"][0]["samples"]
    path.write_text(json.dumps(data))
    with pytest.raises(FileError, match="all that is recorded, .* found a link of fomu: samples"):
        load_routed(path)


def test_boards_without_links_have_no_table():
    assert "## Over the link" not in page({"fomu": routed("fomu")})
