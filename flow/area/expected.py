"""What each feature is expected to cost, from what it is made of; a fit only corrects it."""

from collections.abc import Mapping

__all__ = ["FLIP_FLOPS", "LUTS"]

# A bit that is added, chosen or written takes a lookup table; a carry chain of ECP5 begins and ends
# in cells of its own.
_LUTS = {
    "body.added": 1.0,
    "body.constants": 1.0,
    "body.emptied": 1.5,
    "body.forwarded": 2.0,
    "body.fresh": 2.0,
    "body.own_groups": 4.0,
    "body.pairs": 1.0,
    "body.product": 1.0,
    "body.ram": 1.0,
    "body.read": 1.0,
    "body.slices": 1.0,
    "body.soma_added": 1.0,
    "body.soma_chosen": 1.0,
    "body.state": 1.0,
    "body.touched": 3.0,
    "body.touched_ways": 1.5,
    "body.written": 1.0,
    "intake.bits": 2.0,
    "intake.merged_bits": 3.0,
    "intake.pointers": 10.0,
    "intake.ram": 1.0,
    "intake.registers": 0.5,
    "serialiser.held": 0.7,
    "serialiser.lanes": 8.0,
    "synapses.aligned": 0.5,
    "synapses.pointed": 3.5,
    "synapses.rom": 1.0,
    "synapses.tables": 1.0,
}
LUTS: Mapping[str, Mapping[str, float]] = {
    "ecp5": {**_LUTS, "body.chains": 5.0},
    # Without LUT RAM what waits in a queue is registers, and multiplexers behind them.
    "ice40": {
        **_LUTS,
        "body.chains": 1.0,
        "body.read": 0.8,
        "synapses.pointed": 7.0,
        "synapses.rom": 1.5,
    },
}

FLIP_FLOPS: Mapping[str, float] = {
    "body.divided": 1.0,
    "body.fresh": 1.0,
    "body.held": 2.0,
    "body.looked_up": 1.0,
    "body.operands": 1.0,
    "body.state": 1.0,
    "body.stored": 1.0,
    "body.touched": 3.0,
    "intake.bits": 2.0,
    "intake.registers": 1.0,
    "serialiser.held": 2.5,
    "synapses.aligned": 0.5,
    "synapses.held": 1.0,
    "readout.tally": 1.0,
}
