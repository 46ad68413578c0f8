"""Benchmarks: that ``make bench`` runs all of them."""

import re

from spikewright.flow.bench import BENCHMARKS


def test_make_runs_every_benchmark_once(request):
    text = (request.config.rootpath / "Makefile").read_text()
    lists = re.findall(r"^ON_\w+ := (.*)$", text, re.MULTILINE)
    assert len(lists) == 3 and not re.findall(r"spikewright bench [a-z]", text)
    names = [name for each in lists for name in each.split()]
    assert sorted(names) == sorted(BENCHMARKS)
