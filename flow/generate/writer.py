"""Writes an accelerator's Verilog, its plan and its manifest."""

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amaranth.back import verilog

from spikewright.flow.files import atomic_files, text_hash, write_json
from spikewright.flow.plan_file import save_plan
from spikewright.golden.errors import ToolError
from spikewright.golden.spec import Network
from spikewright.hdl.accelerator import Accelerator
from spikewright.hdl.plan import HardwarePlan

from .manifest import IMAGE, TOP, VERILOG, build_manifest, image_bytes
from .uninitialised import uninitialised_verilog

__all__ = ["Generated", "generate", "verilog_text"]


@dataclass(frozen=True, kw_only=True)
class Generated:
    """A generated folder.

    ``manifest`` is the contents of ``manifest.json``; ``accelerator`` what the Verilog was made of;
    ``seconds`` the time it took.
    """

    folder: Path
    verilog: Path
    manifest: dict[str, Any]
    accelerator: Accelerator
    seconds: float


def generate(network: Network, plan: HardwarePlan, out_dir: Path) -> Generated:
    """Write ``accelerator.v``, ``plan.json`` and ``manifest.json`` into ``out_dir``.

    Where weights have to be loaded, ``weights.bin`` is what the accelerator's ``load`` wants.
    They appear together or not at all; other files of the folder stay.

    Raises
    ------
    ConfigurationError, UnsupportedError
        If plan or network are not what the hardware offers.
    FileError
        If the folder cannot be written.
    ToolError
        If the Verilog lacks a wire that co-simulation watches.
    """
    began = time.perf_counter()
    out_dir = Path(out_dir)
    accelerator = Accelerator(network=network, plan=plan)
    with atomic_files(out_dir) as scratch:
        text = _convert(accelerator)
        manifest = build_manifest(network, plan, accelerator, text_hash(text))
        _check_names(text, manifest)
        (scratch / VERILOG).write_text(text, encoding="utf-8")
        save_plan(plan, scratch / "plan.json")
        if accelerator.loading:
            (scratch / IMAGE).write_bytes(image_bytes(accelerator.image))
        write_json(scratch / "manifest.json", manifest)
    if not accelerator.loading:
        (out_dir / IMAGE).unlink(missing_ok=True)
    return Generated(
        folder=out_dir,
        verilog=out_dir / VERILOG,
        manifest=manifest,
        accelerator=accelerator,
        seconds=time.perf_counter() - began,
    )


def verilog_text(network: Network, plan: HardwarePlan) -> str:
    """The Verilog that ``generate`` writes; the same text for the same network and plan."""
    return _convert(Accelerator(network=network, plan=plan))


def _convert(accelerator: Accelerator) -> str:
    # Without places in source files the text is the same on every machine.
    text = verilog.convert(accelerator, name=TOP, strip_internal_attrs=True, emit_src=False)
    return uninitialised_verilog(str(text))


def _check_names(text: str, manifest: dict[str, Any]) -> None:
    """Names must survive: Yosys may merge a wire away, and nothing would be watched."""
    start = text.rfind(f"\nmodule {TOP}(")
    start = start if start >= 0 else text.find(f"module {TOP}(")
    body = text[start : text.find("\nendmodule", start)]
    declared = set(
        re.findall(r"^\s*(?:input|output|wire|reg)\s+(?:\[[^]]*\]\s*)?(\w+)", body, re.M)
    )
    wanted = [port["name"] for port in manifest["ports"]]
    wanted += [
        probe[name] for probe in manifest["probes"] for name in ("valid", "ready", "payload")
    ]
    missing = [name for name in wanted if name not in declared]
    if start < 0 or missing:
        raise ToolError(
            "the Verilog must declare every port and probe of the manifest",
            found=f"no {', '.join(missing) or TOP}",
            where=VERILOG,
        )
