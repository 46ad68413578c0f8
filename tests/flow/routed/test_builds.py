"""Building for boards: the most lanes that fit, one record for each board as it is done."""

import pytest

from spikewright.flow.progress import silent
from spikewright.flow.routed import __main__ as command
from spikewright.flow.routed import builds, load_routed, save_routed
from spikewright.golden.errors import ConfigurationError, RangeError
from spikewright.golden.spec import Mode
from support.chains import bounded_chain, inputs_for
from support.routed import linked


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
    ((name, found),) = builds.build_boards(tmp_path, ["icebreaker"], working=silent)
    # A core has no more lanes than neurons.
    assert seen == [(lanes, Mode.COLLAPSED) for lanes in (4, 4, 2)]
    assert (name, found.routed, found.lanes, found.lut) == ("icebreaker", True, 2, 100)


def test_what_fits_nowhere_says_why(tried, tmp_path):
    tried(most=0)
    ((_, found),) = builds.build_boards(tmp_path, ["ulx3s-12f"], working=silent)
    assert not found.routed and found.lanes == 1
    assert found.refused == "the design must fit the board, found too much"


def test_no_such_board(tmp_path):
    with pytest.raises(ConfigurationError, match=r"^boards must be of .* lists, found 'de10'$"):
        list(builds.build_boards(tmp_path, ["icebreaker", "de10"], working=silent))


def test_each_is_recorded_when_it_is_done(tried, tmp_path, monkeypatch):
    tried(most=8)
    links = []

    def link_boards(out, names, record, *, working):
        links.append((names, [*record]))
        return []

    monkeypatch.setattr(command, "link_boards", link_boards)
    record, text = tmp_path / "r.json", tmp_path / "boards.md"
    assert command.main([str(tmp_path), str(text), "ulx3s-25f"], record) == 0
    assert command.main([str(tmp_path), str(text), "icebreaker"], record) == 0
    assert links == [(["ulx3s-25f"], ["ulx3s-25f"]), (["icebreaker"], ["icebreaker", "ulx3s-25f"])]
    # In the order of the list, whenever they were built.
    assert list(load_routed(record)) == ["icebreaker", "ulx3s-25f"]
    assert (
        "| icebreaker | iCE40UP5K | routed | 8 | 50.0 | 48.0 | 100 of 5,280 |" in text.read_text()
    )
    assert "| fomu | iCE40UP5K | not built yet | - |" in text.read_text()


def test_links_of_another_network_are_not_kept(tried, tmp_path, monkeypatch):
    tried(most=8)
    monkeypatch.setattr(command, "link_boards", lambda *_, **__: [])
    record = tmp_path / "r.json"
    arguments = [str(tmp_path), str(tmp_path / "boards.md"), "icebreaker"]
    assert command.main(arguments, record) == 0
    found = load_routed(record)["icebreaker"]
    ours, other = linked(network="abc"), linked(network="xyz", name="mnist-mlp")
    save_routed({"icebreaker": found.with_link(ours).with_link(other)}, record)
    assert command.main(arguments, record) == 0
    assert load_routed(record)["icebreaker"].links == (other,)


def test_wrong_arguments(tmp_path, capsys):
    with pytest.raises(SystemExit) as found:
        command.main([str(tmp_path)], tmp_path / "r.json")
    assert found.value.code == ConfigurationError.exit_code
    assert "the following arguments are required: page" in capsys.readouterr().err
    assert command.main([str(tmp_path), "b.md", "de10"], tmp_path / "r.json") != 0
    assert "found 'de10'" in capsys.readouterr().err
