"""Benchmarks: that ``make bench`` runs all of them."""

import re

from spikewright.flow.bench import BENCHMARKS


def test_make_runs_every_benchmark_once(request):
    text = (request.config.rootpath / "Makefile").read_text()
    lists = re.findall(r"^ON_\w+ := (.*)$", text, re.MULTILINE)
    alone = re.findall(r"spikewright bench ([a-z][\w-]*)", text)
    assert len(lists) == 2 and alone == ["spoken-digits"]
    names = [name for each in lists for name in each.split()] + alone
    assert sorted(names) == sorted(BENCHMARKS)
