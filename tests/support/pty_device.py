"""A device model behind a pseudo-terminal, in real time, for what opens ports by their names."""

import os
import pty
import select
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager

from support.device_model import DeviceModel

__all__ = ["on_terminal"]


@contextmanager
def on_terminal(device: DeviceModel) -> Iterator[str]:
    """The path of a terminal that the device answers on."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    ends, ender = os.pipe()
    thread = threading.Thread(target=_serve, args=(device, ours, ends))
    thread.start()
    try:
        yield os.ttyname(theirs)
    finally:
        os.write(ender, b"x")
        thread.join()
        for file in (ours, theirs, ends, ender):
            os.close(file)


def _serve(device: DeviceModel, terminal: int, ends: int) -> None:
    while True:
        now = time.monotonic()
        device.run(now)
        while device.to_host:
            del device.to_host[: os.write(terminal, device.to_host[:1024])]
        wait = min(device.next_event(now), default=now + 0.2) - now
        ready, _, _ = select.select([terminal, ends], [], [], wait)
        if ends in ready:
            return
        if terminal in ready:
            device.feed(os.read(terminal, 4096), time.monotonic())
