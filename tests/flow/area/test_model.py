"""The fit: it finds what made the numbers, and keeps to what is expected where they say nothing."""

import pytest

from spikewright.flow.area.model import Sample, fit, predict


def sample(queues, lanes, *, extra=0):
    features = {
        "core_0.intake": {"one": 1, "bits": queues},
        "core_0.body": {"added": lanes, "never": 0},
    }
    parts = {"core_0.intake": 3 + 2 * queues, "core_0.lanes": lanes, "core_0.sweep": lanes + extra}
    return Sample(total=sum(parts.values()), parts=parts, features=features)


SAMPLES = [sample(q, n) for q, n in ((3, 10), (8, 40), (20, 5), (11, 90))]


def test_a_fit_finds_what_made_the_numbers():
    found = fit(SAMPLES, {})
    assert found == pytest.approx({"intake.one": 3, "intake.bits": 2, "body.added": 2}, rel=0.01)
    assert predict(SAMPLES[2].features, found) == pytest.approx(SAMPLES[2].total, rel=0.01)


def test_what_is_expected_holds_where_nothing_is_known():
    features = {"core_0.body": {"added": 1, "chosen": 1}}
    alike = [Sample(total=10, parts={"core_0.sweep": 10}, features=features)]
    found = fit(alike, {"body.added": 8.0, "body.chosen": 2.0})
    assert found == pytest.approx({"body.added": 8, "body.chosen": 2})


def test_a_design_that_the_features_do_not_explain_is_seen():
    """What the records are held to can fail."""
    odd = sample(8, 40, extra=400)
    found = fit([*SAMPLES, odd], {})
    assert abs(predict(odd.features, found) / odd.total - 1) > 0.15


def test_cores_of_a_kind_share_their_coefficients():
    features = {f"core_{k}.body": {"added": 5} for k in range(3)}
    assert predict(features, {"body.added": 2.0}) == 30
