"""ST-BIF: bipolar integrate-and-fire neurons with a spike tracer, which settle.

You et al., ICML 2024 (SpikeZIP); in Su et al. (CRNN-Morph, arXiv 2408.09403), BIF neurons make the
spiking form of a quantised CNN, of which this is the conversion. Trained with clip(floor(x / th +
1/2), 0, L) * th; then::

    v += W s + b;   +1 where v >= th and S < L;  v -= th
                    -1 where v < 0 and S > 0;    v += th             (v = th / 2 at first)

with the whole value of a sample, and the bias, once (s-analog encoding). v + th S = v0 + sum does
not change by firing, and what stops a neuron are the conditions of the clip, so that S is that of
the quantised network for any order and timing of spikes, once nothing fires.
"""

from spikewright.flow.convert.method import Method
from spikewright.golden.spec import Mode

__all__ = ["ST_BIF"]

ST_BIF = Method(
    name="st-bif",
    title="trained quantised; the same numbers exactly, once nothing fires any more",
    source="You et al., ICML 2024 (SpikeZIP); Su et al., arXiv 2408.09403 (CRNN-Morph)",
    modes=(Mode.STEPWISE, Mode.SETTLE, Mode.COLLAPSED),
)
