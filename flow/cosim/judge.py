"""Says what is wrong with a batch: a broken handshake, a token, or a counter."""

from .compare import Difference, StreamPair, first_difference, locate
from .manifest import COUNTER_NAMES, GUARD_NAMES, Manifest
from .setup import Setup, Vectors
from .testbench import BatchResult, Status

__all__ = ["judge", "judge_handshakes"]

_FAULTS = {
    Status.UNKNOWN: ("a stream must not be unknown (X) after reset", "X"),
    Status.WITHDRAWN: ("valid must stay until the token is taken", "valid withdrawn"),
    Status.CHANGED: ("a token must hold while it waits", "another token"),
}


def judge(
    setup: Setup, manifest: Manifest, vectors: Vectors, result: BatchResult, *, first: int
) -> Difference | None:
    """The first difference in the batch that begins with sample ``first``; None if all is right."""
    last = min(first + setup.batch, vectors.samples)
    pairs = [
        StreamPair(
            name=probe.name,
            layout=probe.layout,
            expected=words[starts[first] : starts[last]],
            found=seen,
        )
        for probe, words, starts, seen in zip(
            manifest.probes, vectors.words, vectors.starts, result.streams, strict=True
        )
    ]
    missing = "nothing"
    if result.status is Status.HANG:
        missing = (
            f"nothing for {setup.watchdog} cycles, with {result.accepted} input tokens of the batch"
            f" accepted"
        )
    difference = first_difference(pairs, first_sample=first, missing=missing)
    if result.status in _FAULTS:
        fault = _fault(manifest, result, pairs, (first, last))
        cut = difference is None or difference.found == missing
        return fault if cut or _earlier(fault, difference) else difference
    if difference is not None:
        return difference
    if result.status is not Status.DONE:
        return Difference(
            sample=first,
            step=None,
            population=pairs[-1].name,
            neuron=None,
            expected="the end of the batch",
            found=result.status.name.lower(),
        )
    return _counters(manifest, vectors, result, (first, last))


def judge_handshakes(
    setup: Setup, manifest: Manifest, result: BatchResult, *, first: int
) -> Difference | None:
    """What is wrong with a batch of which nothing is known but that it must end in good order."""
    if result.status is Status.DONE:
        return None
    names = [*(probe.name for probe in manifest.probes), *(each.name for each in manifest.inputs)]
    if result.status is Status.HANG:
        must, found = "the batch must end", f"no token for {setup.watchdog} cycles"
        names[result.culprit] = manifest.output.name
    elif result.status is Status.SURPLUS:
        must, found = "no neuron may spike twice in a step", "more spikes than that"
    else:
        must, found = _FAULTS[result.status]
    return Difference(
        sample=first,
        step=None,
        population=names[result.culprit],
        neuron=None,
        expected="a batch in good order",
        found=found,
        what=must,
    )


def _fault(
    manifest: Manifest, result: BatchResult, pairs: list[StreamPair], samples: tuple[int, int]
) -> Difference:
    """A stream that broke its handshake."""
    first, last = samples
    must, found = _FAULTS[result.status]
    if result.culprit >= len(pairs):
        source = manifest.inputs[result.culprit - len(pairs)]
        return Difference(
            sample=first,
            step=None,
            population=f"input {source.name}",
            neuron=None,
            expected="ready 0 or 1",
            found=found,
            what=must,
        )
    pair = pairs[result.culprit]
    position = min(pair.found.size, pair.expected.size)
    sample, step = locate(pair, position, first)
    upcoming = pair.expected[position : position + 1]
    return Difference(
        sample=min(sample, last - 1),
        step=step,
        population=pair.name,
        neuron=None,
        expected=pair.layout.describe(int(upcoming[0])) if upcoming.size else "nothing",
        found=found,
        what=must,
    )


def _earlier(fault: Difference, other: Difference | None) -> bool:
    return other is None or fault.sample < other.sample


def _counters(
    manifest: Manifest, vectors: Vectors, result: BatchResult, samples: tuple[int, int]
) -> Difference | None:
    """The first counter that is wrong: what the golden model counts, what the testbench counts."""
    first, last = samples
    golden = vectors.counters[:, :, first:last].sum(axis=2)
    of_cores = len(manifest.cores) * len(COUNTER_NAMES)
    found = result.counters[1 : 1 + of_cores].reshape(-1, len(COUNTER_NAMES))
    stalls = {p.name: int(n) for p, n in zip(manifest.probes, result.stalls, strict=True)}
    checks = [(manifest.top, "cycles", result.cycles % (1 << 32), int(result.counters[0]))]
    for k, core in enumerate(manifest.cores):
        wanted = dict(zip(COUNTER_NAMES, golden[k].tolist(), strict=False))
        seen = dict(zip(COUNTER_NAMES, found[k].tolist(), strict=True))
        if not vectors.exact[k]:
            # A delta sends changes, whose number depends on the order of its spikes; each is a row
            # for one neuron.
            more = max(0, seen["rows"] - wanted["rows"])
            wanted["rows"] += more
            wanted["synops"] += more
        if len(core.hosts) == 1 and core.hosts[0].channels is None:
            wanted["stalls"] = stalls[core.hosts[0].population]
        # How long a core is busy is its own affair, but so many rows take a cycle of it.
        least = -(-wanted["rows"] // core.rows_per_cycle)
        wanted["busy"] = min(max(seen["busy"], least), result.cycles)
        checks += [(core.name, name, n % (1 << 32), seen[name]) for name, n in wanted.items()]
    lost = result.counters[1 + of_cores :].reshape(-1, len(GUARD_NAMES))
    names = [source.name for source in manifest.inputs]
    for guard, place, counts in zip(manifest.guards, manifest.guarded, lost, strict=True):
        # Only spikes are dropped, so tokens differ by as many as spikes.
        source = names.index(guard.input)
        sent = vectors.input_starts[source]
        kept = vectors.starts[place]
        dropped = int((sent[last] - sent[first]) - (kept[last] - kept[first]))
        for name, want, have in zip(
            GUARD_NAMES, (dropped, int(result.refused[source])), counts.tolist(), strict=True
        ):
            checks.append((guard.input, name, want, have))
    for population, name, want, have in checks:
        if want != have:
            return Difference(
                sample=first, step=None, population=population, neuron=None,
                expected=str(want), found=str(have),
                what=f"counter {name} over samples {first} to {last - 1} must be right",
            )  # fmt: skip
    return None
