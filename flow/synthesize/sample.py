"""The sample that a bitstream carries: its tokens, and the label that the golden model gives it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.model import Model
from spikewright.golden.spec import EndFlag, Mode, Network, TokenKind
from spikewright.hdl.config import core_configs
from spikewright.hdl.plan import HardwarePlan

__all__ = ["StoredSample", "stored_sample"]


@dataclass(frozen=True, kw_only=True)
class StoredSample:
    """``tokens``: words of the accelerator's input, END last; ``label``: None if undecided."""

    tokens: tuple[int, ...]
    label: int | None


def stored_sample(
    network: Network,
    plan: HardwarePlan,
    values: npt.NDArray[np.int64],
    *,
    steps: int | None = None,
) -> StoredSample:
    """Encode one sample for a plan's mode and classify it.

    Parameters
    ----------
    values : integer inputs [1, n], or [1, steps, n] for events. steps : as ``Model.run``.

    Raises
    ------
    ConfigurationError
        If there is not exactly one sample.
    """
    if len(values) != 1:
        raise ConfigurationError("one sample can be stored", found=f"{len(values)}")
    result = Model(network).run(values, mode=plan.mode, steps=steps, trace=True)
    assert result.trace is not None  # asked for
    source = network.inputs[0].name
    spikes = result.trace.spikes[source][:, 0].cpu().numpy()
    sent = int(result.trace.steps[source][0])
    tokens: list[tuple[int, int, int]] = []
    for step, levels in enumerate(spikes[: max(1, sent)]):
        tokens += [(int(TokenKind.SPIKE), int(n), int(levels[n])) for n in np.flatnonzero(levels)]
        if step < sent and plan.mode is not Mode.COLLAPSED:
            tokens.append((int(TokenKind.STEP), 0, 0))
    tokens.append((int(TokenKind.END), int(EndFlag.RESET), 0))
    fields = np.array(tokens, dtype=np.int64).T
    words = core_configs(network, plan)[0].source.pack(*fields)
    label = None if result.labels is None else int(result.labels[0])
    return StoredSample(tokens=tuple(int(word) for word in words), label=label)
