"""How lanes are laid out over channels, rows and columns, and what that costs."""

import numpy as np
import pytest

from spikewright.flow.lanes import LaneLayout, choose_layout, groups, weight_rows
from spikewright.flow.plan import default_plan
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Dense, Identity, Mode
from spikewright.hdl.make_configs import core_configs
from spikewright.hdl.plan import Host
from support.chains import bounded_chain
from support.maps import convolution, map_network

SAME = map_network((16, 8, 8), convolution((16, 4, 3, 3)))


@pytest.mark.parametrize(
    ("network", "lanes", "banks", "channel_lanes"),
    [
        # Lanes enough: all taps of a window, all channels.
        (SAME, 144, (3, 3), 16),
        (SAME, 1000, (3, 3), 16),
        # 9 rows of 16 channels, before 3 rows of 3 columns with 5 of them.
        (SAME, 16, (1, 1), 16),
        (SAME, 48, (1, 3), 16),
        (SAME, 1, (1, 1), 1),
        # With a stride of 2 a spike reaches 2 rows and columns at most.
        (map_network((16, 4, 4), convolution((16, 4, 3, 3), stride=2)), 144, (2, 2), 16),
        # Taps 2 apart: three banks keep them apart.
        (
            map_network((16, 8, 8), convolution((16, 4, 3, 3), padding=2, dilation=2)),
            144,
            (3, 3),
            16,
        ),
        # No more channels in a lane than blocks of them need: 24 in 2 blocks of 12, not 16.
        (map_network((24, 8, 8), convolution((24, 4, 3, 3))), 108, (3, 3), 12),
        # Each channel has its own window: more channel lanes make sweeps shorter.
        (map_network((4, 8, 8), convolution((4, 1, 3, 3), groups=4)), 36, (3, 3), 4),
        # One dimension has columns only.
        (map_network((8, 16), convolution((8, 4, 5), padding=2), (4, 16)), 64, (1, 5), 8),
        # A window over the whole plane reaches one position.
        (map_network((8, 1, 1), convolution((8, 4, 8, 8), padding=0)), 64, (1, 1), 8),
    ],
)
def test_layout(network, lanes, banks, channel_lanes):
    layout = choose_layout(network, ["map"], lanes=lanes, banks=None, parts=1)
    assert (layout.banks, layout.channel_lanes) == (banks, channel_lanes)
    assert layout.lanes == banks[0] * banks[1] * channel_lanes <= lanes


def test_fewest_cycles_of_all_layouts():
    """Rows of one spike of every neuron, and one sweep, as the hardware counts them."""
    network = map_network((6, 7, 5), convolution((6, 4, 3, 3)), (4, 7, 5))
    for lanes in (4, 9, 20, 40):

        def cycles(layout):
            plan = default_plan(
                network,
                Mode.STEPWISE,
                lanes={"map": layout.lanes},
                banks={"map": layout.banks},
            )
            config = core_configs(network, plan)[0]
            return int(config.ports[0].schedule.rows_per_neuron.sum()) + config.groups

        chosen = choose_layout(network, ["map"], lanes=lanes, banks=None, parts=1)
        others = [
            choose_layout(network, ["map"], lanes=lanes, banks=(rows, columns), parts=1)
            for rows in (1, 2, 3)
            for columns in (1, 2, 3)
            if rows * columns <= lanes
        ]
        assert cycles(chosen) == min(map(cycles, others))


def test_dense_populations_take_the_lanes_they_are_given():
    network = bounded_chain((30, 200, 5), seed=1)
    layout = choose_layout(network, ["h0"], lanes=64, banks=None, parts=1)
    assert layout == LaneLayout(banks=(1, 1), channel_lanes=64)
    assert groups(network, Host(population="h0"), layout) == 4
    assert groups(network, Host(population="h0", channels=(64, 200)), layout) == 3
    assert choose_layout(network, ["out"], lanes=64, banks=(3, 3), parts=1).lanes == 5


def test_dense_into_a_map_visits_its_blocks():
    weights = np.ones((256, 4 * 6 * 6), dtype=np.int64)
    network = map_network((4, 6, 6), Dense(weights=weights, weight_bits=2))
    layout = choose_layout(network, ["map"], lanes=36, banks=None, parts=1)
    assert layout.lanes == 36
    assert weight_rows(network, ["map"], layout) == 256 * 4


def test_what_only_passes_on_needs_no_banks():
    network = map_network((4, 8, 8), Identity())
    layout = choose_layout(network, ["map"], lanes=64, banks=None, parts=1)
    assert layout == LaneLayout(banks=(1, 1), channel_lanes=4)
    assert weight_rows(network, ["map"], layout) == 0


def test_too_few_lanes_for_the_banks():
    with pytest.raises(
        ConfigurationError,
        match=r"^core of 'map': lanes must be at least the 3 x 3 banks, found 8; give more lanes "
        r"or fewer banks$",
    ):
        choose_layout(SAME, ["map"], lanes=8, banks=(3, 3), parts=1)


@pytest.mark.parametrize("lanes", [144, 36, 16, 1])
def test_words_of_weights_are_those_of_the_hardware(lanes):
    plan = default_plan(SAME, Mode.STEPWISE, lanes=lanes)
    for core, config in zip(plan.cores, core_configs(SAME, plan), strict=True):
        layout = LaneLayout(banks=core.banks, channel_lanes=core.channel_lanes)
        words = len(config.ports[0].schedule.weights)
        assert weight_rows(SAME, [core.hosts[0].population], layout) == words
        assert groups(SAME, core.hosts[0], layout) == config.groups
