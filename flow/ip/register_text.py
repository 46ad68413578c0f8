"""The registers as text: those of one accelerator, and the table that all are of."""

from collections.abc import Iterable, Iterator

from spikewright.hdl.interfaces import BLOCKS, Register, When

from .interface import Wrapped

__all__ = ["reference", "register_text"]

_HEAD = "| address | register | access | what it is |\n|---|---|---|---|"


def register_text(block: Wrapped) -> str:
    """The registers of an accelerator."""
    assert block.registers is not None
    accelerator = block.accelerator
    lines = [
        f"# Registers of {block.top}",
        "",
        f"Network {accelerator.network.name}, {accelerator.network.content_hash[:32]}. Addresses"
        " count bytes; every access is of a whole word of 32 bits.",
        "",
        *(f"Input {k} is {each.name}." for k, each in enumerate(accelerator.inputs)),
        "",
        _HEAD,
        *(_row(each, f"0x{each.address:03x}") for each in block.registers.registers),
    ]
    return "\n".join(lines) + "\n"


def reference() -> str:
    """The whole table, as the documents have it."""
    return "\n".join(_reference())


def _reference() -> Iterator[str]:
    for block in BLOCKS:
        yield f"### {block.title}\n"
        yield _HEAD
        for each in block.registers:
            address = f"0x{block.base + each.address:03x}"
            if block.stride:
                address += f" + 0x{block.stride:02x} k"
            name = each.name.replace("{}", "k")
            yield _row(each, address, name=name, when=each.when)
        yield ""


def _row(each: Register, address: str, *, name: str = "", when: When = When.ALWAYS) -> str:
    text = each.text
    if each.constant is not None:
        text += f": 0x{each.constant:08x}"
    if when is not When.ALWAYS:
        text += f". Only with {when}"
    text += "".join(f"<br>{bits}" for bits in _fields(each))
    return f"| {address} | `{name or each.name}` | {each.access} | {text} |"


def _fields(register: Register) -> Iterable[str]:
    for each in register.fields:
        bits = f"{each.low}" if each.width == 1 else f"{each.low + each.width - 1}:{each.low}"
        yield f"[{bits}] `{each.name}`: {each.text}"
