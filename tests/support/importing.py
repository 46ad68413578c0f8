"""Reads a module and checks that the graph computes what the module computes."""

import numpy as np
import torch
from torch import nn

from spikewright.flow.importers import Graph, import_module
from support.modules import samples, shaken
from support.naive_graph import evaluate

ROUNDING = 1e-9
"""Largest difference that the order of float64 sums of these sizes can make; values are about 1."""


def agreeing(
    module: nn.Module,
    shape: tuple[int, ...],
    *,
    n: int = 3,
    seed: int = 0,
    constant: bool = False,
) -> Graph:
    """The graph of the shaken module, whose logits have been compared with the module's.

    Logits that do not depend on the samples would agree with nearly anything: they are an error
    unless ``constant`` allows them.
    """
    module = shaken(module, seed)
    x = samples(shape, n, seed + 1)
    with torch.no_grad():
        logits = module(x.clone()).numpy()
    graph = import_module(module, shape)
    found = evaluate(graph, x.numpy()).reshape(logits.shape)
    np.testing.assert_allclose(found, logits, rtol=0, atol=ROUNDING)
    assert constant or logits.std() > 1e-3
    return graph
