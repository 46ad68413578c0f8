"""What the golden model answers to the samples of a device; the only part that loads torch."""

import numpy as np

from spikewright.flow.cosim.layout import Words
from spikewright.flow.cosim.streams import OUTPUT
from spikewright.flow.host.samples import Samples
from spikewright.flow.host.target import Target
from spikewright.golden.spec import Mode

__all__ = ["expected_tokens"]

_CHUNK = 64


def expected_tokens(target: Target, samples: Samples, steps: int | None) -> list[Words]:
    """Words of the output, as in ``Result.tokens``, of each sample.

    ``steps`` : T of a stepwise run.
    """
    from spikewright.flow.cosim.golden import golden_streams

    manifest, frames = target.manifest, samples.frames
    layout = manifest.output.layout
    asked = steps if manifest.mode is Mode.STEPWISE else None
    found: list[Words] = []
    for start in range(0, len(samples), _CHUNK):
        count = min(_CHUNK, len(samples) - start)
        piece = samples.part(start, start + count).levels
        keep = ([True] * (frames - 1) + [False]) * count if frames > 1 else None
        stream = golden_streams(target.network, manifest.mode, piece, asked, keep=keep)[OUTPUT]
        words = layout.pack(stream.kind, stream.address, stream.payload)
        found += np.split(words, stream.starts[frames:-1:frames])
    return found
