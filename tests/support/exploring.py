"""Tasks that only pretend: each says in a log that it ran. Workers import this file."""

import errno
import os
import signal
import time
from pathlib import Path

from spikewright.flow.convert import ConvertConfig
from spikewright.flow.explore.front import Cost
from spikewright.flow.explore.task import Failed, Payload, Refused, Tasks

__all__ = [
    "BREAKING",
    "DYING",
    "DYING_ONCE",
    "FULL",
    "FULL_ONCE",
    "PRETENDED",
    "SLOW",
    "payload_in",
    "told",
]


def payload_in(folder):
    """A payload whose network is the folder of the log."""
    return Payload(
        original=str(folder).encode(), calibration=b"", held_out=b"", config=ConvertConfig()
    )


def told(folder):
    """What ran, in order."""
    log = folder / "log"
    return log.read_text().split("\n")[:-1] if log.exists() else []


def _tell(folder, text):
    with (Path(folder) / "log").open("a") as log:
        log.write(text + "\n")


def quantise(payload, weight_bits, levels):
    folder = payload.original.decode()
    _tell(folder, f"quantise {weight_bits} {levels}")
    return f"{folder} {weight_bits} {levels}".encode()


def measure(payload, network, mode, steps):
    _tell(payload.original.decode(), f"measure {mode} {steps}")
    _, bits, levels = network.decode().rsplit(" ", 2)
    return {"accuracy": 0.8 + int(bits) / 100 + int(levels) / 1000 + (steps or 9) / 10000}


def cost(network, measured, point, first):
    folder = network.decode().rsplit(" ", 2)[0]
    _tell(folder, f"cost {point}")
    assert first is Cost.TIME
    if point.board == "icebreaker" and point.lanes > 16:
        return Refused(reason="the plan must fit icebreaker, found too many lanes")
    return {
        **measured,
        "cycles": 1000 / point.lanes,
        "bound_cycles": 900 / point.lanes,
        "efficiency": 0.9,
        "limit": "rows",
        "luts": 100 * point.lanes * point.weight_bits,
        "flip_flops": 10,
        "block_rams": point.weight_bits,
        "sprams": 0,
        "dsps": 0,
        "fmax_mhz": 100.0,
        "latency_us": 20 / point.lanes,
        "sample_us": 10 / point.lanes,
        "frames_per_s": 1e5 * point.lanes,
        "network": "0" * 64,
        "plan": {"lanes": point.lanes},
    }


def die(network, measured, point, first):
    """Ends the worker that it runs on, once that has begun: Dask's nanny leaves alone one that
    dies while it starts.
    """
    time.sleep(2)
    _tell(network.decode().rsplit(" ", 2)[0], f"die {point}")
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(network, measured, point, first):
    """Ends the first worker that it runs on."""
    folder = Path(network.decode().rsplit(" ", 2)[0])
    try:
        (folder / "died").touch(exist_ok=False)
    except FileExistsError:
        return cost(network, measured, point, first)
    return die(network, measured, point, first)


def linger(network, measured, point, first):
    """Takes long."""
    _tell(network.decode().rsplit(" ", 2)[0], f"linger {point}")
    time.sleep(120)


def fill(network, measured, point, first):
    """Finds the disk full."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def measure_once(payload, network, mode, steps):
    """Finds the disk full, the first time."""
    try:
        (Path(payload.original.decode()) / "full").touch(exist_ok=False)
    except FileExistsError:
        return measure(payload, network, mode, steps)
    return Failed(reason="no room")


def pass_on(network, measured, point, first):
    """As workers do with what an earlier task says."""
    return measured if isinstance(measured, Failed) else cost(network, measured, point, first)


def fail(network, measured, point, first):
    """A mistake of the program's own."""
    raise ZeroDivisionError("planted")


PRETENDED = Tasks(quantise=quantise, measure=measure, cost=cost)
DYING_ONCE = Tasks(quantise=quantise, measure=measure, cost=die_once)
DYING = Tasks(quantise=quantise, measure=measure, cost=die)
SLOW = Tasks(quantise=quantise, measure=measure, cost=linger)
FULL = Tasks(quantise=quantise, measure=measure, cost=fill)
FULL_ONCE = Tasks(quantise=quantise, measure=measure_once, cost=pass_on)
BREAKING = Tasks(quantise=quantise, measure=measure, cost=fail)
