"""What all commands have in common: help that names constants, and errors that name options."""

import math
from itertools import pairwise
from typing import Any

from typer.core import TyperCommand, TyperOption

from spikewright.golden.errors import ConfigurationError

__all__ = ["Command"]


class Command(TyperCommand):
    """A command whose options may say ``{large_bits}`` and the like in their help.

    What the code calls ``weight_bits`` is ``--weight-bits`` to who typed it, in errors as well.
    Numbers are finite: NaN would pass every comparison with a least and a most.
    An option of the metavar ``[a|b]`` may stand alone, and is a then.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As of any command, with the values that were left out."""
        choices = {
            name: str(each.metavar)[1:-1].split("|")
            for each in self.params
            if isinstance(each, TyperOption) and str(each.metavar).startswith("[")
            for name in each.opts
        }
        whole = []
        for given, after in pairwise([*args, ""]):
            whole.append(given)
            if given in choices and after not in choices[given]:
                whole.append(choices[given][0])
        return super().parse_args(ctx, whole)

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
    from spikewright.hdl.make_envelope import MOST_HEADROOM
    from spikewright.hdl.plan import LEAST_FANOUT

    return text.format(
        large_bits=LARGE_BITS, least_fanout=LEAST_FANOUT, most_headroom=MOST_HEADROOM
    )
