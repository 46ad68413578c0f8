"""Fills memories that are loaded."""

from spikewright.hdl.load import words_of_row


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
