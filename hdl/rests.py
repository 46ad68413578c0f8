"""Whether a neuron rests while no spike reaches it."""

from spikewright.golden.spec import Fire, Soma

__all__ = ["moves_alone"]


def moves_alone(soma: Soma) -> str | None:
    """What makes a neuron move that nothing has touched; None where it rests."""
    for moves, why in (
        (soma.fire is Fire.NONE, "is read"),
        (soma.changes_alone, "leaks, clips or has a bias on every step"),
        (soma.refractory > 0, "counts refractory steps"),
        (soma.reset_delay, "resets a step later"),
        (soma.phases is not None, "counts its steps"),
    ):
        if moves:
            return why
    return None
