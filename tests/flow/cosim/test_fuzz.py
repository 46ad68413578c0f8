"""Random networks on random hardware, golden model against Verilog; ``make fuzz`` runs more.

A failing case is shrunk by hypothesis and printed whole.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, reject, seed, settings
from hypothesis import strategies as st

from spikewright.golden.errors import ConfigurationError, RangeError
from support.fuzz import check, random_case
from support.random_graphs import random_graph
from support.random_networks import Drawn

NETWORKS = int(os.environ.get("FUZZ_N", "40"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
SHARDS = 20


@pytest.mark.parametrize("shard", range(SHARDS))
def test_hardware_equals_the_golden_model(
    shard: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    networks = NETWORKS // SHARDS + (shard < NETWORKS % SHARDS)
    seen = 0

    @seed(SEED * SHARDS + shard)
    @settings(
        max_examples=max(1, networks),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def run(data: st.DataObject) -> None:
        nonlocal seen
        chooser = Drawn(data.draw)
        try:
            network = random_graph(chooser)
        except (ConfigurationError, RangeError):
            reject()  # what the contract does not allow is no network
        case = random_case(chooser, network)
        folder = tmp_path / "case"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        check(case, folder)
        seen += 1

    if networks:
        run()
        assert seen >= networks, "hypothesis gave up drawing networks"
    record_property("networks", seen)
