"""Writes the table of measured results of a text from the summaries of runs.

``python -m spikewright.flow.results README.md DIR...`` replaces what stands between the two marker
lines; no figure there is typed by hand.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from spikewright.flow.files import read_json
from spikewright.golden.errors import ConfigurationError, FileError, SpikewrightError

__all__ = ["BEGIN", "END", "replace_table", "table"]

BEGIN = "<!-- results: written by make bench -->"
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
    ("fmax", lambda s: f"{s['build']['fmax_mhz']:.1f} MHz"),
    ("frames a sequence, each a sample", lambda s: _frames(s["cosim"])),
    ("cycles a sample, mean", lambda s: _number(s["performance"]["cycles_per_sample"])),
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


def _area(build: Summary) -> str:
    return f"{build['lut']:,}, {build['ff']:,}, {build['bram']}"


def _bound(performance: Summary) -> str:
    return f"{_number(performance['bound_cycles'])}, {performance['efficiency']:.2f}"


def table(summaries: Sequence[Summary]) -> str:
    """Markdown tables: a column for each run, at most four side by side; a row for each figure."""
    if not summaries:
        raise ConfigurationError("there must be at least one run", found="none")
    parts = [summaries[k : k + _COLUMNS] for k in range(0, len(summaries), _COLUMNS)]
    lines = [line for part in parts for line in [*_part(part), ""]]
    return "\n".join([*lines, *_origins(summaries)])


def _part(summaries: Sequence[Summary]) -> list[str]:
    names = [summary["network"]["name"] for summary in summaries]
    lines = [f"| | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for title, figure in _ROWS:
        lines.append(f"| {title} | {' | '.join(figure(summary) for summary in summaries)} |")
    return lines


def _origins(summaries: Sequence[Summary]) -> list[str]:
    """When, on what and with what the figures were made; equal origins are told once."""
    origins: dict[str, list[str]] = {}
    for summary in summaries:
        run, versions = summary["measured"], summary["versions"]
        named = [f"{name} {version}" for name, version in versions.items() if name != "spikewright"]
        text = (
            f"measured {run['date']} on {run['cores']} {run['processor']} cores with "
            f"{run['memory_gib']} GiB; {', '.join(named)}"
        )
        origins.setdefault(text, []).append(summary["network"]["name"])
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


def main(arguments: Sequence[str]) -> int:
    """Rewrite the table in the first argument from the summaries in the folders after it."""
    try:
        if not arguments:
            raise ConfigurationError("a text must be named", found="no argument")
        path = Path(arguments[0])
        summaries = []
        for folder in arguments[1:]:
            summary = read_json(Path(folder) / "summary.json")
            missing = {"accuracy", "cosim", "build", "performance"} - set(summary)
            if missing:
                raise FileError(
                    "a run must have gone the whole way",
                    found=f"no {', '.join(sorted(missing))}",
                    where=folder,
                )
            summaries.append(summary)
        new = replace_table(path.read_text(encoding="utf-8"), table(summaries), str(path))
        path.write_text(new, encoding="utf-8")
    except (SpikewrightError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code if isinstance(error, SpikewrightError) else FileError.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
