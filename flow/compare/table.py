"""A comparison as rows: what each method reached, and what it costs."""

from collections.abc import Sequence

from .result import Compared

__all__ = ["COLUMNS", "compare_table"]

COLUMNS = (
    "method",
    "run",
    "accuracy",
    "of float",
    "spikes a neuron",
    "synops",
    "of dense",
    "bit budget",
    "bit ops",
    "footprint, B",
    "cycles",
    "LUTs",
    "RAMs",
)


def compare_table(found: Sequence[Compared]) -> list[tuple[str, ...]]:
    """Rows of ``COLUMNS``; a method that was refused has its reason in the second."""
    rows: list[tuple[str, ...]] = []
    for each in found:
        run = each.best
        if run is None:
            rows.append((each.method, f"refused: {each.refused}", *[""] * (len(COLUMNS) - 2)))
            continue
        hardware, static = each.hardware or {}, each.static or {}
        gain = run.classification_accuracy - (each.float_accuracy or 0.0)
        short = " !" if hardware.get("short_of") else ""
        rows.append(
            (
                each.method,
                run.name,
                f"{100 * run.classification_accuracy:.2f} %",
                f"{100 * gain:+.2f}",
                f"{run.spikes_per_neuron:.2f}",
                f"{run.synops:,.0f}",
                f"{100 * run.synops / run.dense:.1f} %",
                "-" if run.bit_budget is None else str(run.bit_budget),
                f"{run.bit_operations:,.0f}",
                f"{static.get('footprint', 0):,.0f}",
                _figure(hardware, "cycles"),
                _figure(hardware, "luts") + short,
                _figure(hardware, "block_rams"),
            )
        )
    return rows


def _figure(hardware: dict[str, object], name: str) -> str:
    value = hardware.get(name)
    return f"{value:,.0f}" if isinstance(value, int | float) else "-"
