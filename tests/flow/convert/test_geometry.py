"""One spatial form for every branch equals torch's own functions."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from spikewright.flow.convert.geometry import Geometry, average, maximum, outward, plane, repeat
from spikewright.flow.importers import INPUT, Branch, BranchKind, Pool


def test_every_shape_is_a_plane() -> None:
    shapes = [(5,), (5, 7), (5, 6, 7), (5, 2, 3, 4)]
    assert [plane(shape) for shape in shapes] == [(5, 1, 1), (5, 1, 7), (5, 6, 7), (120, 1, 1)]


def weights(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def through(branch: Branch, x: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """What the geometry makes of ``x`` [N, *source shape], in the target's own shape."""
    weight = None
    if branch.weight is not None:
        weight = torch.from_numpy(np.array(outward(branch.weight, branch.kind, branch.groups)))
    geometry = Geometry.of(branch, shape)
    result = geometry(x.reshape(len(x), *plane(tuple(x.shape[1:]))), weight)
    assert tuple(result.shape[1:]) == plane(shape)
    return result.reshape(len(x), *shape)


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("transposed", [False, True])
def test_windows(rank: int, groups: int, pooled: bool, transposed: bool) -> None:
    x = weights(2, 4, *(9, 8)[:rank])
    stride, padding, dilation = (2, 1)[:rank], (1, 0)[:rank], (1, 2)[:rank]
    output_padding = (1, 0)[:rank] if transposed else ()
    shape = (4, 6 // groups) if transposed else (6, 4 // groups)
    weight = weights(*shape, *(3, 2)[:rank])
    pool = Pool(kernel=(2, 3)[:rank], stride=(2, 1)[:rank], padding=(1, 1)[:rank])
    seen = x
    if pooled and rank == 1:
        seen = F.avg_pool1d(x, pool.kernel, pool.stride, pool.padding) * 2
    elif pooled:
        seen = F.avg_pool2d(x, pool.kernel, pool.stride, pool.padding) * 6
    if transposed:
        function = F.conv_transpose1d if rank == 1 else F.conv_transpose2d
        wanted = function(seen, weight, None, stride, padding, output_padding, groups, dilation)
    else:
        function = F.conv1d if rank == 1 else F.conv2d
        wanted = function(seen, weight, None, stride, padding, dilation, groups)
    branch = Branch(
        name="b",
        source=INPUT,
        kind=BranchKind.TRANSPOSED if transposed else BranchKind.CONVOLUTION,
        weight=weight.numpy(),
        stride=stride,
        padding=padding,
        dilation=dilation,
        output_padding=output_padding,
        groups=groups,
        pool=pool if pooled else None,
    )
    found = through(branch, x, tuple(wanted.shape[1:]))
    assert torch.allclose(found, wanted, rtol=0, atol=1e-12)


def test_linear_sees_the_flat_sums() -> None:
    x, weight = weights(2, 3, 4, 4), weights(5, 12)
    pool = Pool(kernel=(2, 2), stride=(2, 2), padding=(0, 0))
    kind = BranchKind.LINEAR
    branch = Branch(name="b", source=INPUT, kind=kind, weight=weight.numpy(), pool=pool)
    wanted = (F.avg_pool2d(x, 2) * 4).flatten(1) @ weight.T
    assert torch.allclose(through(branch, x, (5,)), wanted, rtol=0, atol=1e-12)


def test_values_pass_into_the_channels_from_an_offset_on() -> None:
    x = weights(2, 3, 4, 4)
    branch = Branch(name="b", source=INPUT, kind=BranchKind.PASS, offset=2)
    found = through(branch, x, (6, 4, 4))
    assert torch.equal(found[:, 2:5], x)
    assert not found[:, :2].any() and not found[:, 5:].any()


def test_relays() -> None:
    x = weights(2, 3, 5, 6)
    assert torch.equal(
        maximum(x, (3, 2), (2, 2), (1, 0), (1, 2)), F.max_pool2d(x, (3, 2), 2, (1, 0), (1, 2))
    )
    ones = torch.ones(1, 1, 3, 3)
    means = average(ones, Pool(kernel=(2, 2), stride=(2, 2), padding=(1, 1)))
    assert means.tolist() == ones[:, :, :2, :2].tolist()
    assert repeat(x, (3, 10, 12)).tolist() == F.interpolate(x, scale_factor=2).tolist()
    line = weights(1, 2, 1, 3)
    assert repeat(line, (2, 1, 6))[0, 0, 0].tolist() == line[0, 0, 0].repeat_interleave(2).tolist()


def test_what_sees_a_border() -> None:
    def pads(**changes: object) -> bool:
        fields: dict[str, object] = {
            "name": "b",
            "source": INPUT,
            "kind": BranchKind.CONVOLUTION,
            "weight": np.ones((1, 1, 3)),
            "stride": (1,),
            "padding": (0,),
            "dilation": (1,),
        }
        return Geometry.of(Branch(**{**fields, **changes}), (1, 5)).pads  # type: ignore[arg-type]

    padded = Pool(kernel=(2,), stride=(2,), padding=(1,))
    assert not pads()
    assert pads(padding=(1,)) and pads(kind=BranchKind.TRANSPOSED) and pads(pool=padded)
