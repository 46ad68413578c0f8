"""Building for boards: the most lanes that fit, one record for each board as it is done."""

import pytest

from spikewright.flow.progress import silent
from spikewright.flow.routed import build_boards, builds, load_routed
from spikewright.flow.routed.__main__ import main
from spikewright.golden.errors import ConfigurationError, RangeError
from spikewright.golden.spec import Mode
from support.chains import bounded_chain, inputs_for


class Report:
    def __init__(self):
        self.fmax_mhz, self.clock_mhz = 50.0, 48.0
        self.lut, self.ff, self.bram, self.spram, self.dsp = 100, 90, 3, 0, 0
        self.used = {"ICESTORM_LC": (100, 5280)}
        self.versions = {"yosys": "1"}


class Project:
    def __init__(self):
        self.network = bounded_chain((6, 4, 3), seed=3)
        self.samples = type("Samples", (), {"x": inputs_for(self.network, 1)})
        self.summary = {"network": {"hash": "abc"}}


@pytest.fixture
def tried(monkeypatch, tmp_path):
    """Replace synthesis by one that fits from so many lanes down; returns what was tried."""
    seen = []

    def set_up(most):
        def synthesize(network, plan, board, folder, **options):
            lanes = max(core.lanes for core in plan.cores)
            seen.append((lanes, plan.mode))
            if lanes > most:
                raise RangeError("the design must fit the board", found="too much")
            return Report()

        monkeypatch.setattr(builds, "synthesize", synthesize)
        monkeypatch.setattr(builds, "Project", lambda folder: Project())
        monkeypatch.setattr(builds, "encode_samples", lambda network, x: x)
        monkeypatch.setattr(builds, "unrolled", lambda network, x: (Tensor(x), None))
        (tmp_path / "digits").mkdir()
        (tmp_path / "digits" / "summary.json").write_text("{}")
        return seen

    return set_up


class Tensor:
    def __init__(self, values):
        self.values = values

    def __getitem__(self, index):
        return Tensor(self.values[index])

    def numpy(self):
        return self.values


def test_fewer_lanes_until_it_fits(tried, tmp_path):
    seen = tried(most=2)
    ((name, found),) = build_boards(tmp_path, ["icebreaker"], working=silent)
    # A core has no more lanes than neurons.
    assert seen == [(lanes, Mode.COLLAPSED) for lanes in (4, 4, 2)]
    assert (name, found.routed, found.lanes, found.lut) == ("icebreaker", True, 2, 100)


def test_what_fits_nowhere_says_why(tried, tmp_path):
    tried(most=0)
    ((_, found),) = build_boards(tmp_path, ["ulx3s-12f"], working=silent)
    assert not found.routed and found.lanes == 1
    assert found.refused == "the design must fit the board, found too much"


def test_no_such_board(tmp_path):
    with pytest.raises(ConfigurationError, match=r"^boards must be of .* lists, found 'de10'$"):
        list(build_boards(tmp_path, ["icebreaker", "de10"], working=silent))


def test_each_is_recorded_when_it_is_done(tried, tmp_path, monkeypatch):
    tried(most=8)
    record, text = tmp_path / "r.json", tmp_path / "boards.md"
    assert main([str(tmp_path), str(text), "ulx3s-25f"], record) == 0
    assert main([str(tmp_path), str(text), "icebreaker"], record) == 0
    # In the order of the list, whenever they were built.
    assert list(load_routed(record)) == ["icebreaker", "ulx3s-25f"]
    assert (
        "| icebreaker | iCE40UP5K | routed | 8 | 50.0 | 48.0 | 100 of 5,280 |" in text.read_text()
    )
    assert "| fomu | iCE40UP5K | not built yet | - |" in text.read_text()


def test_wrong_arguments(tmp_path, capsys):
    assert main([str(tmp_path)], tmp_path / "r.json") == ConfigurationError.exit_code
    assert "error: the arguments must be: OUT PAGE [BOARD...], found" in capsys.readouterr().err
    assert main([str(tmp_path), "b.md", "de10"], tmp_path / "r.json") != 0
