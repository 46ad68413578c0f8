"""``make study``: run what was not run yet, and write the page."""

from pathlib import Path
from typing import Annotated

import typer

from spikewright.flow.cli.console import say, working
from spikewright.flow.files import write_bytes
from spikewright.flow.study import ROWS, Context, study
from spikewright.flow.study.run import found
from spikewright.flow.study.table import page
from spikewright.golden.errors import ConfigurationError

__all__ = ["main"]


def main(
    out: Annotated[Path, typer.Argument(help="Folder of all that is made.")],
    to: Annotated[Path, typer.Argument(metavar="PAGE", help="Markdown to write.")],
    data: Annotated[Path, typer.Option(help="Folder of the data sets.")],
    rows: Annotated[
        str, typer.Option(help="Names of rows, or beginnings of them, or all.")
    ] = "all",
    seed: Annotated[int, typer.Option(help="Of all training.")] = 0,
) -> None:
    """Run the rows of the study that have no finding in OUT, and write the page of all."""
    wanted = [
        name
        for name in ROWS
        if rows == "all" or any(name.startswith(each) for each in rows.split(","))
    ]
    if not wanted:
        raise ConfigurationError(
            f"rows must be among {', '.join(ROWS)}", found=repr(rows), where="--rows"
        )
    context = Context(data=data, out=out, seed=seed, working=working)
    for name in wanted:
        study(context, [name])
        write_bytes(to, page(found(context)).encode())
    say(f"{len(found(context))} of {len(ROWS)} rows are in {to}")


if __name__ == "__main__":
    typer.run(main)
