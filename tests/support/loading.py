"""Fills memories that are loaded; plans and projects of networks that are."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from spikewright.flow.plan import default_plan
from spikewright.golden.spec import Mode
from spikewright.hdl.load import words_of_row
from spikewright.hdl.make_envelope import with_envelope
from spikewright.hdl.plan import WeightStore
from support.chains import bounded_chain, inputs_for
from support.linked import make_project


async def fill(ctx, port, memory):
    """All rows of a memory through the port that leads to it, a word a cycle."""
    ctx.set(port.active, 1)
    for row, value in enumerate(memory.rows):
        ctx.set(port.row, row)
        for turn, word in enumerate(words_of_row(value, memory.width)):
            ctx.set(port.enables, 1 << turn)
            ctx.set(port.data, word)
            await ctx.tick()
    ctx.set(port.enables, 0)
    ctx.set(port.active, 0)


async def send_image(ctx, accelerator, words):
    """An image, word by word; returns how it ended."""
    ctx.set(accelerator.reload, 1)
    await ctx.tick()
    ctx.set(accelerator.reload, 0)
    ctx.set(accelerator.load.valid, 1)
    for word in words:
        ctx.set(accelerator.load.payload, word)
        while not ctx.get(accelerator.load.ready):
            await ctx.tick()
        await ctx.tick()
    ctx.set(accelerator.load.valid, 0)
    await ctx.tick()
    assert ctx.get(accelerator.load_done)
    return ctx.get(accelerator.load_result)


def loadable(network, mode=Mode.COLLAPSED, **choices):
    """A plan whose memories take any network of the shape of this one."""
    plan = default_plan(network, mode, weights=WeightStore.BLOCK, **choices)
    return with_envelope(network, plan, headroom=2)


def loadable_projects(root):
    """Two networks of one shape, a and b, for one design; and c, which is b with other thresholds
    and biases: folder, network and manifest of each, and samples.
    """
    a, b = (bounded_chain((12, 9, 4), seed=seed) for seed in (1, 2))
    hidden = b.population("h0")
    soma = replace(hidden.soma, threshold=hidden.soma.threshold + 1, bias=hidden.soma.bias - 1)
    c = replace(b, name="c", populations=(replace(hidden, soma=soma), b.population("out")))
    plan = loadable(a)
    found = {}
    for name, network in zip("abc", (a, b, c), strict=True):
        manifest = make_project(root / name, network, plan)
        found[name] = SimpleNamespace(folder=root / name, network=network, manifest=manifest)
    return SimpleNamespace(**found, x=np.asarray(inputs_for(a, 20)), plan=plan)
