"""Live modules of snnTorch, SpikingJelly and sinabs, each with the semantics of its source."""

from .read import FRAMEWORKS, Imported, framework_of, import_spiking

__all__ = ["FRAMEWORKS", "Imported", "framework_of", "import_spiking"]
