"""Reads from the plan which connections a core serves, and the rows that their spikes take."""

from spikewright.golden.errors import MismatchError
from spikewright.golden.spec import Mode, Network
from spikewright.hdl.make_configs import core_configs
from spikewright.hdl.plan import HardwarePlan

from .manifest import Manifest
from .streams import sum_parts
from .work import CoreWork, PortWork, host_channels, hosted, synops

__all__ = ["core_work"]


def core_work(network: Network, manifest: Manifest, plan: HardwarePlan) -> list[CoreWork]:
    """The work of each core of the manifest.

    Raises
    ------
    MismatchError
        If the plan is not that of the manifest.
    """
    planned = [
        tuple((host.population, host.channels) for host in core.hosts) for core in plan.cores
    ]
    named = [tuple((h.population, h.channels) for h in core.hosts) for core in manifest.cores]
    if planned != named:
        raise MismatchError(
            "plan and manifest must have the same cores",
            found=f"{len(planned)} and {len(named)} cores that differ",
            where=str(manifest.verilog.parent),
            action="generate the accelerator again",
        )
    configs = core_configs(network, plan)
    sums = plan.mode is Mode.SETTLE
    result = []
    for core, config in zip(manifest.cores, configs, strict=True):
        ports = []
        for port in config.ports:
            connection = port.connection
            channels = host_channels(network, core.hosts[port.host])
            ports.append(
                PortWork(
                    source=connection.source,
                    n=network.node(connection.source).n,
                    delay=connection.delay,
                    serial=port.serial,
                    parts=sum_parts(network, connection.source)
                    if sums and connection.delay
                    else None,
                    rows=None if port.delta is not None else port.schedule.rows_per_neuron,
                    synops=synops(network, connection, channels, sparse=config.own_groups),
                )
            )
        sent = {host.population: hosted(network, host) for host in core.hosts}
        result.append(CoreWork(ports=tuple(ports), hosted=sent))
    return result
