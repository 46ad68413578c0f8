"""The host link: frames over a stream of bytes, and the commands that come in them."""

from .host_link import HostLink, LinkPlan
from .spi import SpiTarget
from .uart import UartReceiver, UartTransmitter

__all__ = ["HostLink", "LinkPlan", "SpiTarget", "UartReceiver", "UartTransmitter"]
