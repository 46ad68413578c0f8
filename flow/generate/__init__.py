"""Network file and hardware plan to Verilog and a manifest."""

from spikewright.flow.generate.manifest import MANIFEST_SCHEMA, build_manifest, image_bytes
from spikewright.flow.generate.exclusive import exclusive_rtlil
from spikewright.flow.generate.uninitialised import uninitialised_rtlil, uninitialised_verilog
from spikewright.flow.generate.writer import Generated, generate, verilog_text

__all__ = [
    "MANIFEST_SCHEMA",
    "Generated",
    "build_manifest",
    "generate",
    "image_bytes",
    "exclusive_rtlil",
    "uninitialised_rtlil",
    "uninitialised_verilog",
    "verilog_text",
]
