"""An accelerator as cells of a device, for co-simulation at gate level."""

from .models import FAMILIES, Models, cell_models
from .netlist import Gates, map_gates

__all__ = ["FAMILIES", "Gates", "Models", "cell_models", "map_gates"]
