"""The PC's side of the host link: importing loads no Amaranth and no torch."""

from spikewright.flow.host.device import Device
from spikewright.flow.host.identity import Identity
from spikewright.flow.host.output import Result
from spikewright.flow.host.session import Statistics
from spikewright.golden.errors import LinkError

__all__ = ["Device", "Identity", "LinkError", "Result", "Statistics"]
