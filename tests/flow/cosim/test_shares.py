import pytest

from spikewright.flow.cosim import shares as module
from spikewright.flow.cosim.shares import choose_cuts, merge, shares, usual_jobs


@pytest.mark.parametrize(
    ("jobs", "batch", "samples", "cuts"),
    [
        (1, 2, 9, []),
        (2, 2, 9, [4]),
        (3, 2, 12, [4, 8]),
        (3, 5, 12, [5, 10]),
        (8, 4, 10, [4, 8]),
        (4, 10, 10, []),
        (2, 64, 3, []),
    ],
)
def test_cuts_lie_between_batches(jobs, batch, samples, cuts):
    assert choose_cuts(jobs, batch, None, samples) == cuts


def test_cuts_lie_behind_a_reset():
    # resets behind samples 2, 5, 8, 11
    keep = [k % 3 != 2 for k in range(12)]
    assert choose_cuts(2, 1, keep, 12) == [6]
    assert choose_cuts(4, 1, keep, 12) == [3, 6, 9]
    assert choose_cuts(3, 2, keep, 12) == [6]
    assert choose_cuts(4, 1, [True] * 12, 12) == []


def test_shares_are_all_samples_in_order():
    first, second = shares([4], 9)
    assert (first.first, first.last, second.first, second.last) == (0, 4, 4, 9)
    assert second.samples == 5
    assert second.title() == "process 2 of 2, samples 4 to 8"
    assert second.folder("a").as_posix() == "a/share_1"


def test_a_short_run_is_one_process(monkeypatch):
    monkeypatch.setattr(module, "available_cores", lambda: 4)
    assert [usual_jobs(rows) for rows in (0, 900_000, 1_000_000, 10**8)] == [1, 1, 2, 4]


def test_merged_results_add_up():
    def result(scale):
        names = ("samples", "spikes_compared", "cycles", "gap_cycles", "gaps")
        names += ("latency_cycles", "latencies")
        return {
            **{name: scale * (k + 1) for k, name in enumerate(names)},
            "processor_seconds": 0.5 * scale,
            "seconds": 3.0 / scale,
            "elapsed": 0.5 * scale,
            "counters": {"a": {"rows": scale}, "b": {"rows": 5}},
            "guards": {},
        }

    merged = merge([result(1), result(10)])
    assert merged["samples"] == 11 and merged["latencies"] == 77
    assert merged["counters"] == {"a": {"rows": 11}, "b": {"rows": 10}}
    assert merged["processor_seconds"] == 5.5
    assert (merged["seconds"], merged["elapsed"], merged["jobs"]) == (3.0, 5.0, 2)
