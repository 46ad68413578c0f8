"""Clocks that a PLL can make of a board's oscillator, by the limits of the data sheets."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from typing import Any

from amaranth.hdl import Const, Instance, Signal

__all__ = [
    "Direct",
    "Ecp5Pll",
    "GowinPll",
    "Ice40Pll",
    "Pll",
    "ecp5_plls",
    "gowin_plls",
    "ice40_plls",
]

# ECP5 family data sheet FPGA-DS-02012, sysCLOCK PLL timing.
_ECP5_VCO_MHZ = (400.0, 800.0)
_ECP5_PHASE_DETECTOR_MHZ = (10.0, 400.0)
_ECP5_OUTPUT_MHZ = (10.0, 250.0)

# iCE40 UltraPlus data sheet FPGA-DS-02008, and iCE40 LP/HX FPGA-DS-02029: sysCLOCK PLL timing.
_ICE40_VCO_MHZ = (533.0, 1066.0)
_ICE40_PHASE_DETECTOR_MHZ = (10.0, 133.0)
_ICE40_OUTPUT_MHZ = (16.0, 275.0)
# Largest frequency of the phase detector for each setting of the loop filter, from 1 up.
_ICE40_FILTER_MHZ = (17.0, 26.0, 44.0, 66.0, 101.0, 133.0)

# Gowin data sheets DS117 (GW1NR) and DS226 (GW2AR), PLL parameters, by device: VCO, phase
# detector, output.
_GOWIN_MHZ = {
    "GW1NR-9C": ((400.0, 1200.0), (3.0, 400.0), (3.125, 600.0)),
    "GW2AR-18C": ((500.0, 1250.0), (3.0, 500.0), (3.90625, 625.0)),
}
_GOWIN_OUTPUTS = (2, 4, 8, 16, 32, 48, 64, 80, 96, 112, 128)


@dataclass(frozen=True, kw_only=True)
class Pll(ABC):
    """One clock: ``mhz`` from ``input_mhz``."""

    input_mhz: float

    @property
    def takes_pad(self) -> bool:
        """Whether the oscillator's pad must go straight to it, without an input buffer."""
        return False

    @property
    @abstractmethod
    def mhz(self) -> float:
        """Frequency of the output."""

    @abstractmethod
    def instance(self, source: Any, clock: Signal, locked: Signal) -> Instance | None:
        """The primitive that makes ``clock`` of ``source`` and says when it is ``locked``."""


@dataclass(frozen=True, kw_only=True)
class Direct(Pll):
    """The oscillator itself."""

    @property
    def mhz(self) -> float:
        """Frequency of the oscillator."""
        return self.input_mhz

    def instance(self, source: Any, clock: Signal, locked: Signal) -> Instance | None:
        """Nothing to make."""
        return None


@dataclass(frozen=True, kw_only=True)
class Ecp5Pll(Pll):
    """EHXPLLL: its VCO runs at input / divide * multiply, mhz = VCO / output.

    CLKOP only feeds back, so that the output's divider is free: many more clocks than by CLKOP
    alone, at a phase detector that stays fast.
    """

    divide: int
    multiply: int
    output: int

    @property
    def vco_mhz(self) -> float:
        """Frequency of the oscillator inside."""
        return self.input_mhz / self.divide * self.multiply

    @property
    def mhz(self) -> float:
        """Frequency of the output."""
        return self.vco_mhz / self.output

    def instance(self, source: Any, clock: Signal, locked: Signal) -> Instance | None:
        """The PLL with its output on CLKOS; loop settings as Project Trellis' ecppll."""
        feedback = Signal(name="pll_feedback")
        return Instance(
            "EHXPLLL",
            a_FREQUENCY_PIN_CLKI=f"{self.input_mhz:.6f}",
            a_FREQUENCY_PIN_CLKOP=f"{self.input_mhz / self.divide:.6f}",
            a_FREQUENCY_PIN_CLKOS=f"{self.mhz:.6f}",
            a_ICP_CURRENT="12",
            a_LPF_RESISTOR="8",
            a_MFG_ENABLE_FILTEROPAMP="1",
            a_MFG_GMCREF_SEL="2",
            p_PLLRST_ENA="DISABLED",
            p_INTFB_WAKE="DISABLED",
            p_STDBY_ENABLE="DISABLED",
            p_DPHASE_SOURCE="DISABLED",
            p_OUTDIVIDER_MUXA="DIVA",
            p_OUTDIVIDER_MUXB="DIVB",
            p_OUTDIVIDER_MUXC="DIVC",
            p_OUTDIVIDER_MUXD="DIVD",
            p_CLKI_DIV=self.divide,
            p_CLKFB_DIV=1,
            p_FEEDBK_PATH="CLKOP",
            p_CLKOP_ENABLE="ENABLED",
            p_CLKOP_DIV=self.multiply,
            p_CLKOP_CPHASE=self.multiply - 1,
            p_CLKOP_FPHASE=0,
            p_CLKOS_ENABLE="ENABLED",
            p_CLKOS_DIV=self.output,
            p_CLKOS_CPHASE=self.output - 1,
            p_CLKOS_FPHASE=0,
            i_RST=Const(0),
            i_STDBY=Const(0),
            i_CLKI=source,
            i_CLKFB=feedback,
            i_PHASESEL0=Const(0),
            i_PHASESEL1=Const(0),
            i_PHASEDIR=Const(1),
            i_PHASESTEP=Const(1),
            i_PHASELOADREG=Const(1),
            i_PLLWAKESYNC=Const(0),
            i_ENCLKOP=Const(0),
            i_ENCLKOS=Const(0),
            o_CLKOP=feedback,
            o_CLKOS=clock,
            o_LOCK=locked,
        )


@dataclass(frozen=True, kw_only=True)
class Ice40Pll(Pll):
    """SB_PLL40: mhz = input / (divr + 1) * (divf + 1) / 2**divq, simple feedback.

    ``pad`` : whether the oscillator is on the PLL's own pad; on any other it comes over a wire.
    """

    divr: int
    divf: int
    divq: int
    pad: bool = True

    @property
    def takes_pad(self) -> bool:
        """Whether it is the one with a pad."""
        return self.pad

    @property
    def mhz(self) -> float:
        """Frequency of the output."""
        return self.input_mhz / (self.divr + 1) * (self.divf + 1) / (1 << self.divq)

    @property
    def filter_range(self) -> int:
        """Setting of the loop filter."""
        detector = self.input_mhz / (self.divr + 1)
        return 1 + sum(detector >= limit for limit in _ICE40_FILTER_MHZ[:-1])

    def instance(self, source: Any, clock: Signal, locked: Signal) -> Instance | None:
        """The PLL, on a global clock net."""
        return Instance(
            "SB_PLL40_PAD" if self.pad else "SB_PLL40_CORE",
            p_FEEDBACK_PATH="SIMPLE",
            p_DIVR=self.divr,
            p_DIVF=self.divf,
            p_DIVQ=self.divq,
            p_FILTER_RANGE=self.filter_range,
            p_PLLOUT_SELECT="GENCLK",
            **({"io_PACKAGEPIN": source} if self.pad else {"i_REFERENCECLK": source}),
            i_RESETB=Const(1),
            i_BYPASS=Const(0),
            o_PLLOUTGLOBAL=clock,
            o_LOCK=locked,
        )


@dataclass(frozen=True, kw_only=True)
class GowinPll(Pll):
    """rPLL: mhz = input / divide * multiply, its VCO runs at mhz * output.

    ``device`` : as the vendor writes it.
    """

    device: str
    divide: int
    multiply: int
    output: int

    @property
    def vco_mhz(self) -> float:
        """Frequency of the oscillator inside."""
        return self.mhz * self.output

    @property
    def mhz(self) -> float:
        """Frequency of the output."""
        return self.input_mhz / self.divide * self.multiply

    def instance(self, source: Any, clock: Signal, locked: Signal) -> Instance | None:
        """The PLL with nothing that moves while it runs."""
        fixed = {f"p_DYN_{name}": "false" for name in ("IDIV_SEL", "FBDIV_SEL", "ODIV_SEL")}
        straight = ("CLKOUT", "CLKOUTP", "CLKOUTD")
        zeros = {"FBDSEL": 6, "IDSEL": 6, "ODSEL": 6, "PSDA": 4, "DUTYDA": 4, "FDLY": 4}
        return Instance(
            "rPLL",
            p_DEVICE=self.device,
            p_FCLKIN=f"{self.input_mhz:g}",
            p_IDIV_SEL=self.divide - 1,
            p_FBDIV_SEL=self.multiply - 1,
            p_ODIV_SEL=self.output,
            p_DYN_SDIV_SEL=2,
            p_DYN_DA_EN="false",
            p_PSDA_SEL="0000",
            p_DUTYDA_SEL="1000",
            p_CLKFB_SEL="internal",
            p_CLKOUTD_SRC="CLKOUT",
            p_CLKOUTD3_SRC="CLKOUT",
            **fixed,
            **{f"p_{name}_BYPASS": "false" for name in straight},
            i_CLKIN=source,
            i_CLKFB=Const(0),
            i_RESET=Const(0),
            i_RESET_P=Const(0),
            **{f"i_{name}": Const(0, bits) for name, bits in zeros.items()},
            o_CLKOUT=clock,
            o_LOCK=locked,
        )


@cache
def ecp5_plls(input_mhz: float) -> tuple[Pll, ...]:
    """Every clock of an ECP5, slowest first; by the smallest input divider and the fastest VCO."""
    found: dict[float, Pll] = {}
    for divide in range(1, 129):
        if not _within(input_mhz / divide, _ECP5_PHASE_DETECTOR_MHZ):
            continue
        for multiply in range(128, 0, -1):
            vco = input_mhz / divide * multiply
            if not _within(vco, _ECP5_VCO_MHZ):
                continue
            for output in range(1, 129):
                mhz = vco / output
                if mhz not in found and _within(mhz, _ECP5_OUTPUT_MHZ):
                    found[mhz] = Ecp5Pll(
                        input_mhz=input_mhz, divide=divide, multiply=multiply, output=output
                    )
    return _ordered(found)


@cache
def ice40_plls(input_mhz: float, *, pad: bool = True) -> tuple[Pll, ...]:
    """Every clock of an iCE40, slowest first: the oscillator itself, then what its PLL makes."""
    found: dict[float, Pll] = {input_mhz: Direct(input_mhz=input_mhz)}
    for divr in range(16):
        if not _within(input_mhz / (divr + 1), _ICE40_PHASE_DETECTOR_MHZ):
            continue
        for divf in range(128):
            vco = input_mhz / (divr + 1) * (divf + 1)
            for divq in range(1, 7):
                mhz = vco / (1 << divq)
                if _within(vco, _ICE40_VCO_MHZ) and _within(mhz, _ICE40_OUTPUT_MHZ):
                    pll = Ice40Pll(input_mhz=input_mhz, divr=divr, divf=divf, divq=divq, pad=pad)
                    found.setdefault(mhz, pll)
    return _ordered(found)


@cache
def gowin_plls(input_mhz: float, device: str) -> tuple[Pll, ...]:
    """Every clock of a Gowin device, slowest first; by the smallest dividers."""
    vco, detector, mhz = _GOWIN_MHZ[device]
    found: dict[float, Pll] = {}
    for divide in range(1, 65):
        if not _within(input_mhz / divide, detector):
            continue
        for multiply in range(1, 65):
            for output in _GOWIN_OUTPUTS:
                pll = GowinPll(
                    input_mhz=input_mhz,
                    device=device,
                    divide=divide,
                    multiply=multiply,
                    output=output,
                )
                if _within(pll.vco_mhz, vco) and _within(pll.mhz, mhz):
                    found.setdefault(pll.mhz, pll)
    return _ordered(found)


def _within(value: float, limits: tuple[float, float]) -> bool:
    return limits[0] <= value <= limits[1]


def _ordered(found: dict[float, Pll]) -> tuple[Pll, ...]:
    return tuple(found[mhz] for mhz in sorted(found))
