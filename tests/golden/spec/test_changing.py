"""What a network whose inputs send changes must be."""

from dataclasses import replace

import pytest

from spikewright.golden.errors import ConfigurationError, RangeError
from spikewright.golden.spec import Encoding, Input, Interval, Mode, analyse
from support.changing import changing, twins


def inputs_of(count):
    """A pair of random twins with so many inputs."""
    return next(each for each in map(twins, range(40)) if len(each[0].inputs) == count)


def test_all_state_is_kept_where_inputs_send_changes():
    fresh, told = inputs_of(1)
    assert (fresh.keeps_state, told.keeps_state) == (False, True)
    assert fresh.content_hash != told.content_hash


def test_all_inputs_or_none():
    fresh, told = inputs_of(2)
    mixed = (told.inputs[0], fresh.inputs[1])
    message = (
        f"^input {mixed[1].name!r}: where one input is encoded as change all must be, found once$"
    )
    with pytest.raises(ConfigurationError, match=message):
        replace(told, inputs=mixed)


def test_steps_do_not_keep_what_changes_add_up_to():
    _, told = inputs_of(1)
    message = (
        "^modes: a network whose inputs are encoded as change must run in settle or collapsed, "
        "found stepwise; leave the mode out$"
    )
    with pytest.raises(ConfigurationError, match=message):
        replace(told, modes=tuple(Mode))


@pytest.mark.parametrize(
    ("low", "high", "payloads"),
    [(0, 3, (-3, 3)), (-2, 3, (-5, 5)), (2, 4, (-2, 4)), (0, 0, (0, 0))],
)
def test_changes_of_an_input(low, high, payloads):
    source = Input(
        name="x", shape=(1,), payload="graded", low=low, high=high, encoding=Encoding.CHANGE
    )
    assert source.payloads == payloads
    assert source.least_steps() == 1


def test_a_change_that_no_payload_carries():
    fresh, _ = inputs_of(1)
    wide = replace(fresh.inputs[0], low=-20000, high=20000)
    with pytest.raises(RangeError, match="payload must fit 16 bits, found values from -40000 to"):
        changing(replace(fresh, inputs=(wide,)))


@pytest.mark.parametrize("mode", [Mode.SETTLE, Mode.COLLAPSED])
def test_membranes_are_as_wide_as_those_that_begin_anew(mode):
    for seed in range(12):
        fresh, told = twins(seed)
        anew, kept = analyse(fresh, mode), analyse(told, mode)
        for population in fresh.populations:
            assert kept[population.name].v == anew[population.name].v
            assert kept[population.name].total == anew[population.name].total
            span = kept[population.name].sample(keeps_state=True)
            assert span == Interval(-span.high, span.high)
