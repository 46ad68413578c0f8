"""Projects, and devices that replay what the golden model answers to their samples."""

import json
from functools import partial
from pathlib import Path

import numpy as np

from spikewright.flow.cosim.golden import golden_streams
from spikewright.flow.cosim.manifest import Manifest, read_manifest
from spikewright.flow.cosim.streams import OUTPUT
from spikewright.flow.files import file_hash
from spikewright.flow.generate import build_manifest, image_bytes
from spikewright.golden.spec import Network
from spikewright.golden.spec.file import save
from spikewright.hdl import Accelerator as Hardware
from spikewright.hdl.plan import HardwarePlan
from support.device_model import Accelerator, DeviceModel, Port

__all__ = ["golden_device", "make_project", "model_of", "ports_of", "replay"]


def make_project(folder: Path, network: Network, plan: HardwarePlan) -> Manifest:
    """What a host needs of a project: no Verilog is made."""
    generated = folder / "generated" / plan.mode
    generated.mkdir(parents=True)
    save(network, folder / "network.safetensors")
    verilog = generated / "accelerator.v"
    verilog.write_text("// none\n")
    hardware = Hardware(network=network, plan=plan)
    manifest = build_manifest(network, plan, hardware, file_hash(verilog))
    if manifest["load"] is not None:
        (generated / manifest["load"]["file"]).write_bytes(image_bytes(hardware.image))
    (generated / "manifest.json").write_text(json.dumps(manifest))
    return read_manifest(generated)


def ports_of(manifest: Manifest) -> tuple[list[Port], Port]:
    """Inputs and output of a manifest as the device model has them."""
    inputs = [
        Port(each.layout.width, each.layout.address[1], each.layout.payload[1], each.frames)
        for each in manifest.inputs
    ]
    layout = manifest.output.layout
    return inputs, Port(layout.width, layout.address[1], layout.payload[1])


def model_of(folder: Path, manifest: Manifest, answer, **settings) -> DeviceModel:
    """A device with the project's hardware."""
    inputs, output = ports_of(manifest)
    data = json.loads((folder / "generated" / manifest.mode / "manifest.json").read_text())
    known = {
        "network": bytes.fromhex(manifest.network_hash),
        "memories": [] if manifest.load is None else list(manifest.load.memories),
        "plan": bytes.fromhex(data["plan"]["hash"]),
        "counts": list(range(100, 100 + len(manifest.counter_ports))),
    }
    return DeviceModel(Accelerator(inputs, output, answer), **{**known, **settings})


def replay(manifest: Manifest, streams, names) -> object:
    """Answers each sample of the golden streams with its output, and nothing else."""
    layouts = [each.layout for each in manifest.inputs]
    output = manifest.output.layout
    sent = [_samples(streams[name], layout) for name, layout in zip(names, layouts, strict=True)]
    came = _samples(streams[OUTPUT], output)
    known, before = {}, None
    for k, words in enumerate(came):
        inputs = [each[k] for each in sent]
        key = (before, *(_key(layout, w) for layout, w in zip(layouts, inputs, strict=True)))
        known[key] = [int(word) for word in words]
        kept = int(layouts[0].unpack(inputs[0])[1][-1])
        before = key if kept else None
    return partial(_answer, known, layouts)


def golden_device(folder, network, manifest, values, *, steps=None, keep=None, **settings):
    """A device that knows the golden model's answers to these samples, and their output words."""
    frames = any(each.frames for each in manifest.inputs)
    streams = golden_streams(network, manifest.mode, values, steps, keep=keep)
    assert not frames
    names = [each.name for each in manifest.inputs]
    device = model_of(folder, manifest, replay(manifest, streams, names), **settings)
    expected = [np.array(w) for w in _samples(streams[OUTPUT], manifest.output.layout)]
    return device, expected


def _samples(stream, layout):
    """Words of each sample, one token each."""
    words = layout.pack(stream.kind, stream.address, stream.payload)
    return np.split(words, stream.starts[1:-1])


def _key(layout, words) -> bytes:
    """What a sample says, whatever the order of the spikes of a step."""
    return layout.in_order(layout.scatter(np.array(words, dtype=np.uint64))).tobytes()


def _answer(known, layouts, sample, steps, before):
    """A sample that nobody sent is a wrong one: there is no answer to it."""
    key = (before, *(_key(layout, words) for layout, words in zip(layouts, sample, strict=True)))
    assert key in known, "the device was sent a sample that is none"
    return list(known[key]), key
