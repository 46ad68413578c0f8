"""The study as a page."""

from collections.abc import Mapping
from typing import Any

from .run import ROWS

__all__ = ["page"]


def page(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Markdown of all rows; those without a finding are listed as not run."""
    lines = [
        "# Methods, measured",
        "",
        "Made by `make study`. Each row is an experiment on a small machine that the claim of a",
        "paper can be held against; figures of papers are of other data. *Equal* is the",
        "co-simulation of the network: samples, spikes that were compared, spikes that differ.",
        "",
    ]
    for title, preset in (("Claims", False), ("Every preset", True)):
        rows = [row for row in ROWS.values() if row.name.startswith("preset-") is preset]
        lines += [f"## {title}", ""]
        for row in rows:
            entry = found.get(row.name)
            lines += [f"### {row.name}", "", f"{row.paper}: {row.claim}.", ""]
            lines += [f"- Experiment: {row.experiment}", f"- Target: {row.target}"]
            if entry is None:
                lines += ["- Not run yet", ""]
                continue
            finding = entry["finding"]
            state = "reached" if finding["met"] else "missed"
            lines.append(f"- Result ({state}): {finding['result']}")
            if not finding["met"] and row.missed:
                lines.append(f"- Why: {row.missed}")
            lines.append(
                f"- Equal: {finding['compared']:,} samples, {finding['spikes']:,} spikes, "
                f"{finding['mismatches']} differ"
            )
            lines += [f"- {_measured(entry)}", ""]
    return "\n".join(lines)


def _measured(entry: Mapping[str, Any]) -> str:
    machine, versions = entry["measured"], entry["versions"]
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"Seed {entry['seed']}, {entry['finding']['seconds']:,.0f} s, {machine['date']}, "
        f"{machine['cores']} cores, {machine['memory_gib']} GiB; {named}"
    )
