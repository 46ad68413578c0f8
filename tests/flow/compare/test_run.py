"""Methods one after the other: what is found, what is kept, and what is refused."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from spikewright.flow.accuracy import mode_accuracy
from spikewright.flow.compare import Compared, Comparison, Effort, Run, compare, compare_table
from spikewright.flow.compare import run as run_module
from spikewright.flow.compare.report import write_report
from spikewright.flow.compare.run import _chosen
from spikewright.flow.compare.table import COLUMNS
from spikewright.flow.convert import ConvertConfig, TrainConfig
from spikewright.flow.cycles import activity, estimate_cycles
from spikewright.flow.importers import evaluate, import_module
from spikewright.flow.plan import default_plan
from spikewright.flow.samples import Samples
from spikewright.flow.sequences import encode_samples
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.model import Model
from spikewright.golden.spec import Mode
from spikewright.golden.spec.file import load

EFFORT = Effort(
    training=TrainConfig(epochs=2, batch=16), tuning=TrainConfig(epochs=2, batch=16), seed=3
)


def comparison(**changes: object) -> Comparison:
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(96, 6, generator=generator)
    y = (x[:, :3].sum(1) > x[:, 3:].sum(1)).long()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        module = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2)).eval()
    fields: dict[str, object] = {
        "graph": import_module(module, (6,)),
        "train": Samples(x=x[:64], y=y[:64]),
        "held_out": Samples(x=x[64:], y=y[64:]),
        "config": ConvertConfig(weight_bits=6),
        "effort": EFFORT,
        "steps": (1, 4),
        "lanes": 2,
        **changes,
    }
    return Comparison(**fields)  # type: ignore[arg-type]


def test_figures_are_those_of_the_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = comparison()
    monkeypatch.setattr(run_module, "_chosen", lambda runs, tolerance: len(runs) - 1)
    found = compare(made, tmp_path / "c", ("rate-max", "fast-snn", "st-bif", "one-hot"))
    rate, fast, settled, onehot = found
    assert [each.chosen for each in found] == [1, 1, 3, 0]
    assert [run.name for run in rate.runs] == ["T = 1", "T = 4"]
    assert [run.name for run in settled.runs] == ["T = 1", "T = 4", "settle", "collapsed"]
    assert [run.name for run in onehot.runs] == ["T = 1"]
    assert (rate.epochs, rate.tune_epochs) == (0, 0) and (fast.epochs, fast.tune_epochs) == (2, 2)
    for each in found:
        network = load(tmp_path / "c" / each.method / "network.safetensors")
        assert network.content_hash == each.network_hash
        for run in each.runs:
            assert run.classification_accuracy == mode_accuracy(
                network, made.held_out, Mode(run.mode), steps=run.steps
            )
            ran = Model(network).run(
                encode_samples(network, made.held_out.x), mode=Mode(run.mode), steps=run.steps
            )
            hidden = [p for p in network.populations if p.name != network.readout.population]
            spikes = sum(int(ran.events[p.name].sum()) for p in hidden)
            assert run.spikes_per_neuron == pytest.approx(spikes / 32 / 5)
        # Of the run that was chosen, on a few samples spread over those held out.
        assert each.hardware is not None and each.best is not None
        mode = Mode(each.best.mode)
        values = encode_samples(network, made.held_out.spread(8).x).numpy()
        cycles = estimate_cycles(
            network,
            default_plan(network, mode, lanes=2),
            activity(network, mode, values, steps=each.best.steps),
        )
        assert each.hardware["cycles"] == round(cycles.cycles, 2) > 0
        right = evaluate(made.graph, made.held_out.x.double()).flatten(1).argmax(1)
        assert each.float_accuracy == int((right == made.held_out.y).sum()) / 32
    # Settled and collapsed runs are one network.
    assert settled.runs[2].classification_accuracy == settled.runs[3].classification_accuracy
    rows = compare_table(found)
    assert [row[0] for row in rows] == ["rate-max", "fast-snn", "st-bif", "one-hot"]


def test_it_goes_on_where_it_ended(tmp_path: Path) -> None:
    made, out = comparison(), tmp_path / "c"
    (before,) = compare(made, out, ("rate-max",))
    path = out / "rate-max" / "result.json"
    marked = json.loads(path.read_text()) | {"seconds": -1.0}
    path.write_text(json.dumps(marked))
    known, other = compare(made, out, ("rate-max", "mice"))
    assert known.seconds == -1.0 and known.runs == before.runs  # it was read, not made
    assert other.method == "mice"
    # as of a machine that died, or a hand that slipped
    for text in ("{}", path.read_text().replace('"chosen": ', '"chosen": 9')):
        path.write_text(text)
        again = compare(made, out, ("rate-max",))[0]
        assert (again.runs, again.chosen) == (before.runs, before.chosen)
    (out / "rate-max" / "network.safetensors").unlink()
    assert compare(made, out, ("rate-max",))[0].runs == before.runs
    assert load(out / "rate-max" / "network.safetensors").content_hash == before.network_hash


def test_another_comparison_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "c"
    compare(comparison(), out, ("rate-max",))
    message = "^.*: the folder must be of this comparison: its lanes is another, found 2; take "
    with pytest.raises(ConfigurationError, match=message):
        compare(comparison(lanes=3), out, ("rate-max",))
    message = "^methods: methods must be among rate-max, .*, found 'best'$"
    with pytest.raises(ConfigurationError, match=message):
        compare(comparison(), out, ("best",))


def test_what_may_not_change_within_a_folder() -> None:
    base = comparison()
    x = base.held_out.x.clone()
    x[0, 0] += 0.5
    changes: list[dict[str, object]] = [
        {"train": replace(base.train, y=1 - base.train.y)},
        {"held_out": replace(base.held_out, x=x)},
        {"config": ConvertConfig(weight_bits=5)},
        {"effort": replace(EFFORT, training=None)},
        {"effort": replace(EFFORT, tuning=TrainConfig(epochs=3, batch=16))},
        {"effort": replace(EFFORT, seed=4)},
        {"steps": (1, 8)},
        {"levels": {"rate": 4}},
        {"board": "icebreaker"},
        {"lanes": 3},
        {"tolerance": 0.01},
    ]
    for each in changes:
        now = comparison(**each).identity()
        assert sum(now[key] != value for key, value in base.identity().items()) == 1, each
    other = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2)).eval()
    changed = comparison(graph=import_module(other, (6,)))
    assert changed.identity()["network"] != base.identity()["network"]


def test_levels_that_cannot_be_are_refused_before_anything_is_kept() -> None:
    with pytest.raises(ConfigurationError, match="^levels: must be 1 to 255, found 300$"):
        comparison(levels={"rate": 300})
    one = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 1)).eval()
    message = "^a network that chooses a class must have at least 2 outputs, found 1$"
    with pytest.raises(ConfigurationError, match=message):
        comparison(graph=import_module(one, (6,)))


def test_a_method_that_cannot_serve_the_network_says_why(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(64, 1, 4, 4, generator=generator)
    y = (x.mean((1, 2, 3)) > 0.5).long()
    module = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 2)
    )
    made = comparison(
        graph=import_module(module.eval(), (1, 4, 4)),
        train=Samples(x=x, y=y),
        held_out=Samples(x=x[:8], y=y[:8]),
        effort=Effort(),
    )
    found = compare(made, tmp_path / "c", ("ttfs", "st-bif"))
    assert found[0].refused is not None and "use means instead of maxima" in found[0].refused
    assert not found[0].runs and found[1].runs
    assert compare(made, tmp_path / "c", ("ttfs",)) == found[:1]  # an answer is kept
    write_report(found, tmp_path / "c")
    with (tmp_path / "c" / "comparison.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["refused"] == found[0].refused
    assert [row["chosen"] for row in rows[1:]].count("1") == 1
    assert (tmp_path / "c" / "comparison.png").read_bytes().startswith(b"\x89PNG")


def test_calibration_that_is_too_small_is_told_of_the_method_that_needs_more(
    tmp_path: Path,
) -> None:
    found = compare(comparison(effort=Effort()), tmp_path / "c", ("rate", "rate-max"))
    assert found[0].refused is not None and "at least 1,000 activations" in found[0].refused
    assert found[1].runs


def test_the_cheapest_of_the_good_runs_is_chosen() -> None:
    def run(accuracy: float, acs: float) -> Run:
        zeros = dict.fromkeys(
            ("spikes_per_neuron", "effective_macs", "activation_sparsity", "bit_operations"), 0.0
        )
        return Run(
            mode="stepwise",
            steps=1,
            classification_accuracy=accuracy,
            effective_acs=acs,
            dense=1.0,
            bit_budget=None,
            **zeros,
        )

    runs = [run(0.90, 1), run(0.955, 5), run(0.96, 9), run(0.951, 2)]
    assert _chosen(runs, 0.005) == 1
    assert _chosen(runs, 0.0) == 2
    assert _chosen(runs, 0.01) == 3


def test_a_row_of_the_table() -> None:
    run = Run(
        mode="stepwise",
        steps=4,
        classification_accuracy=0.96,
        spikes_per_neuron=0.246,
        effective_macs=1000.0,
        effective_acs=500.0,
        dense=6000.0,
        activation_sparsity=0.5,
        bit_operations=12345.0,
        bit_budget=32,
    )
    each = Compared(
        method="qcfs",
        float_accuracy=0.9725,
        static={"footprint": 321.0},
        runs=(run,),
        hardware={"cycles": 77.5, "luts": 4321, "block_rams": 8, "short_of": ["luts"]},
    )
    (row,) = compare_table([each])
    assert dict(zip(COLUMNS, row, strict=True)) == {
        "method": "qcfs",
        "run": "T = 4",
        "accuracy": "96.00 %",
        "of float": "-1.25",
        "spikes a neuron": "0.25",
        "synops": "1,500",
        "of dense": "25.0 %",
        "bit budget": "32",
        "bit ops": "12,345",
        "footprint, B": "321",
        "cycles": "78",
        "LUTs": "4,321 !",
        "RAMs": "8",
    }


def test_results_are_plain_data(tmp_path: Path) -> None:
    (found,) = compare(comparison(effort=Effort()), tmp_path / "c", ("rate-max",))
    assert Compared.from_dict(json.loads(json.dumps(found.as_dict()))) == found
