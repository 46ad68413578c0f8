"""The hardware: cores, streams and the accelerator, in Amaranth."""

from .accelerator import Accelerator, Probe
from .bound import bound_cycles
from .config import CoreConfig, core_configs
from .plan import CorePlan, HardwarePlan, MembraneStore, WeightStore
from .token import TokenLayout

__all__ = [
    "Accelerator",
    "CoreConfig",
    "CorePlan",
    "HardwarePlan",
    "MembraneStore",
    "Probe",
    "TokenLayout",
    "WeightStore",
    "bound_cycles",
    "core_configs",
]
