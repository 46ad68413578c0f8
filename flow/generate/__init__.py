"""Network file and hardware plan to Verilog and a manifest."""

from spikewright.flow.generate.manifest import MANIFEST_SCHEMA, build_manifest
from spikewright.flow.generate.writer import Generated, generate, verilog_text

__all__ = ["MANIFEST_SCHEMA", "Generated", "build_manifest", "generate", "verilog_text"]
