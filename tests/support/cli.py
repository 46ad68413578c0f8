"""The command line in this process."""

import io
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path

from spikewright.flow.cli.main import main
from spikewright.golden.errors import ToolError

__all__ = ["spikewright"]


def spikewright(*arguments: object, cwd: Path, ok: bool = True):
    """Run the command in this process, which has torch loaded already."""
    out, err = io.StringIO(), io.StringIO()
    argv, sys.argv = sys.argv, ["spikewright", *map(str, arguments)]
    try:
        with chdir(cwd), redirect_stdout(out), redirect_stderr(err):
            main()
        code = 0
    except SystemExit as end:
        code = end.code or 0
    finally:
        sys.argv = argv
    result = subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())
    if ok and "must be on PATH" in result.stderr:
        raise ToolError("a program must be on PATH", found=result.stderr)
    if ok:
        assert code == 0, result.stderr
    return result
