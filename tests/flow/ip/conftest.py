"""Blocks that several tests look at, made once."""

import pytest

from spikewright.flow.ip import Interface
from support.bus_cases import several


@pytest.fixture(scope="session")
def blocks(tmp_path_factory):
    """Folder of the block of a case with an interface."""
    made = {}

    def block(interface, case=several):
        key = (Interface(interface), case)
        if key not in made:
            made[key] = case().write(tmp_path_factory.mktemp("block"), key[0])[1]
        return made[key]

    return block
