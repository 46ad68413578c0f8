"""A network that exists is legal: everything else is refused, by name and with exact text."""

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from spikewright.golden.errors import (
    ConfigurationError,
    RangeError,
    SpikewrightError,
    UnsupportedError,
)
from spikewright.golden.spec import (
    Connection,
    Delta,
    Dense,
    Identity,
    Leak,
    Mode,
    Network,
    Population,
    Product,
    Readout,
    Soma,
    Window,
    settle_obstacle,
)

Make = Callable[..., Network]


def exact(text: str) -> str:
    return f"^{re.escape(text)}$"


def hidden(make_plain: Make, **soma: Any) -> dict[str, Any]:
    """Populations of the plain network with another soma in the hidden one."""
    first, second = make_plain().populations
    changed = dataclasses.replace(first, soma=dataclasses.replace(first.soma, **soma))
    return {"populations": (changed, second)}


def linked(make_plain: Make, operator: Any, **changes: Any) -> dict[str, Any]:
    """Connections of the plain network with another operator in the first one."""
    first, second = make_plain().connections
    return {
        "connections": (dataclasses.replace(first, operator=operator, **changes), second),
    }


def test_finds_its_parts(make_plain: Make) -> None:
    network = make_plain()
    assert network.population("hidden") is network.populations[0]
    assert network.input("x") is network.inputs[0]
    assert network.node("x") is network.inputs[0]
    assert network.node("out") is network.populations[1]
    assert network.sources("out") == (network.connections[1],)
    assert network.targets("hidden") == (network.connections[1],)
    with pytest.raises(
        ConfigurationError,
        match=exact("a population of the network must be named, found 'x'; it has hidden, out"),
    ):
        network.population("x")
    with pytest.raises(
        ConfigurationError,
        match=exact("an input of the network must be named, found 'out'; it has x"),
    ):
        network.input("out")


def test_order_follows_the_connections(make_plain: Make) -> None:
    network = make_plain()
    backwards = make_plain(populations=network.populations[::-1])
    assert [population.name for population in backwards.order()] == ["hidden", "out"]


def test_content_hash_is_of_content(make_plain: Make) -> None:
    network = make_plain()
    assert re.fullmatch("[0-9a-f]{64}", network.content_hash)
    assert network.content_hash == make_plain(provenance={"made": "elsewhere"}).content_hash
    weights = network.connections[0].operator.weights.copy()
    weights[0, 0] -= 1
    different = [
        {"name": "other"},
        {"max_steps": 9},
        {"modes": (Mode.STEPWISE,)},
        {"inputs": (dataclasses.replace(network.inputs[0], step=None),)},
        linked(make_plain, Dense(weights=weights, weight_bits=4)),
        linked(make_plain, dataclasses.replace(network.connections[0].operator, weight_bits=5)),
        hidden(make_plain, s_max=6),
    ]
    hashes = {make_plain(**changes).content_hash for changes in different}
    assert len(hashes | {network.content_hash}) == len(different) + 1


def test_content_hash_is_fixed(make_plain: Make) -> None:
    # Files of this schema carry it: a change here needs another schema number.
    assert (
        make_plain().content_hash
        == "07f27120a4e7628f3aa2b17c49b4c6c1f6d9345f698f7014983be0908bbd3cdf"
    )


def test_provenance_is_read_only(make_plain: Make) -> None:
    with pytest.raises(TypeError, match="does not support item assignment"):
        make_plain().provenance["made"] = "up"


SMALL = Dense(weights=np.ones((2, 2), int), weight_bits=2)
OUT = Population(name="out", shape=(2,), soma=Soma(fire="none"), payload="unit")


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        (
            {"name": "7th"},
            ConfigurationError,
            "the network's name must be a letter, then letters, digits, - or _, found '7th'",
        ),
        ({"inputs": ()}, ConfigurationError, "a network must have at least one input, found none"),
        (
            {"populations": ()},
            ConfigurationError,
            "a network must have at least one population, found none",
        ),
        (
            {"readout": None},
            ConfigurationError,
            "network: readout must be of type Readout, found NoneType",
        ),
        (
            {"populations": (3,)},
            ConfigurationError,
            "network: each entry of populations must be of type Population, found int",
        ),
        (
            {"max_steps": 0},
            ConfigurationError,
            "network: max_steps must be an integer from 1 to 65536, found 0",
        ),
        (
            {"modes": ()},
            ConfigurationError,
            "network: modes must name at least one mode, each once, found none",
        ),
        (
            {"modes": ("settle", "settle")},
            ConfigurationError,
            "network: modes must name at least one mode, each once, found settle, settle",
        ),
        (
            {"modes": ("fast",)},
            ConfigurationError,
            "network: each mode must be one of stepwise, settle, collapsed, found 'fast'",
        ),
        (
            {"readout": Readout(population="x", kind="membrane", decision="raw")},
            ConfigurationError,
            "population 'out': an input or population must be read by a connection or the readout, "
            "found neither; connect it to a population, or leave it out",
        ),
        (
            {"readout": Readout(population="hidden", kind="membrane", decision="raw")},
            ConfigurationError,
            "population 'out': an input or population must be read by a connection or the readout, "
            "found neither; connect it to a population, or leave it out",
        ),
        (
            {"readout": Readout(population="out", kind="count", decision="raw")},
            ConfigurationError,
            "population 'out': readout count must read a population that fires, found fire none",
        ),
        (
            {"provenance": {"made": 3}},
            ConfigurationError,
            "provenance of 'made' must be a string, found 3",
        ),
    ],
)
def test_illegal_networks(
    make_plain: Make, changes: dict[str, Any], error: type[SpikewrightError], text: str
) -> None:
    with pytest.raises(error, match=exact(text)):
        make_plain(**changes)


def test_names(make_plain: Make) -> None:
    first, second = make_plain().populations
    for name, text in [
        ("x", "population 'x': names of inputs and populations must differ, found a second one"),
        (
            "hid-den",
            "population 'hid-den': a name must be a letter, then letters, digits or _, "
            "found 'hid-den'",
        ),
    ]:
        with pytest.raises(ConfigurationError, match=exact(text)):
            make_plain(populations=(dataclasses.replace(first, name=name), second))


WINDOW = Window(
    kind="sum_pool",
    kernel=(1,),
    stride=(1,),
    padding=(0,),
    dilation=(1,),
    output_padding=(0,),
)


@pytest.mark.parametrize(
    ("operator", "changes", "error", "text"),
    [
        (
            SMALL,
            {},
            ConfigurationError,
            "connection 'x' -> 'hidden': rows of weights must be 3, found 2",
        ),
        (
            Dense(weights=np.ones((3, 3), int), weight_bits=2),
            {},
            ConfigurationError,
            "connection 'x' -> 'hidden': columns of weights must be 2, found 3",
        ),
        (
            Dense(weights=[[7, -8], [8, 0], [0, 0]], weight_bits=4),
            {},
            RangeError,
            "connection 'x' -> 'hidden': weights of 4 bits must be from -8 to 7, found 8 at index "
            "[1, 0]",
        ),
        (
            Dense(weights=[[1, -2], [1, -3], [0, 0]], weight_bits=2),
            {},
            RangeError,
            "connection 'x' -> 'hidden': weights of 2 bits must be from -2 to 1, found -3 at index "
            "[1, 1]",
        ),
        (
            Dense(weights=[[1, 1]] * 3, weight_bits=17),
            {},
            RangeError,
            "connection 'x' -> 'hidden': weight_bits must be from 2 to 16, found 17",
        ),
        (
            Dense(weights=[[1, 1]] * 3, weight_bits=1),
            {},
            RangeError,
            "connection 'x' -> 'hidden': weight_bits must be from 2 to 16, found 1",
        ),
        (
            Identity(offset=1),
            {},
            ConfigurationError,
            "connection 'x' -> 'hidden': identity must end within its target of 2 neurons, found "
            "offset 1 + 3 neurons",
        ),
        (
            Delta(function="clip", high=1),
            {},
            ConfigurationError,
            "connection 'x' -> 'hidden': neurons for clip must be 2, found 3",
        ),
        (
            WINDOW,
            {},
            ConfigurationError,
            "connection 'x' -> 'hidden': a source of 2 dimensions is needed, found (3,); give the "
            "source the shape (channels, *space)",
        ),
        (
            Product(keys="x", values="y", heads=1),
            {},
            ConfigurationError,
            "connection 'x' -> 'hidden': what a connection reads must be an input or a population, "
            "found 'y'",
        ),
        (
            Product(keys="hidden", values="x", heads=1),
            {},
            ConfigurationError,
            "connection 'x' -> 'hidden': the shape of keys 'hidden' must be (3,), found (2,); "
            "give q and k the same channels, v and the target; q and the target the same tokens, "
            "k and v",
        ),
        (
            Product(keys="x", values="x", heads=1),
            {},
            ConfigurationError,
            "connection 'x' -> 'hidden': the shape of values 'x' must be (2,), found (3,); "
            "give q and k the same channels, v and the target; q and the target the same tokens, "
            "k and v",
        ),
        (
            Product(keys="x", values="hidden", heads=2),
            {},
            ConfigurationError,
            "connection 'x' -> 'hidden': channels of the source must be a multiple of 2 heads, "
            "found 3",
        ),
        (
            SMALL,
            {"source": "y"},
            ConfigurationError,
            "connection 'y' -> 'hidden': what a connection reads must be an input or a population, "
            "found 'y'",
        ),
        (
            SMALL,
            {"target": "x"},
            ConfigurationError,
            "connection 'x' -> 'x': a connection's target must be a population, found 'x'",
        ),
        (
            SMALL,
            {"source": "out"},
            UnsupportedError,
            "connection 'out' -> 'hidden': what a connection reads must fire, found 'out' with "
            "fire none",
        ),
        (
            SMALL,
            {"source": "hidden"},
            ConfigurationError,
            "input 'x': an input or population must be read by a connection or the readout, found "
            "neither; connect it to a population, or leave it out",
        ),
        (
            Dense(weights=np.ones((3, 2), int), weight_bits=2),
            {"target": "out"},
            ConfigurationError,
            "population 'hidden': a population must be the target of a connection, found none; "
            "connect a source to it, or leave it out",
        ),
    ],
)
def test_illegal_connections(
    make_plain: Make,
    operator: Any,
    changes: dict[str, Any],
    error: type[SpikewrightError],
    text: str,
) -> None:
    with pytest.raises(error, match=exact(text)):
        make_plain(**linked(make_plain, operator, **changes))


def test_maximum_must_have_a_neuron_under_each_window(make_plain: Make) -> None:
    plain = make_plain()
    source = dataclasses.replace(plain.inputs[0], shape=(1, 3))
    hidden_one = dataclasses.replace(plain.populations[0], shape=(1, 2))
    # windows of -2, -1 and 2, 3: the second holds the last neuron, the first none
    window = dataclasses.replace(WINDOW, kernel=(2,), stride=(4,), padding=(2,))
    text = (
        "connection 'x' -> 'hidden': every window of a maximum must hold a neuron of its source, "
        "found padding alone at 0 along axis 1; take less padding"
    )
    parts = {"inputs": (source,), "populations": (hidden_one, plain.populations[1])}
    with pytest.raises(ConfigurationError, match=exact(text)):
        make_plain(**parts, **linked(make_plain, Delta(function="max", window=window)))
    wide = dataclasses.replace(window, dilation=(2,))  # of -2 and 0, 2 and 4: a neuron each
    make_plain(**parts, **linked(make_plain, Delta(function="max", window=wide)))


def test_content_hash_of_a_pooled_window_is_fixed(make_plain: Make) -> None:
    plain = make_plain()
    source = dataclasses.replace(plain.inputs[0], shape=(1, 3))
    hidden_one = dataclasses.replace(plain.populations[0], shape=(2, 1))
    pool = dataclasses.replace(WINDOW, kernel=(2,))
    kernel = {"kernel": (2,), "weights": [[[1, 2]], [[-3, 1]]], "weight_bits": 3}
    window = dataclasses.replace(WINDOW, kind="convolution", **kernel)
    network = make_plain(
        inputs=(source,),
        populations=(hidden_one, plain.populations[1]),
        **linked(make_plain, dataclasses.replace(window, pool=pool)),
    )
    assert (
        network.content_hash == "f473561d11e0019ff0f9f9832e84318a4f6e99e897b56e2ac3d4d9846d2cc53d"
    )


def test_window_must_give_the_shape_of_its_target(make_plain: Make) -> None:
    source = dataclasses.replace(make_plain().inputs[0], shape=(1, 3))
    with pytest.raises(
        ConfigurationError,
        match=exact(
            "connection 'x' -> 'hidden': the target's shape must be (1, 3) for this window and "
            "source, found (2,); give the target that shape, or change the window"
        ),
    ):
        make_plain(inputs=(source,), **linked(make_plain, WINDOW))


def test_cycles_need_a_delay(make_plain: Make) -> None:
    network = make_plain(modes=(Mode.STEPWISE,))
    for delay in (0, 1):
        loop = Connection(source="hidden", target="hidden", operator=SMALL, delay=delay)
        changes = {"connections": (*network.connections, loop), "modes": (Mode.STEPWISE,)}
        if delay:
            assert [population.name for population in make_plain(**changes).order()] == [
                "hidden",
                "out",
            ]
            continue
        with pytest.raises(
            ConfigurationError,
            match=exact(
                "connections: connections without delay must form no cycle, found one through "
                "'hidden', 'out'; give a connection of the cycle delay 1"
            ),
        ):
            make_plain(**changes)


def test_plain_network_settles(make_plain: Make) -> None:
    assert settle_obstacle(make_plain()) is None


@pytest.mark.parametrize(
    ("soma", "reason"),
    [
        ({"leak_v": Leak()}, "leaks"),
        ({"current": True}, "has a current"),
        ({"v_min": -100}, "clips its membrane"),
        ({"bias_when": "every"}, "adds its bias on every step"),
        ({"reset": "none"}, "has reset none, not subtract"),
        ({"reset_amount": 3}, "resets by another amount than its threshold"),
        ({"reset_delay": True}, "delays its reset"),
        ({"threshold_negative": 2}, "has threshold_negative other than 1"),
        ({"s_min": None}, "lacks s_min or s_max"),
        ({"s_max": None}, "lacks s_min or s_max"),
        (
            {"fire": "binary", "threshold_negative": None, "s_min": None},
            "has fire binary, not ternary",
        ),
    ],
)
def test_what_keeps_a_soma_from_settling(
    make_plain: Make, soma: dict[str, Any], reason: str
) -> None:
    changes = hidden(make_plain, **soma)
    network = make_plain(**changes, modes=(Mode.STEPWISE,))
    assert settle_obstacle(network) == f"population 'hidden' {reason}"
    for mode in (Mode.SETTLE, Mode.COLLAPSED):
        with pytest.raises(
            UnsupportedError,
            match=exact(
                f"modes: a network that runs in mode {mode} must not depend on the timing of "
                f"spikes, found population 'hidden' {reason}; leave the mode out"
            ),
        ):
            make_plain(**changes, modes=(mode,))


def test_what_else_keeps_a_network_from_settling(make_plain: Make) -> None:
    plain = make_plain()
    stepwise = (Mode.STEPWISE,)
    constant = dataclasses.replace(plain.inputs[0], encoding="constant")
    product = Product(keys="x", values="x", heads=1)
    three = dataclasses.replace(plain.populations[0], shape=(3,))
    three = dataclasses.replace(three, soma=dataclasses.replace(three.soma, threshold=4, bias=0))
    out = Connection(
        source="hidden", target="out", operator=Dense(weights=np.ones((3, 2), int), weight_bits=2)
    )
    leaky = dataclasses.replace(OUT, soma=Soma(fire="none", leak_v=Leak()))
    cases = [
        ({"inputs": (constant,)}, "input 'x' is constant, its total grows with the steps"),
        (
            {
                "populations": (three, OUT),
                "connections": (Connection(source="x", target="hidden", operator=product), out),
            },
            "connection 'x' -> 'hidden' is a product, which depends on the timing of spikes",
        ),
        ({"populations": (plain.populations[0], leaky)}, "population 'out' leaks"),
        (
            {"readout": Readout(population="out", kind="maximum", decision="raw")},
            "the readout is maximum, not membrane",
        ),
    ]
    for changes, reason in cases:
        assert settle_obstacle(make_plain(**changes, modes=stepwise)) == reason


def test_bias_of_zero_may_be_added_on_every_step(make_plain: Make) -> None:
    changes = hidden(make_plain, bias=0, bias_when="every")
    assert settle_obstacle(make_plain(**changes)) is None
