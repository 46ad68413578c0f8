"""The hardware: cores, streams and the accelerator, in Amaranth."""

import re
import warnings
from pathlib import Path

from amaranth.hdl import UnusedElaboratable

from .accelerator import Accelerator, InputPort, Probe
from .bound import bound_cycles
from .config import CoreConfig
from .depths import sized
from .host_config import HostConfig
from .make_configs import core_configs
from .plan import CorePlan, GuardPlan, HardwarePlan, Host, MembraneStore, WeightStore
from .port_config import PortConfig
from .token import Axis, TokenLayout

# Parts of this package are made only to be measured, or to be refused: nobody elaborates those.
warnings.filterwarnings(
    "ignore", category=UnusedElaboratable, module=re.escape(str(Path(__file__).parent))
)

__all__ = [
    "Accelerator",
    "Axis",
    "CoreConfig",
    "CorePlan",
    "GuardPlan",
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
