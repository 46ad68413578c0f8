"""What guards let through: recorded in a first run, and held against what was sent."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spikewright.golden.errors import MismatchError
from spikewright.golden.spec import TokenKind

from .layout import Layout, Words
from .manifest import Manifest
from .streams import TokenStream

__all__ = ["kept_values", "load_recorded", "save_recorded"]

Array = npt.NDArray[np.int64]


def save_recorded(path: Path, batches: Sequence[Sequence[Words]]) -> None:
    """Write the words of each guard, of all batches one after the other, as npz."""
    guards = zip(*batches, strict=True)
    arrays = {f"words_{k}": np.concatenate(words) for k, words in enumerate(guards)}
    np.savez(path, allow_pickle=False, **arrays)


def load_recorded(paths: Sequence[Path], manifest: Manifest) -> dict[str, Words]:
    """The words of each input that has a guard, from the files of all shares in order."""
    parts: dict[str, list[Words]] = {guard.input: [] for guard in manifest.guards}
    for path in paths:
        with np.load(path, allow_pickle=False) as data:
            for k, words in enumerate(parts.values()):
                words.append(data[f"words_{k}"])
    return {name: np.concatenate(words) for name, words in parts.items()}


def kept_values(
    manifest: Manifest,
    recorded: Mapping[str, Words],
    sent: Mapping[str, TokenStream],
    values: Mapping[str, Array],
) -> dict[str, Array]:
    """``values`` [samples, steps, n] of the inputs without the spikes that their guards dropped.

    Parameters
    ----------
    recorded : words behind each guard. sent : the tokens of each input as they were sent.

    Raises
    ------
    MismatchError
        If a guard made something of the tokens but dropping spikes: the first one that is neither
        the next token nor one behind dropped spikes.
    """
    result = dict(values)
    for guard, place in zip(manifest.guards, manifest.guarded, strict=True):
        name, layout = guard.input, manifest.probes[place].layout
        lost = _lost(name, layout, recorded[name], sent[name])
        sample, step = _places(sent[name])
        kept = np.array(values[name])
        kept[sample[lost], step[lost], sent[name].address[lost]] = 0
        result[name] = kept
    return result


def _lost(name: str, layout: Layout, words: Words, sent: TokenStream) -> Array:
    """Places of the sent tokens that do not come out; the others do, in order.

    Which one of a step's spikes was lost is never in doubt: each has another neuron.
    """
    kept = np.stack(layout.unpack(layout.significant(words)), axis=1)
    tokens = np.stack((sent.kind, sent.address, sent.payload), axis=1)
    lost: list[int] = []
    at = 0
    for place, token in enumerate(tokens):
        if at < len(kept) and np.array_equal(token, kept[at]):
            at += 1
        elif token[0] == TokenKind.SPIKE:
            lost.append(place)
        else:
            break  # a marker that is missing
    else:
        if at == len(kept):
            return np.array(lost, dtype=np.int64)
    raise MismatchError(
        "a guard must let tokens pass as they come, or drop spikes",
        found=layout.describe(int(words[at])) if at < len(kept) else "nothing more",
        where=f"input {name!r}, token {at} behind its guard",
    )


def _places(stream: TokenStream) -> tuple[Array, Array]:
    """Sample and step of each token."""
    sample = np.repeat(np.arange(stream.starts.size - 1), np.diff(stream.starts))
    steps = np.concatenate(([0], np.cumsum(stream.kind == TokenKind.STEP)))
    return sample, steps[:-1] - steps[stream.starts[:-1]][sample]
