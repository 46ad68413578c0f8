"""The figures of a run that are held against the record, and how far each may move."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Rule", "figures", "rule", "without_model"]

Summary = Mapping[str, Any]
Value = float | int | str


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How far a figure may move.

    Parameters
    ----------
    share : of the recorded figure; 0 lets nothing move, in neither direction: what is exact and
        became better is recorded anew, with the change that made it so.
    more : whether more is better.
    limit : the most that it may be, recorded or not; how far it moves below that is told only.
    """

    share: float = 0.0
    more: bool = True
    limit: float | None = None

    @property
    def text(self) -> str:
        """In words."""
        if self.limit is not None:
            return f"at most {self.limit:g}"
        return "exact" if self.share == 0 else f"{'-' if self.more else '+'}{100 * self.share:g} %"


_EXACT = Rule(share=0)
_EXACT_LESS = Rule(share=0, more=False)
# The planner's models, off by so much of what was counted, or by so many.
_MODEL = "model of cycles off by"
_LUTS = "model of LUTs off by"
_BLOCK_RAMS = "model of block RAMs off by"
# By the first that matches a figure's name. Speeds of simulation and golden model are not held:
# they are those of the machine, and of what else it does.
_RULES = (
    (r"network", _EXACT),
    (r"accuracy, .*|efficiency, .*", _EXACT),
    (r"(samples|spikes) compared, .*", _EXACT),
    (rf"{_MODEL}, .*", Rule(more=False, limit=0.02)),
    (_LUTS, Rule(more=False, limit=0.15)),
    (_BLOCK_RAMS, Rule(more=False, limit=0)),
    # The golden model is equalled or it is not, whatever the record says.
    (r"differences, .*", Rule(more=False, limit=0)),
    (r"(cycles|bound|latency cycles), .*", _EXACT_LESS),
    (r"block RAMs|SPRAMs|DSPs", _EXACT_LESS),
    # Another version of the tools, or of an unrelated core, moves these a little.
    (r"LUTs|flip-flops", Rule(share=0.03, more=False)),
    # The median of three seeds still moves with them.
    (r"Fmax, MHz", Rule(share=0.08)),
    (r"samples a second.*", Rule(share=0.1)),
)


def rule(name: str) -> Rule:
    """The rule of a figure."""
    return next(found for pattern, found in _RULES if re.fullmatch(pattern, name))


def figures(summary: Summary) -> dict[str, Value]:
    """Every figure of a run that is held, by name."""
    found: dict[str, Value] = {"network": summary["network"]["hash"][:12]}
    for name, share in summary["accuracy"].items():
        if name == "stepwise":
            found |= {f"accuracy, stepwise T = {steps}": each for steps, each in share.items()}
        elif isinstance(share, float):
            found[f"accuracy, {name.replace('_', ' ')}"] = share
    for mode, report in sorted(summary["cosim_modes"].items()):
        found |= {
            f"samples compared, {mode}": report["samples"],
            f"spikes compared, {mode}": report["spikes_compared"],
            f"differences, {mode}": report["mismatches"],
            f"cycles, {mode}": report["cycles_per_sample"],
            f"bound, {mode}": report["bound_cycles"],
            f"latency cycles, {mode}": report["latency_cycles"],
            f"efficiency, {mode}": report["bound_cycles"] / report["cycles_per_sample"],
        }
        if report.get("estimate_error") is not None:
            found[f"{_MODEL}, {mode}"] = abs(report["estimate_error"])
    build, performance = summary["build"], summary["performance"]
    if "estimated" in build:
        found[_LUTS] = abs(build["estimated"]["lut_error"])
        found[_BLOCK_RAMS] = abs(build["estimated"]["bram_error"])
    return found | {
        "LUTs": build["lut"],
        "flip-flops": build["ff"],
        "block RAMs": build["bram"],
        "SPRAMs": build["spram"],
        "DSPs": build["dsp"],
        "Fmax, MHz": build["fmax_mhz"],
        "samples a second": performance["frames_per_s"],
        "samples a second and kLUT": performance["frames_per_s_per_klut"],
    }


def without_model(summary: Summary) -> list[str]:
    """What the planner's models have said nothing of."""
    modes = sorted(summary["cosim_modes"].items())
    lacks = [f"cycles {mode}" for mode, report in modes if report.get("estimate_error") is None]
    return lacks if "estimated" in summary["build"] else [*lacks, "area"]
