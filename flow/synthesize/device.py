"""How the tools are told which part to build for."""

from spikewright.boards import Board

__all__ = ["BITSTREAM", "BUILD", "NAME", "ROUTED", "nextpnr_part", "packing", "synthesis_options"]

NAME = "top"
"""Of the top module, and of the files."""

BUILD = "build.json"
"""What a build says of itself, in its folder."""

BITSTREAM = {"ecp5": f"{NAME}.bit", "ice40": f"{NAME}.bin", "gowin": f"{NAME}.fs"}
"""The file that a packer writes, by family."""

ROUTED = {
    "ecp5": ("--textcfg", f"{NAME}.config"),
    "ice40": ("--asc", f"{NAME}.asc"),
    "gowin": ("--write", f"{NAME}.pnr.json"),
}
"""How nextpnr is told to write its result, and where, by family."""


def nextpnr_part(board: Board) -> tuple[str, ...]:
    """Arguments of nextpnr that say the part and its pins."""
    if board.family == "gowin":
        part = board.device.rstrip("C").replace("-", "-LV") + board.package + board.speed
        return (
            *("--device", part, "--vopt", f"family={_gowin_die(board)}"),
            *("--vopt", f"cst={NAME}.cst"),
        )
    if board.family == "ecp5":
        series, _, size = board.device.removesuffix("F").partition("-")
        kind = f"--{size}k" if series == "LFE5U" else f"--{series[4:].lower()}-{size}k"
        return kind, "--package", board.package, "--speed", board.speed, "--lpf", f"{NAME}.lpf"
    kind = f"--{board.device.removeprefix('iCE40').lower()}"
    return kind, "--package", board.package.lower(), "--pcf", f"{NAME}.pcf"


def packing(board: Board) -> tuple[str, ...]:
    """Arguments of the packer."""
    routed, bitstream = ROUTED[board.family][1], BITSTREAM[board.family]
    if board.family == "ecp5":
        return "--compress", "--input", routed, "--bit", bitstream
    if board.family == "gowin":
        # Pins that configuration needs no more are LEDs' and the flash's.
        free = ("--sspi_as_gpio", "--mspi_as_gpio")
        return "--device", _gowin_die(board), *free, "--output", bitstream, routed
    return routed, bitstream


def synthesis_options(board: Board) -> dict[str, str]:
    """What Yosys must know of the device: the delays of an iCE40's series, Gowin's series."""
    if board.family == "ice40":
        series = {"UP": "u", "HX": "hx", "LP": "lp"}
        return {"synth_opts": f"-device {series[board.speed]}"}
    if board.family == "gowin":
        return {"synth_opts": f"-family {board.device[:4].lower()}"}
    return {}


def _gowin_die(board: Board) -> str:
    """The die in a package with other RAM beside it."""
    return board.device.replace("R-", "-")
