"""Another readout for a network that is there already."""

from dataclasses import replace

from spikewright.flow.filters import bessel
from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import Decision, Fire, Mode, Network, Readout, ReadoutKind

__all__ = ["with_readout"]

_SHIFT = 14
_OF_MEMBRANES = (ReadoutKind.MEMBRANE, ReadoutKind.MAXIMUM)
_OF_SPIKES = (ReadoutKind.COUNT, ReadoutKind.FIRST_SPIKE)


def with_readout(
    network: Network,
    kind: ReadoutKind,
    *,
    low_pass: tuple[int, float] | None = None,
    shift: int | None = None,
    fraction: int = 0,
    block: int | None = None,
) -> Network:
    """The network that is read as ``kind``, and decides by the largest, but a stream by nothing.

    Parameters
    ----------
    kind : what is read. What is not the membrane at the end is a thing of steps: of the modes only
        stepwise is left.
    low_pass : order and cut-off of a Bessel filter of a stream, as ``bessel``; ``shift`` : bits of
        its poles, 14 by default; ``fraction`` : bits that the filtered values have below the unit;
        ``block`` : steps that are filtered forwards and backwards together.

    Raises
    ------
    ConfigurationError
        If the population that is read has no such value, a filter comes without a stream, or the
        network does not run stepwise.
    RangeError
        If filtered values fit no register.
    """
    if low_pass is not None and kind is not ReadoutKind.STREAM:
        raise ConfigurationError(
            "a filter must come with a stream", found=f"readout {kind}", where="readout"
        )
    if low_pass is None and (shift is not None or fraction or block is not None):
        raise ConfigurationError(
            "shift, fraction and block must come with a filter", found="none", where="readout"
        )
    _check_read(network, kind)
    modes = network.modes if kind is ReadoutKind.MEMBRANE else (Mode.STEPWISE,)
    if Mode.STEPWISE in modes and Mode.STEPWISE not in network.modes:
        raise ConfigurationError(
            f"a network must run stepwise to be read as {kind}",
            found=", ".join(network.modes),
            where=f"network {network.name!r}",
        )
    shift = _SHIFT if shift is None else shift
    decision = Decision.ARGMAX
    if kind is ReadoutKind.STREAM:
        decision = Decision.RAW if low_pass is None else Decision.FILTER
    readout = Readout(
        population=network.readout.population,
        kind=kind,
        decision=decision,
        biquads=() if low_pass is None else bessel(*low_pass, shift=shift),
        fraction=fraction,
        block=block,
    )
    return replace(network, readout=readout, modes=modes)


def _check_read(network: Network, kind: ReadoutKind) -> None:
    """Refuse what the last population does not have, with what it has."""
    population = network.population(network.readout.population)
    silent = population.soma.fire is Fire.NONE
    if kind in (_OF_SPIKES if silent else _OF_MEMBRANES):
        others = (*(_OF_MEMBRANES if silent else _OF_SPIKES), ReadoutKind.STREAM)
        raise ConfigurationError(
            f"readout {kind} must read a population that {'fires' if silent else 'never fires'}",
            found=f"fire {population.soma.fire}",
            where=f"population {population.name!r}",
            action=f"take one of {', '.join(others)}",
        )
