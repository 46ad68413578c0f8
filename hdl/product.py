"""What a lane adds for a spike: an operand times the spike's payload, by the cheapest means."""

from functools import reduce
from operator import add, or_

from amaranth.hdl import Cat, Const, Mux, Value

from .token import TokenLayout

__all__ = ["has_multipliers", "multiplies", "subtracts", "times_payload"]

# A device's multipliers are far away and slow: payloads of so few bits do without.
_FEW_BITS = 3


def subtracts(layout: TokenLayout) -> bool:
    """Whether an operand may be taken off: its one's complement comes, and a carry."""
    return layout.is_sign or (layout.is_shift and layout.low < 0)


def multiplies(layout: TokenLayout) -> bool:
    """Whether a payload does more than choose between adding and subtracting."""
    return not layout.is_unit and not layout.is_sign


def has_multipliers(layout: TokenLayout) -> bool:
    """Whether ``times_payload`` is for the multipliers of a device, where it has any."""
    few = layout.payload_shape.width <= _FEW_BITS
    return multiplies(layout) and not layout.is_shift and not few


def times_payload(layout: TokenLayout, operand: Value, payload: Value) -> Value:
    """Signed operand x payload; where it ``subtracts`` the one's complement of what is negative."""
    if layout.is_shift:
        operand = _shifted(layout, operand, payload)
    elif has_multipliers(layout):
        return operand * payload
    elif multiplies(layout):
        return _shifted_and_added(layout, operand, payload)
    if subtracts(layout):
        # The one's complement; the adder's carry makes it the two's.
        return (operand.as_unsigned() ^ (payload < 0).replicate(len(operand))).as_signed()
    return operand


def _shifted(layout: TokenLayout, operand: Value, payload: Value) -> Value:
    """The operand at the one place that the payload has: no adder, no multiplier."""
    size = Mux(payload < 0, -payload, payload) if subtracts(layout) else payload
    places = max(layout.high, -layout.low).bit_length()
    width = len(operand) + places - 1
    terms = [
        Cat(Const(0, k), operand, operand[-1].replicate(places - 1 - k)) & size[k].replicate(width)
        for k in range(places)
    ]
    return reduce(or_, terms).as_signed()


def _shifted_and_added(layout: TokenLayout, operand: Value, payload: Value) -> Value:
    """The product without a multiplier; the top bit of a signed payload counts down."""
    terms = [Mux(bit, operand, 0) << place for place, bit in enumerate(payload)]
    if layout.payload_shape.signed:
        terms[-1] = -terms[-1]
    return reduce(add, terms)
