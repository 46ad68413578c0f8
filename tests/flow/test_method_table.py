"""What is told of methods is what they are: the documentation's table, and its example."""

import re
import runpy
from types import MappingProxyType

import pytest

from spikewright.flow.convert import METHODS, methods
from spikewright.flow.method_table import exact, levels, markdown, page, trains, tunes
from spikewright.golden.errors import ConfigurationError
from support.by_hand import G, converted, spikes


@pytest.fixture
def text(request):
    return (request.config.rootpath / "docs" / "methods.md").read_text()


def test_the_table_of_the_documentation_is_of_the_methods_there_are(text):
    assert markdown(list(METHODS.values())) in text


def test_every_method_is_in_the_text(text):
    _, _, below = text.partition("## Which one")
    for name in METHODS:
        assert f"`{name}`" in below, name


def test_cells():
    cells = {
        name: tuple(tell(METHODS[name]) for tell in (trains, tunes, levels, exact))
        for name in ("rate", "fast-snn", "hybrid", "dsr", "bursts", "st-bif", "ttfs", "pattern",
                     "corrective", "one-hot")
    }  # fmt: skip
    assert cells == {
        "rate": ("-", "-", "T = 16", "-"),
        "fast-snn": ("yes", "by layers", "T = 3", "-"),
        "hybrid": ("yes", "in time", "T = 4", "-"),
        "dsr": ("yes", "by rates", "T = 5", "-"),
        "bursts": ("yes", "-", "6", "-"),
        "st-bif": ("yes", "-", "15", "settle, collapsed"),
        "ttfs": ("yes", "-", "15", "stepwise"),
        "pattern": ("yes", "-", "15", "stepwise"),
        "corrective": ("yes", "-", "15", "-"),
        "one-hot": ("yes", "-", "7", "stepwise"),
    }


@pytest.mark.parametrize("name", METHODS)
def test_a_page_gives_the_source_and_equations(name):
    found = page(METHODS[name])
    surname = re.split(r"[ ,]", METHODS[name].source)[0]
    assert surname in found or surname == "Diehl", (name, surname)
    assert "::\n" in found or name in (
        "ttfs",
        "pattern",
        "corrective",
        "one-hot",
    )  # whose equations are elsewhere
    assert not found.startswith(" ")


def test_the_example_of_a_new_method(text, tmp_path, monkeypatch):
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (tmp_path / "signed_qcfs.py").write_text(code)
    made = runpy.run_path(str(tmp_path / "signed_qcfs.py"))
    (name,) = made["__all__"]
    row = made[name]
    with pytest.raises(ConfigurationError, match="^method: must be one of "):
        converted(row.name, 4)
    monkeypatch.setattr(methods, "METHODS", MappingProxyType({**METHODS, row.name: row}))
    conversion = converted(row.name, 4)
    soma = conversion.network.population(G).soma
    assert (soma.threshold.tolist(), soma.threshold_negative.tolist()) == ([2], [2])
    assert (soma.initial_v.tolist(), soma.s_min) == ([1], 0)
    # As QCFS of (0, 3), worked by hand in tests/flow/convert/test_methods.py, up to g's -1 in the
    # fourth step; then h0 9 and h1 15 -> 3, and g gets 2 - 3: -2, which is taken back, 0.
    h = [[0, 1, 0, 0, 0], [1, 1, 0, 1, 1]]
    assert spikes(conversion, (0, 3), 5)[:2] == (h, [[0, 1, 1, 0, -1]])
    assert f"| `{row.name}` | yes | - | T = 8 | - | as qcfs" in markdown([row])
