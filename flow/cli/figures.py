"""Help that names constants of the code, which is loaded only when that help is asked for."""

from typing import Any

from typer.core import TyperCommand, TyperOption

__all__ = ["WithFigures"]


class WithFigures(TyperCommand):
    """A command whose options may say ``{large_bits}`` and ``{least_fanout}`` in their help."""

    def format_help(self, *given: Any, **named: Any) -> None:
        """As of any command, with what the code says in their place."""
        for option in self.params:
            if isinstance(option, TyperOption) and "{" in (option.help or ""):
                option.help = _told(option.help or "")
        super().format_help(*given, **named)


def _told(text: str) -> str:
    from spikewright.flow.plan import LARGE_BITS
    from spikewright.hdl.plan import LEAST_FANOUT

    return text.format(large_bits=LARGE_BITS, least_fanout=LEAST_FANOUT)
