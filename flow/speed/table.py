"""The figures of a run as text that is a table in Markdown too."""

from collections.abc import Mapping
from typing import Any

from .peers import PEERS

__all__ = ["speed_table"]

_HEADS = ("", "a second", "a processor's second", "beside it")
_SIMULATIONS = (
    ("one_process", "co-simulation, one process"),
    ("all_cores", "co-simulation, processes: {jobs}"),
    ("bare", "Verilator alone"),
)


def speed_table(figures: Mapping[str, Any]) -> str:
    """What ``measure_speed`` found: a table for each network, then machine, date and versions."""
    parts = [_network(name, found) for name, found in figures["networks"].items()]
    where, versions = figures["measured"], figures["versions"]
    parts.append(
        f"Measured {where['date']} on {where['cores']} {where['processor']} cores with"
        f" {where['memory_gib']} GiB; "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
        + f". Other work took {where['load_average']} cores when it began: the more it is, the more"
        " do seconds of the processor tell, by which the last column goes."
    )
    return "\n\n".join(parts) + "\n"


def _network(name: str, found: Mapping[str, Any]) -> str:
    models, simulations = found["models"], found["simulations"]
    title = (
        f"{name}: {'-'.join(map(str, found['sizes']))}, {found['steps']} steps;"
        f" {models['samples']:,} samples, all output spikes equal;"
        f" co-simulation of {simulations['samples']:,} samples,"
        f" {simulations['one_process']['spikes_compared']:,} spikes equal"
    )
    rows = [("samples", "", "", ""), _row("golden model", models["golden"], "samples")]
    for peer in PEERS:
        rates = models[peer]
        if "skipped" in rates:
            rows.append((peer, rates["skipped"], "", ""))
        else:
            share = rates["golden_samples_per_processor_second_ratio"]
            rows.append(_row(peer, rates, "samples", f"golden model {share} times as fast"))
    rows.append(("cycles", "", "", ""))
    for key, label in _SIMULATIONS:
        ratio = simulations["bare_cycles_per_processor_second_ratio"]
        share = f"co-simulation {ratio} times as long" if key == "bare" else ""
        rates = simulations[key]
        rows.append(_row(label.format(jobs=rates.get("jobs")), rates, "cycles", share))
    lines = [_line(_HEADS), _line(["---"] * len(_HEADS)), *map(_line, rows)]
    return title + "\n\n" + "\n".join(lines)


def _row(
    label: str, rates: Mapping[str, Any], what: str, share: str = ""
) -> tuple[str, str, str, str]:
    rate, processor = rates[f"{what}_per_second"], rates[f"{what}_per_processor_second"]
    return label, f"{rate:,}", f"{processor:,}", share


def _line(cells: "tuple[str, ...] | list[str]") -> str:
    return "| " + " | ".join(cells) + " |"
