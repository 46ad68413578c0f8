"""Systems of routers as a network and a plan make them, with the depths that hardware computes."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from spikewright.golden.spec import (
    Connection,
    Decision,
    Dense,
    Encoding,
    Fire,
    Input,
    Mode,
    Network,
    Payload,
    Population,
    Readout,
    ReadoutKind,
    Soma,
)
from spikewright.hdl.loops import minimum_depths
from spikewright.hdl.plan import CorePlan, HardwarePlan
from spikewright.hdl.plan import Host as HostPlan
from support.router_states import Core, Host, System

__all__ = ["system_of", "wired"]

Wires = Mapping[str, str]


def wired(wires: Wires, sizes: Mapping[str, int]) -> Network:
    """A network by words: ``{"A": "in", "B": "A late:in"}``, the last of which is read.

    ``sizes`` are the neurons, 1 where not given. Small letters are inputs.
    """
    read = [
        (word.removeprefix("late:"), target, int(word.startswith("late:")))
        for target, words in wires.items()
        for word in words.split()
    ]
    inputs = dict.fromkeys(source for source, *_ in read if source.islower())

    def size(name: str) -> int:
        return sizes.get(name, 1)

    return Network(
        name="routers",
        inputs=tuple(
            Input(
                name=name,
                shape=(size(name),),
                payload=Payload.UNIT,
                low=0,
                high=1,
                encoding=Encoding.EVENTS,
            )
            for name in inputs
        ),
        populations=tuple(
            Population(
                name=name, shape=(size(name),), soma=Soma(fire=Fire.BINARY), payload=Payload.UNIT
            )
            for name in wires
        ),
        connections=tuple(
            Connection(
                source=source,
                target=target,
                operator=Dense(weights=np.ones((size(source), size(target)), int), weight_bits=2),
                delay=delay,
            )
            for source, target, delay in read
        ),
        readout=Readout(population=list(wires)[-1], kind=ReadoutKind.COUNT, decision=Decision.RAW),
        modes=(Mode.STEPWISE,),
        max_steps=4,
    )


def _cores(network: Network, shared: str, slices: Mapping[str, tuple[int, ...]]) -> list[CorePlan]:
    """A core for each population, one for all that share, or one for each slice."""
    groups: list[tuple[HostPlan, ...]] = []
    for name in (population.name for population in network.order()):
        if name in slices:
            parts = pairwise(slices[name])
            groups += [(HostPlan(population=name, channels=part),) for part in parts]
        elif name not in shared:
            groups.append((HostPlan(population=name),))
        elif name == shared[0]:
            groups.append(tuple(HostPlan(population=each) for each in shared))
    return [CorePlan(hosts=hosts, lanes=1) for hosts in groups]


def system_of(
    wires: Wires,
    *,
    sizes: Mapping[str, int] | None = None,
    shared: str = "",
    slices: Mapping[str, tuple[int, ...]] | None = None,
    mode: Mode = Mode.STEPWISE,
    **options: object,
) -> System:
    """The system of a network (``wired``), whose queues are as deep as ``minimum_depths`` says.

    ``shared``: populations on one core, the first of which comes first; ``slices``: edges of the
    channels of a population on several. Where any queue will do the system's holds one token, which
    hardware's cannot. Of the mode the depths are all that a plan is asked for here.
    """
    network = wired(wires, sizes or {})
    plan = HardwarePlan(mode=mode, cores=tuple(_cores(network, shared, slices or {})))
    cores: list[Core] = []
    depths: list[tuple[str, str, int]] = []
    late_depths: list[tuple[str, str, int]] = []
    parts: dict[str, list[str]] = {}
    for core, least in zip(plan.cores, minimum_depths(network, plan), strict=True):
        hosts, left = [], list(least)
        for host in core.hosts:
            name, n = host.population, network.node(host.population).n
            if host.channels is not None:
                name, n = f"{name}{host.channels}", host.channels[1] - host.channels[0]
                parts.setdefault(host.population, []).append(name)
            reads, late = [], []
            for connection in network.sources(host.population):
                needed, source = left.pop(0), connection.source
                any_will_do = needed == 2 < network.node(source).n + 1
                (late if connection.delay else reads).append(source)
                found = late_depths if connection.delay else depths
                found.append((source, name, 1 if any_will_do else needed))
            # Who hears only the past goes with the steps of another, whose spikes it drops.
            reads = reads or list(network.paces(host.population))
            hosts.append(Host(name, tuple(reads), n, tuple(late)))
        cores.append(Core(hosts=tuple(hosts)))
    cores += [Core(hosts=(Host(name, tuple(of)),), relay=True) for name, of in parts.items()]
    return System(
        cores=tuple(cores),
        inputs=tuple((each.name, each.n) for each in network.inputs),
        depths=tuple(depths),
        late_depths=tuple(late_depths),
        **options,
    )
