"""The envelope of hardware that shall take other networks than the one it was planned with."""

from collections.abc import Iterable
from dataclasses import replace

from spikewright.golden.errors import ConfigurationError, RangeError
from spikewright.golden.spec import (
    Fire,
    Interval,
    Mode,
    Network,
    Ranges,
    Soma,
    analyse,
    filter_bounds,
    hull,
)

from .checks import check_plan
from .config import CoreConfig, hull_of
from .envelope import Envelope, ParameterBounds, PopulationBounds
from .make_configs import core_configs
from .plan import HardwarePlan, WeightStore

__all__ = ["MOST_HEADROOM", "with_envelope"]

MOST_HEADROOM = 16
DEFAULT_HEADROOM = 1
_AT_LEAST_ZERO = ("threshold", "negative", "amount")


def with_envelope(
    network: Network, plan: HardwarePlan, *, headroom: int | None = None
) -> HardwarePlan:
    """A plan for all networks of the same shape that need no more than this one, and some more.

    Registers and parameters get the whole range of their bits, and ``headroom`` bits more. What is
    0 in all neurons stays 0: no memory is built for it.

    Parameters
    ----------
    network : whose numbers are at hand. plan : of its hardware; weights in logic go to block RAM.
    headroom : bits, 0 to ``MOST_HEADROOM``; by default ``DEFAULT_HEADROOM``.

    Raises
    ------
    ConfigurationError
        If the headroom is out of its range, or the plan has what cannot be loaded.
    RangeError
        If a filter behind it cannot hold what is so wide.
    """
    headroom = DEFAULT_HEADROOM if headroom is None else headroom
    if not 0 <= headroom <= MOST_HEADROOM:
        raise ConfigurationError(
            f"must lie in 0..{MOST_HEADROOM} bits", found=str(headroom), where="headroom"
        )
    # Logic has no port that writes.
    cores = tuple(
        replace(core, weights=WeightStore.BLOCK) if core.weights is WeightStore.LOGIC else core
        for core in plan.cores
    )
    plan = replace(plan, cores=cores, envelope=None)
    configs = core_configs(network, plan)
    proven = analyse(network, plan.mode)
    populations = tuple(
        PopulationBounds(
            population=population.name,
            ranges=_ranges(proven[population.name], population.soma, network, plan.mode, headroom),
            parameters=tuple(_parameters(population.name, configs, headroom)),
        )
        for population in network.populations
    )
    envelope = Envelope(skeleton=network.skeleton_hash, populations=populations)
    found = replace(plan, envelope=envelope)
    check_plan(network, found)
    _check_filter(network, envelope, headroom)
    return found


def _check_filter(network: Network, envelope: Envelope, headroom: int) -> None:
    """What the network itself does not overflow, values of so many bits may."""
    readout = network.readout
    ranges = envelope.bounds(readout.population).ranges
    silent = network.population(readout.population).soma.fire is Fire.NONE
    value = ranges.v if silent else ranges.emitted
    if not readout.biquads:
        return
    assert value is not None  # a population has a membrane
    try:
        filter_bounds(readout, value)
    except RangeError as error:
        less = "give less --headroom" if headroom else "generate without --loadable"
        raise RangeError(
            error.must, found=error.found, where=error.where, action=f"{less}, or {error.action}"
        ) from error


def _ranges(own: Ranges, soma: Soma, network: Network, mode: Mode, headroom: int) -> Ranges:
    """Registers with all their bits; what is sent as the soma says, whatever its weights are."""

    def wide(interval: Interval | None) -> Interval | None:
        return None if interval is None else _widened(interval, headroom)

    sent = Interval(*soma.levels)
    bounded = None
    if soma.s_min is not None and soma.s_max is not None:
        bounded = Interval(soma.s_min, soma.s_max)
    if soma.fire is Fire.NONE:
        emitted, total = own.emitted, own.total  # nothing
    elif mode is Mode.COLLAPSED:
        assert bounded is not None  # collapsed networks are bounded, the contract says
        emitted, total = bounded, bounded
        if network.keeps_state:
            emitted = replace(own, total=total).sample(keeps_state=True)
    else:
        steps = network.max_steps
        most = bounded or Interval(steps * sent.low, steps * sent.high)
        emitted, total = hull(own.emitted, sent), hull(own.total, most)
    tracer = own.tracer
    if tracer is not None and bounded is not None:
        tracer = hull(tracer, bounded)
    return Ranges(
        emitted=emitted,
        total=total,
        charge=wide(own.charge),
        v=wide(own.v),
        i=wide(own.i),
        tracer=tracer,
    )


def _parameters(
    population: str, configs: Iterable[CoreConfig], headroom: int
) -> Iterable[ParameterBounds]:
    """Bounds of each parameter that some core of the population has a table of."""
    hosts = [
        (config, host)
        for config in configs
        for host in config.hosts
        if host.population.name == population
    ]
    for name in dict.fromkeys(name for config, _ in hosts for name in config.parameters):
        parts = [host.spread(config.parameters[name](host)) for config, host in hosts]
        own = hull(*map(hull_of, parts))
        bounds = _bounds(name, own, headroom)
        flat = all(bool((part == part[:, :1, :1]).all()) for part in parts)
        yield ParameterBounds(name=name, low=bounds.low, high=bounds.high, by_position=not flat)


def _bounds(name: str, own: Interval, headroom: int) -> Interval:
    if own.low == own.high == 0:
        return own
    if name in _AT_LEAST_ZERO and own.low >= 0:
        return Interval(0, (1 << own.high.bit_length() + headroom) - 1)
    return _widened(own, headroom)


def _widened(interval: Interval, headroom: int) -> Interval:
    """All that so many more bits than the interval's hold, in two's complement."""
    largest = max(interval.high, ~interval.low, 0)
    half = 1 << largest.bit_length() + headroom
    return Interval(-half, half - 1)
