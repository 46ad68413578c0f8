"""Tables of measured results, in Markdown: a short one for a text, and a page with everything."""

from collections.abc import Callable, Mapping
from typing import Any

from spikewright.golden.errors import FileError

from .goal import Reached, reached

__all__ = ["BEGIN", "END", "page", "replace_table", "short_table"]

BEGIN = "<!-- results: written by make record -->"
END = "<!-- /results -->"

Summary = Mapping[str, Any]


_NONE = "-"  # what a network has not, as the modes that it does not run in


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}"


def _stepwise(summary: Summary) -> str:
    shares = summary["accuracy"]["stepwise"]
    if not shares:
        return _NONE
    figures = ", ".join(f"{100 * share:.2f}" for share in shares.values())
    return f"{figures} % (T = {', '.join(shares)})"


def _compared(summary: Summary) -> str:
    reports = summary["cosim_modes"]
    spikes = sum(report["spikes_compared"] for report in reports.values())
    mismatches = sum(report["mismatches"] for report in reports.values())
    samples = {f"{report['samples']:,}" for report in reports.values()}
    how = f"{' / '.join(sorted(samples))} samples, {', '.join(sorted(reports))}"
    return f"{mismatches} of {spikes:,} ({how})"


_COLUMNS = 4
_ROWS: tuple[tuple[str, Callable[[Summary], str]], ...] = (
    ("network", lambda s: "-".join(s["network"]["shapes"])),
    (
        "weights",
        lambda s: f"{s['network']['weights']:,} of {max(s['network']['weight_bits'])} bits",
    ),
    ("accuracy, float", lambda s: _share(s["accuracy"], "float")),
    ("accuracy, as trained", lambda s: _share(s["accuracy"], "as_trained")),
    ("accuracy, quantised", lambda s: _share(s["accuracy"], "quantised")),
    ("accuracy, collapsed and settle", lambda s: _both(s["accuracy"])),
    ("accuracy, stepwise", _stepwise),
    ("spikes a hidden neuron", lambda s: _spikes(s["accuracy"])),
    ("golden model, samples a second", lambda s: _golden(s["golden"])),
    ("spikes that differ in co-simulation", _compared),
    ("simulated cycles per second (lanes)", lambda s: _speed(s["cosim_modes"])),
    ("board", lambda s: str(s["build"]["board"])),
    ("lanes (banks)", lambda s: _lanes(s["hardware"])),
    ("LUTs, flip-flops, block RAMs", lambda s: _area(s["build"])),
    ("LUTs, block RAMs, by the planner's model", lambda s: _modelled_area(s["build"])),
    ("fmax", lambda s: f"{s['build']['fmax_mhz']:.1f} MHz"),
    ("that of each seed", lambda s: _seeds(s["build"])),
    ("fmax, by the planner's model", lambda s: _modelled_clock(s["build"])),
    ("frames a sequence, each a sample", lambda s: _frames(s["cosim"])),
    ("cycles a sample, mean", lambda s: _number(s["performance"]["cycles_per_sample"])),
    ("cycles, by the planner's model", lambda s: _modelled(s["cosim_modes"])),
    ("its bound, efficiency", lambda s: _bound(s["performance"])),
    ("latency", lambda s: f"{s['performance']['latency_us']:.2f} us"),
    ("samples a second", lambda s: _number(s["performance"]["frames_per_s"])),
    ("samples a second and kLUT", lambda s: _number(s["performance"]["frames_per_s_per_klut"])),
)


def _share(accuracy: Summary, name: str) -> str:
    return _percent(accuracy[name]) if name in accuracy else _NONE


def _both(accuracy: Summary) -> str:
    if "collapsed" not in accuracy:
        return _NONE
    if accuracy["collapsed"] == accuracy["settle"]:
        return _percent(accuracy["collapsed"])
    return f"{_percent(accuracy['collapsed'])} and {_percent(accuracy['settle'])}"


def _spikes(accuracy: Summary) -> str:
    """Of the runs that are exact, or of all where none is."""
    means = accuracy.get("spikes_per_neuron", {})
    exact = [name for name in means if name.partition(" ")[0] in accuracy["equal_logits"]]
    return ", ".join(f"{means[name]:.3f} ({name})" for name in exact or means) or "-"


def _frames(cosim: Summary) -> str:
    return str(cosim["frames"]) if cosim.get("frames") else _NONE


def _lanes(hardware: Summary) -> str:
    """Lanes of every core, and the rows and columns that they span where it is more than one."""
    cores = zip(hardware["lanes"], hardware["banks"], strict=True)
    return " ".join(
        f"{lanes}" if banks == "1x1" else f"{lanes} ({banks})" for lanes, banks in cores
    )


def _golden(golden: Summary) -> str:
    steps = "" if golden["steps"] is None else f", T = {golden['steps']}"
    how = f"{golden['mode']}{steps}, {golden['threads']} threads"
    return f"{_number(golden['samples_per_second'])} ({how})"


def _speed(modes: Mapping[str, Summary]) -> str:
    return ", ".join(
        f"{mode} {_number(report['cycles_per_second'])} ({' '.join(map(str, report['lanes']))})"
        for mode, report in sorted(modes.items())
    )


def _modelled(modes: Mapping[str, Summary]) -> str:
    """In each mode, and how far that is from what was counted on the same samples."""
    if not any("estimated_cycles" in report for report in modes.values()):
        return "not recorded"
    return ", ".join(
        f"{mode} {_number(report['estimated_cycles'])} ({100 * report['estimate_error']:+.2f} %)"
        if report.get("estimated_cycles") is not None
        else f"{mode} {'refused' if 'estimated_cycles' in report else 'not recorded'}"
        for mode, report in sorted(modes.items())
    )


def _area(build: Summary) -> str:
    return f"{build['lut']:,}, {build['ff']:,}, {build['bram']}"


def _modelled_area(build: Summary) -> str:
    if "estimated" not in build:
        return "not recorded"
    found = build["estimated"]
    return f"{found['lut']:,} ({100 * found['lut_error']:+.1f} %), {found['bram']}"


def _modelled_clock(build: Summary) -> str:
    if "estimated" not in build:
        return "not recorded"
    told, routed = build["estimated"]["fmax_mhz"], build["fmax_mhz"]
    return f"{told:.1f} MHz ({100 * (told / routed - 1):+.0f} %)"


def _bound(performance: Summary) -> str:
    return f"{_number(performance['bound_cycles'])}, {performance['efficiency']:.2f}"


def _seeds(build: Summary) -> str:
    return ", ".join(f"{run['fmax_mhz']:.1f} ({run['seed']})" for run in build["seeds"])


def _main_accuracy(summary: Summary) -> str:
    """In the mode of the bitstream; stepwise, with the most steps that were tried."""
    share = summary["accuracy"].get(summary["build"]["mode"])
    if isinstance(share, Mapping):
        share = list(share.values())[-1] if share else None
    return _NONE if share is None else _percent(share)


def _differences(summary: Summary) -> str:
    reports = summary["cosim_modes"].values()
    compared = sum(report["spikes_compared"] for report in reports)
    return f"{sum(report['mismatches'] for report in reports)} of {compared:,} spikes"


# Title, figure, and whether it is a number.
_SHORT: tuple[tuple[str, Callable[[Summary], str], bool], ...] = (
    ("network", lambda s: "-".join(s["network"]["shapes"]), False),
    ("board", lambda s: str(s["build"]["board"]), False),
    ("accuracy", _main_accuracy, True),
    ("cycles", lambda s: _number(s["performance"]["cycles_per_sample"]), True),
    ("efficiency", lambda s: f"{s['performance']['efficiency']:.2f}", True),
    ("Fmax, MHz", lambda s: f"{s['build']['fmax_mhz']:.1f}", True),
    ("LUTs", lambda s: f"{s['build']['lut']:,}", True),
    ("block RAMs", lambda s: str(s["build"]["bram"]), True),
    ("samples/s", lambda s: _number(s["performance"]["frames_per_s"]), True),
    ("samples/s and kLUT", lambda s: _number(s["performance"]["frames_per_s_per_klut"]), True),
    ("differences", _differences, True),
)


def short_table(runs: Mapping[str, Summary]) -> str:
    """A row for each run, and what it was made with."""
    marks = "|".join("---:" if number else "---" for _, _, number in _SHORT)
    lines = [f"| | {' | '.join(title for title, _, _ in _SHORT)} |", f"|---|{marks}|"]
    for name, summary in runs.items():
        lines.append(f"| {name} | {' | '.join(figure(summary) for _, figure, _ in _SHORT)} |")
    return "\n".join([*lines, "", *_origins(runs)])


def page(runs: Mapping[str, Summary]) -> str:
    """All figures of every run: a column for each, at most four side by side; then the goals."""
    lines = [
        "# Measured",
        "",
        "Made by `make record` from `record.json`; `make regress` holds new results against it.",
        "",
    ]
    names = list(runs)
    for k in range(0, len(names), _COLUMNS):
        lines += [*_part({name: runs[name] for name in names[k : k + _COLUMNS]}), ""]
    goals = {
        name: reached(summary["benchmark"]["goal"], summary)
        for name, summary in runs.items()
        if summary.get("benchmark", {}).get("goal")
    }
    if goals:
        lines += ["## Goals", "", "| | figure | wanted | reached | |", "|---|---|---:|---:|---|"]
        lines += [_goal(name, each) for name, found in goals.items() for each in found]
        lines += ["", "The slowest path of each of them:", ""]
        lines += [_slowest(name, runs[name]["build"]) for name in goals]
        lines.append("")
    return "\n".join([*lines, "## Measured when, and with what", "", *_origins(runs)]) + "\n"


def _part(runs: Mapping[str, Summary]) -> list[str]:
    lines = [f"| | {' | '.join(runs)} |", "|---" * (len(runs) + 1) + "|"]
    for title, figure in _ROWS:
        lines.append(f"| {title} | {' | '.join(map(figure, runs.values()))} |")
    return lines


def _goal(run: str, each: Reached) -> str:
    wanted, found = (
        f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
        for value in (each.wanted, each.found)
    )
    title = each.name.replace("_", " ")
    bound = "at most" if each.at_most else "at least"
    return f"| {run} | {title} | {bound} {wanted} | {found} | {'met' if each.met else 'missed'} |"


def _slowest(run: str, build: Summary) -> str:
    path = build["critical_path"]
    return (
        f"- {run}: {path['delay_ns']:.2f} ns ({path['logic_ns']:.2f} logic, "
        f"{path['routing_ns']:.2f} routing), from `{path['source']}` to `{path['sink']}`"
    )


def _origins(runs: Mapping[str, Summary]) -> list[str]:
    """When, on what and with what the figures were made; equal origins are told once."""
    origins: dict[str, list[str]] = {}
    for name, summary in runs.items():
        run, versions = summary["measured"], summary["versions"]
        named = [f"{name} {version}" for name, version in versions.items() if name != "spikewright"]
        seeds = ", ".join(str(each["seed"]) for each in summary["build"]["seeds"])
        training = summary.get("benchmark", {}).get("seed", 0)
        text = (
            f"measured {run['date']} on {run['cores']} {run['processor']} cores with "
            f"{run['memory_gib']} GiB; seed of training {training}, of place and route {seeds}; "
            f"{', '.join(named)}"
        )
        origins.setdefault(text, []).append(name)
    return [f"{', '.join(names)}: {text}." for text, names in origins.items()]


def replace_table(text: str, new: str, where: str) -> str:
    """The text with ``new`` between its two markers."""
    lines = text.splitlines()
    if lines.count(BEGIN) != 1 or lines.count(END) != 1 or lines.index(BEGIN) > lines.index(END):
        raise FileError(
            f"the text must have the lines {BEGIN} and {END}", found="not so", where=where
        )
    start, stop = lines.index(BEGIN), lines.index(END)
    return "\n".join([*lines[: start + 1], "", new, "", *lines[stop:]]) + "\n"
