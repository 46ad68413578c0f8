"""What is told of conversion methods: by the command ``methods``, and in the documentation."""

import inspect
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from spikewright.flow.convert import Method, Tuning, methods
from spikewright.golden.spec import Mode

__all__ = ["exact", "levels", "markdown", "page", "trains", "tunes"]

_TUNES = {
    None: "-",
    Tuning.LAYERS: "by layers",
    Tuning.RATE: "by rates",
    Tuning.SURROGATE: "in time",
}


def trains(method: Method) -> str:
    """Whether it has a training of its own."""
    return "yes" if method.trains else "-"


def tunes(method: Method) -> str:
    """What trains on with spikes."""
    return _TUNES[method.tuning]


def levels(method: Method) -> str:
    """Of a hidden neuron; of a rate, over so many steps."""
    if method.repeats and not method.bursts:
        return f"T = {method.levels}"
    return str(method.levels)


def exact(method: Method) -> str:
    """The modes whose numbers are those of the quantised network."""
    if method.own_steps:
        return Mode.STEPWISE
    return ", ".join(mode for mode in method.modes if mode is not Mode.STEPWISE) or "-"


def page(method: Method) -> str:
    """The docstring of the file that it is in: source, equations, and what was confirmed."""
    return inspect.cleandoc(_pages()[method.name])


@cache
def _pages() -> dict[str, str]:
    found = {}
    for each in iter_modules(methods.__path__, f"{methods.__name__}."):
        module = import_module(each.name)
        for name in module.__all__:
            row = getattr(module, name)
            assert module.__doc__ is not None  # of every file
            found[row.name] = module.__doc__
    return found


def markdown(rows: list[Method]) -> str:
    """The table of docs/methods.md."""
    lines = [
        "| method | trains | tunes | levels | exact in | what it is | source |",
        "|---|---|---|---|---|---|---|",
    ]
    for each in rows:
        cells = (trains(each), tunes(each), levels(each), exact(each), each.title, each.source)
        lines.append(f"| `{each.name}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
