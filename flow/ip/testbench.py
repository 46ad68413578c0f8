"""A testbench in Verilog that checks itself, and the tokens that it sends and wants to see."""

from collections.abc import Sequence
from importlib import resources

import jinja2

from spikewright.flow.synthesize.sample import StoredSample
from spikewright.hdl.guard import GUARD_COUNTERS
from spikewright.hdl.interfaces import RegisterMap
from spikewright.hdl.loader import Loader
from spikewright.hdl.token import TokenLayout

from .interface import Wrapped

__all__ = ["testbench_files"]

_TEMPLATE = "testbench.v.j2"
_LEAST_PATIENCE = 10_000
_RESET_CYCLES = 1  # the accelerator itself makes them as many as it needs
_PATIENCE = 64
"""Cycles a neuron for which the output may be silent, beside the least."""


def testbench_files(wrapped: Wrapped, sample: StoredSample) -> dict[str, str]:
    """``testbench.v`` and the files that it reads, by name."""
    accelerator = wrapped.accelerator
    inputs = [
        [int(word) for word in each.layout.pack(*tokens)]
        for each, tokens in zip(accelerator.inputs, sample.inputs, strict=True)
    ]
    output = accelerator.output_layout.single
    # A token a word, whatever the hardware puts side by side.
    expected = output.pack(*sample.output)
    words = {f"tokens_{k}.hex": each for k, each in enumerate(inputs)}
    words |= {"expected.hex": [int(word) for word in expected]}
    if accelerator.loading:
        words |= {"weights.hex": list(accelerator.image)}
    text = _render(wrapped, [len(each) for each in inputs], len(expected), sample.steps)
    return {"testbench.v": text, **{name: _hex(each) for name, each in words.items()}}


def _hex(words: Sequence[int]) -> str:
    return "".join(f"{word:x}\n" for word in words)


def _render(wrapped: Wrapped, counts: list[int], expected: int, steps: int) -> str:
    accelerator = wrapped.accelerator
    network = accelerator.network
    registers = wrapped.registers
    neurons = sum(each.n for each in network.inputs) + sum(each.n for each in network.populations)
    losses: list[str | None]
    guarded = [k for k, each in enumerate(accelerator.inputs) if each.guard is not None]
    if registers is None:
        losses = [f"counters__guard{k}__{GUARD_COUNTERS[0]}" for k in range(len(guarded))]
    else:
        losses = [_at(registers, f"IN{k}_{GUARD_COUNTERS[0].upper()}") for k in guarded]
    framed = any(each.encoder is not None for each in accelerator.inputs)
    return _template().render(
        kind=str(wrapped.interface),
        top=wrapped.top,
        inputs=[
            {
                "index": k,
                "name": each.name,
                "port": each.member,
                "width": each.layout.width,
                "bytes": -(-each.layout.width // 8),
                "words": -(-each.layout.width // 32),
                "count": counts[k],
                # What does not wait is sent so slowly that nothing is dropped: a row a neuron.
                "gap": 0 if each.guard is None else neurons,
                "data": _at(registers, f"IN{k}_DATA"),
                "free": _at(registers, f"IN{k}_FREE"),
            }
            for k, each in enumerate(accelerator.inputs)
        ],
        output=_output(accelerator.output_layout, registers),
        expected=expected,
        image=len(accelerator.image) if accelerator.loading else None,
        steps=steps if framed else None,
        losses=losses,
        reset_cycles=_RESET_CYCLES,
        patience=Loader.interval + Loader.latency,
        watchdog=_LEAST_PATIENCE + _PATIENCE * neurons,
        registers=None if registers is None else _registers(registers),
    )


def _output(layout: TokenLayout, registers: RegisterMap | None) -> dict[str, object]:
    single = layout.single.width
    return {
        "width": layout.width,
        "token_width": single,
        "end_width": 2 + layout.address_bits,
        "bytes": -(-layout.width // 8),
        "words": -(-layout.width // 32),
        "slots": [single + k * layout.slot_bits for k in range(layout.slots - 1)],
        "data": _at(registers, "OUT_DATA"),
        "level": _at(registers, "OUT_LEVEL"),
    }


def _registers(registers: RegisterMap) -> dict[str, object]:
    names = ("STATUS", "CONTROL", "REFUSED", "CYCLES", "LOAD", "STEPS")
    taken = {each.address for each in registers.registers}
    return {
        "constants": [
            {"name": each.name, "address": f"{each.address:03x}", "value": f"{each.constant:08x}"}
            for each in registers.registers
            if each.constant is not None
        ],
        "none": f"{next(k for k in range(0, 1 << 12, 4) if k not in taken):03x}",
        **{name.lower(): _at(registers, name) for name in names},
    }


def _at(registers: RegisterMap | None, name: str) -> str | None:
    """A register's address in hexadecimal digits, where there is such a register."""
    if registers is None or not registers.has(name):
        return None
    return f"{registers.find(name).address:03x}"


def _template() -> jinja2.Template:
    text = resources.files("spikewright.flow.ip").joinpath(_TEMPLATE).read_text(encoding="utf-8")
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    return environment.from_string(text)
