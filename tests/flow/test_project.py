"""The project folder."""

import json

import pytest
import torch

from spikewright.flow.convert import ConvertConfig, convert
from spikewright.flow.importers import import_module, load_module
from spikewright.flow.original import Original
from spikewright.flow.project import Project, check_output
from spikewright.flow.samples import Samples
from spikewright.golden.errors import FileError
from spikewright.golden.spec import Mode


@pytest.fixture
def project(tmp_path, source):
    module = load_module(source)
    x = torch.rand(40, 12, generator=torch.Generator().manual_seed(0))
    conversion = convert(module, x, ConvertConfig(name="tiny"))
    original = Original(import_module(module, (12,)))
    return Project.create(
        tmp_path / "deep" / "p",
        conversion.network,
        original,
        Samples(x=x, y=torch.zeros(40).long()),
    )


def test_what_is_written_is_read(project):
    again = Project(project.root)
    assert again.summary == project.summary
    assert again.network.content_hash == project.network.content_hash
    assert len(again.samples) == 40
    assert torch.equal(again.original(again.samples.x), project.original(project.samples.x))


def test_figures_are_added_and_times_kept(project):
    project.record({"accuracy": {"float": 0.5}}, {"evaluate": 1.234})
    project.record({"cosim": {"mode": "settle"}}, {"cosim_settle": 2})
    made = json.loads((project.root / "summary.json").read_text())
    assert made["accuracy"] == {"float": 0.5}
    assert made["seconds"] == {"evaluate": 1.23, "cosim_settle": 2}


def test_only_figures_of_the_mode_that_is_replaced_are_dropped(project):
    project.record(
        {
            "cosim": {"mode": "settle"},
            "build": {"mode": "collapsed"},
            "link": {"mode": "settle"},
            "cosim_modes": {"settle": {}, "collapsed": {}},
        }
    )
    project.drop_hardware(Mode.SETTLE)
    assert "cosim" not in project.summary and "link" not in project.summary
    assert "build" in project.summary
    assert list(project.summary["cosim_modes"]) == ["collapsed"]


@pytest.mark.parametrize(
    ("text", "found"),
    [("{}", "found None"), ('{"schema": 2}', "found 2"), ("[]", "found list"), ("{", "JSON")],
)
def test_another_summary_is_refused(project, text, found):
    (project.root / "summary.json").write_text(text)
    with pytest.raises(FileError, match=found):
        Project(project.root)


@pytest.mark.parametrize("section", ["hardware", "build", "network", "cosim_modes"])
def test_sections_of_a_summary_are_objects(project, section):
    path = project.root / "summary.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {section: 5}))
    with pytest.raises(FileError, match=f"summary.json: {section} must be a JSON object, found in"):
        Project(project.root)


def test_a_mode_that_is_none(project):
    project.record({"hardware": {"mode": "steppy"}})
    with pytest.raises(FileError, match="the hardware must have been generated"):
        project.main_mode()


def test_checking_an_output_leaves_no_trace(tmp_path, project):
    for name in ("new", "new/below"):
        check_output(tmp_path / name)
    assert not (tmp_path / "new").exists()
    before = sorted(project.root.iterdir())
    check_output(project.root)
    assert sorted(project.root.iterdir()) == before
    assert [path.name for path in project.root.parent.iterdir()] == ["p"]


def test_an_output_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file" / "p"):
        with pytest.raises(FileError):
            check_output(out)


def test_hardware_must_exist(project):
    with pytest.raises(FileError, match="run: spikewright generate .*/p$"):
        project.main_mode()
    with pytest.raises(FileError, match="run: spikewright generate .*/p --mode settle$"):
        project.main_mode(Mode.SETTLE)


def test_another_network_removes_hardware_and_names_it(project):
    for name in ("build/ulx3s-85f", "generated/collapsed", "generated/settle"):
        (project.root / name).mkdir(parents=True)
    project.record({"pruned": {"share": 0.5, "lanes": 4}, "accuracy": {}})
    named = "/p: generated/collapsed, generated/settle, build/ulx3s-85f of the network before"
    with pytest.warns(UserWarning, match=named):
        made = project.replace_network(project.network)
    assert not {"build", "generated"} & {path.name for path in made.root.iterdir()}
    assert "pruned" in made.summary and "accuracy" not in made.summary
    made.replace_network(project.network)  # nothing is lost, and nothing said
