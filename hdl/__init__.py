"""The hardware: cores, streams and the accelerator, in Amaranth."""

import warnings

from amaranth.hdl import UnusedElaboratable

from .accelerator import Accelerator, InputPort, Probe
from .bound import bound_cycles
from .config import CoreConfig, HostConfig, PortConfig, core_configs
from .depths import sized
from .plan import CorePlan, HardwarePlan, Host, MembraneStore, WeightStore
from .token import Axis, TokenLayout

# Parts are made only to be measured, or to be refused, and then nobody elaborates them.
warnings.filterwarnings("ignore", category=UnusedElaboratable)

__all__ = [
    "Accelerator",
    "Axis",
    "CoreConfig",
    "CorePlan",
    "HardwarePlan",
    "Host",
    "HostConfig",
    "InputPort",
    "MembraneStore",
    "PortConfig",
    "Probe",
    "TokenLayout",
    "WeightStore",
    "bound_cycles",
    "core_configs",
    "sized",
]
