"""What all commands have in common: help that names constants, and errors that name options."""

import math
from typing import Any

from typer.core import TyperCommand, TyperOption

from spikewright.golden.errors import ConfigurationError

__all__ = ["Command"]


class Command(TyperCommand):
    """A command whose options may say ``{large_bits}`` and ``{least_fanout}`` in their help.

    What the code calls ``weight_bits`` is ``--weight-bits`` to who typed it, in errors as well.
    Numbers are finite: NaN would pass every comparison with a least and a most.
    """

    def format_help(self, *given: Any, **named: Any) -> None:
        """As of any command, with what the code says in their place."""
        # The code is loaded only when that help is asked for.
        for option in self.params:
            if isinstance(option, TyperOption) and "{" in (option.help or ""):
                option.help = _told(option.help or "")
        super().format_help(*given, **named)

    def invoke(self, ctx: Any) -> Any:
        """Run it; an error about a parameter names the option."""
        options = {each.name: each.opts[0] for each in self.params}
        for name, value in ctx.params.items():
            if isinstance(value, float) and not math.isfinite(value):
                raise ConfigurationError(
                    "must be a finite number", found=str(value), where=options[name]
                )
        try:
            return super().invoke(ctx)
        except ConfigurationError as error:
            if error.where not in options:
                raise
            raise ConfigurationError(
                error.must, found=error.found, where=options[error.where], action=error.action
            ) from error


def _told(text: str) -> str:
    from spikewright.flow.plan import LARGE_BITS
    from spikewright.hdl.plan import LEAST_FANOUT

    return text.format(large_bits=LARGE_BITS, least_fanout=LEAST_FANOUT)
