"""The registers as a header for C."""

from collections.abc import Iterator

from spikewright.hdl.token import TokenLayout

from .interface import Wrapped

__all__ = ["header"]

_PREFIX = "SPIKEWRIGHT"


def header(block: Wrapped) -> str:
    """Addresses, fields and the layout of tokens as macros."""
    return "\n".join(_lines(block)) + "\n"


def _lines(block: Wrapped) -> Iterator[str]:
    assert block.registers is not None
    accelerator = block.accelerator
    guard = f"{block.top.upper()}_H"
    name = accelerator.network.name
    yield f"/* Registers and tokens of {block.top}, network {name}. Generated. */"
    yield f"#ifndef {guard}\n#define {guard}\n"
    for register in block.registers.registers:
        name = f"{_PREFIX}_{register.name}"
        yield f"/* {register.text}; {register.access} */"
        yield f"#define {name} 0x{register.address:03x}u"
        if register.constant is not None:
            yield f"#define {name}_VALUE 0x{register.constant:08x}u"
        for field in register.fields:
            mask = (1 << field.width) - 1 << field.low
            yield f"#define {name}_{field.name} 0x{mask:08x}u /* {field.text} */"
    yield "\n/* Tokens: where their fields begin, and how many bits they have. */"
    yield f"#define {_PREFIX}_SPIKE 0u\n#define {_PREFIX}_STEP 1u\n#define {_PREFIX}_END 2u"
    for k, each in enumerate(accelerator.inputs):
        yield f"/* input {k}: {each.name} */"
        yield from _layout(f"{_PREFIX}_IN{k}", each.layout)
    yield from _layout(f"{_PREFIX}_OUT", accelerator.output_layout)
    yield f"\n#endif /* {guard} */"


def _layout(prefix: str, layout: TokenLayout) -> Iterator[str]:
    payload = layout.payload_shape
    yield f"#define {prefix}_BITS {layout.width}u"
    for name, first, bits in (
        ("ADDRESS", 2, layout.address_bits),
        ("PAYLOAD", 2 + layout.address_bits, payload.width),
    ):
        yield f"#define {prefix}_{name}_LOW {first}u"
        yield f"#define {prefix}_{name}_BITS {bits}u"
    yield f"#define {prefix}_PAYLOAD_SIGNED {int(payload.signed)}u"
