"""Plans that do not fit their network, refused by name."""

from collections.abc import Sequence

from spikewright.golden.errors import ConfigurationError
from spikewright.golden.spec import (
    Connection,
    Dense,
    Encoding,
    Fire,
    Mode,
    Network,
    Population,
    Product,
    Reset,
)

from .membrane_checks import check_membranes
from .plan import CorePlan, HardwarePlan, Products, Rows, Sweeps, WeightStore
from .replay import replays
from .rests import moves_alone
from .row_checks import check_rows
from .token import axes_of

__all__ = ["against_overlap", "against_touched", "check_plan", "connection_name"]


def connection_name(connection: Connection) -> str:
    """A connection, for messages."""
    return f"connection {connection.source!r} -> {connection.target!r}"


def check_plan(network: Network, plan: HardwarePlan) -> None:
    """Refuse a plan whose hosts are not the network's populations, each once and whole."""
    if plan.mode not in network.modes:
        raise ConfigurationError(
            f"the plan's mode must be one of {', '.join(network.modes)}",
            found=plan.mode,
            where=f"network {network.name!r}",
        )
    known = {population.name for population in network.populations}
    if plan.encoders and plan.mode is not Mode.STEPWISE:
        raise ConfigurationError(
            "encoders must come with mode stepwise", found=str(plan.mode), where="plan"
        )
    _check_guards(network, plan)
    hosting: dict[str, list[tuple[CorePlan, tuple[int, int] | None]]] = {}
    for core in plan.cores:
        if plan.envelope is not None:
            _check_loadable(core)
        if not core.hosts:
            raise ConfigurationError("a core must host a population", found="none")
        for host in core.hosts:
            if host.population not in known:
                raise ConfigurationError(
                    f"a core must host populations of the network: {', '.join(sorted(known))}",
                    found=repr(host.population),
                    where=core.where,
                )
            hosting.setdefault(host.population, []).append((core, host.channels))
        _check_shared(network, core, plan.mode)
        check_rows(network, core)
        check_membranes(core)
        _check_overlap(network, core, plan.mode)
        _check_touched(network, core, plan.mode)
    for population in network.populations:
        _check_hosting(population, hosting.get(population.name, []))
    for core in plan.cores:
        if core.spikes > 1:
            _check_spikes(network, plan, core)


def _check_loadable(core: CorePlan) -> None:
    for holds, must, found, action in (
        (
            core.rows is Rows.DENSE,
            "dense rows",
            "sparse ones, which follow from the weights",
            "leave --rows out",
        ),
        (
            core.weights is not WeightStore.LOGIC,
            "weights in block RAM or large RAMs",
            str(core.weights),
            "leave --weights out",
        ),
    ):
        if not holds:
            raise ConfigurationError(
                f"a core that takes other networks must have {must}",
                found=found,
                where=core.where,
                action=action,
            )


def _check_guards(network: Network, plan: HardwarePlan) -> None:
    events = [each.name for each in network.inputs if each.encoding is Encoding.EVENTS]
    seen: set[str] = set()
    for guard in plan.guards:
        if guard.input not in events or guard.input in seen:
            raise ConfigurationError(
                "a guard must be the only one of an input whose spikes are given as events:"
                f" {', '.join(map(repr, events)) or 'none is here'}",
                found=repr(guard.input),
                where="plan",
                action="leave it out: such an input waits, and loses nothing",
            )
        seen.add(guard.input)


def _check_shared(network: Network, core: CorePlan, mode: Mode) -> None:
    if len(core.hosts) == 1:
        return
    for host in core.hosts:
        late = next((c for c in network.sources(host.population) if c.delay), None)
        if late is not None:
            raise ConfigurationError(
                "a core with several hosts must have no connection with a delay",
                found=connection_name(late),
                where=core.where,
                action=f"give {host.population!r} a core of its own",
            )
    for host in core.hosts:
        for connection in network.sources(host.population):
            if isinstance(connection.operator, Product):
                raise ConfigurationError(
                    "a core with several hosts must have no product",
                    found=connection_name(connection),
                    where=core.where,
                    action=f"give {host.population!r} a core of its own",
                )
    if any(host.channels is not None for host in core.hosts):
        raise ConfigurationError(
            "a core with several hosts must host whole populations",
            found="a slice",
            where=core.where,
            action="give the slice a core of its own",
        )
    first, *others = (network.population(host.population) for host in core.hosts)
    for other in others:
        theirs = _structure(network, other, mode)
        for name, value in _structure(network, first, mode).items():
            found = theirs[name]
            if found != value:
                raise ConfigurationError(
                    f"populations that share a core must have the same {name}",
                    found=f"{found} of {other.name!r} and {value} of {first.name!r}",
                    where=core.where,
                    action=f"give {other.name!r} a core of its own",
                )


def _check_overlap(network: Network, core: CorePlan, mode: Mode) -> None:
    """Neurons may decide slice by slice where a lane each holds the sums of the step before."""
    if core.sweep_lanes is None:
        return
    for must, found in against_overlap(network, core, mode):
        raise ConfigurationError(
            f"a core with sweep_lanes must {must}",
            found=found,
            where=core.where,
            action="leave sweep_lanes out",
        )


def against_overlap(network: Network, core: CorePlan, mode: Mode) -> list[tuple[str, str]]:
    """What stands against ``sweep_lanes`` in a core: what must hold, and what was found."""
    faults = []
    for host in core.hosts:
        population = network.population(host.population)
        channels, rows, columns = (axis.size for axis in axes_of(population.shape))
        first, last = host.channels or (0, channels)
        lanes = (core.channel_lanes, *core.banks)
        whole = all(a >= b for a, b in zip(lanes, (last - first, rows, columns), strict=True))
        rules = (
            (len(core.hosts) == 1, "host one population", f"{len(core.hosts)} of them"),
            (
                not _read_every_step(network, population),
                "host a population that fires, or is read when the sample ends",
                f"{host.population!r}, which is read in every step",
            ),
            (
                not _changes_unseen(population, mode),
                "host a population that fires, or does nothing between its samples' ends",
                f"{host.population!r}, which leaks, clips or has a bias on every step",
            ),
            (
                not replays(network, population, mode),
                "host no population whose input is replayed",
                f"{host.population!r}",
            ),
            (
                whole or core.rows is Rows.SPARSE,
                "have a lane for each neuron, or sparse rows",
                f"{core.lanes} lanes, banks {core.banks}, for {last - first} x {rows} x {columns}",
            ),
        )
        faults += [(must, found) for holds, must, found in rules if not holds]
    return faults


def _check_touched(network: Network, core: CorePlan, mode: Mode) -> None:
    """Groups may be left out of a sweep where nothing happens in them without a spike."""
    if core.sweeps is not Sweeps.TOUCHED:
        return
    for must, found in against_touched(network, core, mode):
        raise ConfigurationError(
            f"a core that sweeps what was touched must {must}",
            found=found,
            where=core.where,
            action="let it sweep all",
        )


def against_touched(network: Network, core: CorePlan, mode: Mode) -> list[tuple[str, str]]:
    """What stands against ``Sweeps.TOUCHED`` in a core: what must hold, and what was found."""
    faults = []
    if core.sweep_lanes is not None:
        faults.append(("decide group by group", f"{core.sweep_lanes} sweep lanes"))
    if len(core.hosts) != 1 or core.hosts[0].channels is not None:
        faults.append(("host one whole population", "a slice, or several"))
    for host in core.hosts:
        population = network.population(host.population)
        if network.keeps_state and mode is Mode.COLLAPSED:
            must = "begin every sample anew, or run in settle"
            faults.append((must, "a state that END(keep) keeps, in collapsed"))
        if replays(network, population, mode):
            faults.append(("host no population whose input is replayed", f"{host.population!r}"))
        why = moves_alone(population.soma)
        if why is not None:
            must = "host a population that rests while no spike reaches it"
            faults.append((must, f"{host.population!r}, which {why}"))
        late = next((c for c in network.sources(host.population) if c.delay), None)
        if late is not None:
            faults.append(("have no connection with a delay", connection_name(late)))
    return faults


def _read_every_step(network: Network, population: Population) -> bool:
    """Whether its membranes are sent in every step."""
    read = network.readout
    quiet = population.soma.fire is Fire.NONE
    return quiet and read.population == population.name and read.every_step


def _changes_unseen(population: Population, mode: Mode) -> bool:
    """Whether its membranes change in steps that send nothing."""
    soma = population.soma
    return soma.fire is Fire.NONE and mode is not Mode.COLLAPSED and soma.changes_alone


def _check_spikes(network: Network, plan: HardwarePlan, core: CorePlan) -> None:
    """Spikes of a step may share a token where every one adds one row of all lanes."""
    (host,) = core.hosts if len(core.hosts) == 1 else (None,)
    heard = () if host is None else network.sources(host.population)
    dense = len(heard) == 1 and isinstance(heard[0].operator, Dense) and not heard[0].delay
    one = "let it take one spike a cycle"
    if core.sweep_lanes is None:
        raise ConfigurationError(
            "a core that takes several spikes a cycle must have sweep_lanes",
            found="none",
            where=core.where,
            action=f"give it sweep_lanes, and a lane for each neuron, or {one}",
        )
    for holds, must, found in (
        (dense, "have one connection, dense and without delay", _connections(heard)),
        (core.banks == (1, 1), "have banks 1x1", f"{core.banks[0]}x{core.banks[1]}"),
        (core.products is Products.MULTIPLIER, "make products at once", str(core.products)),
        (
            core.weights is not WeightStore.SPRAM,
            "have weights in block RAM or logic, of which it reads several rows at once",
            str(core.weights),
        ),
    ):
        if not holds:
            raise ConfigurationError(
                f"a core that takes several spikes a cycle must {must}",
                found=found,
                where=core.where,
                action=one,
            )
    _check_source(network, plan, core, heard[0].source)


def _check_source(network: Network, plan: HardwarePlan, core: CorePlan, source: str) -> None:
    """What puts several spikes into a token must do so for all that hear it."""
    others = [
        (other.spikes, other.where)
        for other in plan.cores
        for host in other.hosts
        if any(source in connection.reads for connection in network.sources(host.population))
    ]
    if network.readout.population == source:
        others.append((1, "the readout"))
    fewer = [f"{spikes} by {where}" for spikes, where in others if spikes != core.spikes]
    hosting = [
        other for other in plan.cores if any(host.population == source for host in other.hosts)
    ]
    alone = not hosting or (len(hosting) == 1 and len(hosting[0].hosts) == 1)
    guarded = any(guard.input == source for guard in plan.guards)
    framed = plan.encoders and not hosting
    for holds, must, found in (
        (not fewer, f"be taken {core.spikes} a cycle wherever they go", ", ".join(fewer)),
        (alone, "come from a core that hosts one whole population", "a part, or several"),
        (not guarded, "come from no input with a guard", "a guard"),
        (not framed, "come from no encoder", "encoders"),
    ):
        if not holds:
            raise ConfigurationError(
                f"spikes that share a token must {must}",
                found=found,
                where=f"{core.where}, which takes {core.spikes} spikes a cycle from {source!r}",
                action="let it take one spike a cycle",
            )


def _connections(connections: Sequence[Connection]) -> str:
    found = [
        f"{type(each.operator).__name__.lower()} from {each.source!r}"
        + (" with a delay" if each.delay else "")
        for each in connections
    ]
    return ", ".join(found) or "several hosts"


def _structure(network: Network, population: Population, mode: Mode) -> dict[str, object]:
    """What the hardware of a soma is made for; parameters beside it may differ."""
    soma = population.soma
    fires = soma.fire is not Fire.NONE
    again = replays(network, population, mode)
    return {
        "fire": str(soma.fire),
        "highest level": soma.max_level,
        "sign": soma.threshold_negative is not None,
        "leak": (soma.leak_v, str(soma.leak_order)) if soma.leak_v is not None else None,
        "replayed input": again,
        "current": (soma.current, soma.leak_i),
        "bias_when": str(soma.bias_when),
        "reset": str(soma.reset) if fires else None,
        "reset value": soma.reset_value if fires and soma.reset is Reset.VALUE else None,
        "reset delay": soma.reset_delay,
        "refractory steps": soma.refractory,
        "phases": None if soma.phases is None else (soma.phases.receive, soma.phases.fire),
        "clip": (soma.v_min, soma.v_max),
        "bounds of S": (soma.s_min, soma.s_max),
    }


def _check_hosting(
    population: Population, cores: list[tuple[CorePlan, tuple[int, int] | None]]
) -> None:
    where = f"population {population.name!r}"
    channels = axes_of(population.shape)[0].size
    slices = sorted(part or (0, channels) for _, part in cores)
    edges = [0, *(last for _, last in slices)]
    if not slices or [first for first, _ in slices] != edges[:-1] or edges[-1] != channels:
        raise ConfigurationError(
            f"cores must host each of the {channels} channels once",
            found=", ".join(f"{first} to {last - 1}" for first, last in slices) or "no core",
            where=where,
        )
    first_core = cores[0][0]
    for core, part in cores[1:]:
        if (core.banks, core.channel_lanes) != (first_core.banks, first_core.channel_lanes):
            raise ConfigurationError(
                "cores that share a population must have the same lanes and banks",
                found=f"{core.lanes} lanes, banks {core.banks}, and {first_core.lanes} lanes, "
                f"banks {first_core.banks}",
                where=where,
            )
        assert part is not None  # two whole populations would overlap
    for first, _ in slices:
        if first % first_core.channel_lanes:
            raise ConfigurationError(
                f"a slice must begin at a multiple of {first_core.channel_lanes} channel lanes",
                found=f"channel {first}",
                where=where,
            )
