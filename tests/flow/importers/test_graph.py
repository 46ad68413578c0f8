"""A module becomes the graph that one would draw, and computes what it did; or it is refused."""

import threading
from collections import OrderedDict

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import prune

from spikewright.flow.importers import (
    INPUT,
    Activation,
    AverageStage,
    BranchKind,
    Graph,
    MaxStage,
    Pool,
    QuantisedReLU,
    Stage,
    UpsampleStage,
    import_module,
)
from spikewright.golden.errors import UnsupportedError
from support.importing import agreeing
from support.modules import NETWORKS, Body, ResidualBlock, shaken


def drawn(graph: Graph) -> list[tuple[str, ...]]:
    """Every stage with its kind and what it reads."""
    return [
        (stage.name, type(stage).__name__.removesuffix("Stage"), *stage.sources)
        for stage in graph.stages
    ]


def stage(graph: Graph, name: str) -> Stage:
    return next(s for s in graph.stages if s.name == name)


# --- whole networks -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name: str) -> None:
    make, shape = NETWORKS[name]
    torch.manual_seed(0)
    agreeing(make(), shape)


def test_lenet_is_drawn_as_it_is_written() -> None:
    graph = import_module(NETWORKS["lenet"][0](), (1, 16, 16))
    assert drawn(graph) == [
        ("layer_0", "", INPUT),
        ("layer_2", "Max", "layer_0"),
        ("layer_3", "", "layer_2"),
        ("layer_4", "Max", "layer_3"),  # relu(maxpool(x)) = maxpool(relu(x))
        ("layer_7", "", "layer_4"),
        ("layer_10", "", "layer_7"),
    ]
    assert graph.readout.shape == (10,) and graph.n_outputs == 10
    assert graph.shapes["layer_4"] == (6, 3, 3)
    assert graph.readers("layer_2") == ("layer_3",)


def test_a_residual_block_is_two_stages() -> None:
    module = nn.Sequential(
        nn.Conv2d(2, 2, 1), nn.ReLU(), ResidualBlock(2, 3, stride=2), nn.Conv2d(3, 2, 1)
    )
    graph = agreeing(module, (2, 4, 4))
    assert drawn(graph) == [
        ("layer_0", "", INPUT),
        ("layer_2_conv1", "", "layer_0"),
        ("add", "", "layer_2_conv1", "layer_0"),
        ("layer_3", "", "add"),
    ]
    add = stage(graph, "add")
    assert [b.name for b in add.branches] == ["layer_2_conv2", "layer_2_downsample_0"]
    assert all(branch.norm is not None for branch in add.branches)
    assert add.norm_before is None
    assert stage(graph, "layer_2_conv1").norm_before is not None


def test_an_unet_reads_both_parts_of_a_cat() -> None:
    graph = import_module(shaken(NETWORKS["unet"][0]()), (2, 8, 8))
    merge = stage(graph, "merge_0")
    assert [(b.source, b.weight.shape) for b in merge.branches] == [
        ("up1", (4, 4, 3, 3)),
        ("down1_0", (4, 4, 3, 3)),
    ]
    add = stage(graph, "add")
    assert [b.kind for b in add.branches] == [BranchKind.TRANSPOSED, BranchKind.PASS]
    assert graph.readout.shape == (3, 8, 8)
    middle = stage(graph, "middle_0").branches[0]
    assert (middle.pool, middle.gain) == (Pool(kernel=(2, 2), stride=(2, 2), padding=(0, 0)), 0.25)


# --- one thing at a time --------------------------------------------------------------------------


def single(*layers: nn.Module, shape: tuple[int, ...] = (4, 6, 6)) -> Graph:
    return agreeing(nn.Sequential(*layers), shape)


def test_average_pooling_is_part_of_what_reads_it() -> None:
    graph = single(nn.Conv2d(4, 3, 1), nn.ReLU(), nn.AvgPool2d(3), nn.Flatten(), nn.Linear(12, 5))
    branch = graph.readout.branches[0]
    assert (branch.kind, branch.pool, branch.gain) == (
        BranchKind.LINEAR,
        Pool(kernel=(3, 3), stride=(3, 3), padding=(0, 0)),
        1 / 9,
    )


def test_a_sum_pool_has_gain_1_exactly() -> None:
    body = Body(lambda s, x: s.c(49 * F.avg_pool2d(x, 7)), c=nn.Conv2d(2, 3, 1))
    assert agreeing(body, (2, 14, 7)).readout.branches[0].gain == 1.0


def test_an_average_that_is_activated_passes_its_pool() -> None:
    graph = single(nn.AvgPool2d(2), nn.ReLU(), nn.Conv2d(4, 3, 2))
    first = graph.stages[0].branches[0]
    assert (first.kind, first.gain, first.pool is not None) == (BranchKind.PASS, 0.25, True)


def test_a_head_without_activation_is_averaged_first() -> None:
    graph = single(
        nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    branch = graph.readout.branches[0]
    assert (graph.readout.shape, branch.name, branch.pool.kernel) == ((5, 1, 1), "layer_2", (4, 4))


def test_padding_that_does_not_count_makes_a_stage() -> None:
    graph = single(
        nn.Conv2d(4, 3, 1),
        nn.ReLU(),
        nn.AvgPool2d(3, 2, 1, count_include_pad=False),
        nn.Conv2d(3, 2, 1),
    )
    assert isinstance(graph.stages[1], AverageStage)


def test_upsampling_is_a_stage_behind_the_activation() -> None:
    graph = single(nn.Conv2d(4, 3, 1), nn.Upsample(scale_factor=2), nn.ReLU(), nn.Conv2d(3, 2, 1))
    assert graph.stages[0].activation == Activation()
    assert isinstance(graph.stages[1], UpsampleStage) and graph.stages[1].shape == (3, 12, 12)


def test_a_max_pool_of_the_input() -> None:
    graph = single(nn.MaxPool2d(2), nn.Conv2d(4, 3, 1))
    assert isinstance(graph.stages[0], MaxStage) and graph.stages[0].source == INPUT


def test_a_norm_behind_an_activation_stays_with_its_stage() -> None:
    graph = single(nn.Conv2d(4, 3, 1), nn.ReLU(), nn.BatchNorm2d(3), nn.Conv2d(3, 2, 3, padding=1))
    assert graph.stages[0].norm_after is not None
    assert graph.readout.bias.shape == (2,)


def test_a_norm_that_not_all_readers_want_goes_into_weights() -> None:
    def forward(s: nn.Module, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(s.a(x))
        return s.c(F.relu(s.b(s.norm(x)) + x))

    body = Body(
        forward,
        a=nn.Conv2d(4, 4, 1),
        b=nn.Conv2d(4, 4, 3, padding=1),
        c=nn.Conv2d(4, 2, 1),
        norm=nn.BatchNorm2d(4),
    )
    graph = agreeing(body, (4, 5, 5))
    assert stage(graph, "a").norm_after is None
    # The shift meets zero padding, so it is another constant at each border.
    assert stage(graph, "add").bias.shape == (100,)


def test_numbers_leave_what_passes_without_weights() -> None:
    body = Body(
        lambda s, x: s.b(F.relu(s.a(x) + (2 * x - 1))),
        a=nn.Conv2d(4, 4, 1, bias=False),
        b=nn.Conv2d(4, 2, 1),
    )
    first = agreeing(body, (4, 3, 3)).stages[0]
    assert [(b.kind, b.gain) for b in first.branches] == [
        (BranchKind.CONVOLUTION, 1.0),
        (BranchKind.PASS, 2.0),
    ]
    assert first.bias.tolist() == [-1.0] * 4


def test_what_passes_twice_passes_once_twice_as_large() -> None:
    body = Body(lambda s, x: s.a(F.relu(x + x + s.a(x))), a=nn.Linear(4, 4))
    branches = agreeing(body, (4,)).stages[0].branches
    assert [(b.kind, b.gain) for b in branches] == [
        (BranchKind.PASS, 2.0),
        (BranchKind.LINEAR, 1.0),
    ]


def test_a_norm_of_the_input_is_folded() -> None:
    graph = single(nn.BatchNorm2d(4), nn.Conv2d(4, 3, 3))
    assert graph.readout.bias.shape == (3,)
    padded = single(nn.BatchNorm2d(4), nn.Conv2d(4, 3, 3, padding=1))
    assert padded.readout.bias.shape == (108,)


def test_a_constant_behind_an_unpadded_pool_is_one_per_channel() -> None:
    graph = single(nn.BatchNorm2d(4), nn.AvgPool2d(2), nn.Conv2d(4, 3, 2))
    assert graph.readout.bias.shape == (3,)
    padded = single(nn.BatchNorm2d(4), nn.AvgPool2d(2, padding=1), nn.Conv2d(4, 3, 2))
    assert padded.readout.bias.shape == (27,)


def test_the_readout_has_no_norm() -> None:
    graph = single(nn.Conv2d(4, 3, 3), nn.BatchNorm2d(3))
    assert graph.readout.norm_before is None
    body = Body(
        lambda s, x: s.n(s.a(x)) + s.m(s.b(x)),
        a=nn.Conv2d(4, 3, 3),
        n=nn.BatchNorm2d(3),
        b=nn.Conv2d(4, 3, 3),
        m=nn.BatchNorm2d(3),
    )
    assert all(b.norm is None for b in agreeing(body, (4, 6, 6)).readout.branches)


def test_the_statistics_of_a_norm_in_a_sum_are_those_of_its_branch() -> None:
    body = Body(
        lambda s, x: s.c(F.relu(s.n(s.a(x)) + x)),
        a=nn.Conv2d(4, 4, 1),
        n=nn.BatchNorm2d(4),
        c=nn.Conv2d(4, 2, 1),
    )
    graph = agreeing(body, (4, 5, 5))
    norm = graph.stages[0].branches[0].norm
    a, n = body.a, body.n
    np.testing.assert_allclose(norm.mean, (n.running_mean - a.bias).detach().numpy())
    np.testing.assert_allclose(norm.variance, n.running_var.numpy())
    assert not graph.stages[0].bias.any()


def test_linear_layers_without_an_activation_between_become_one() -> None:
    graph = single(
        nn.Linear(12, 8),
        nn.BatchNorm1d(8),
        nn.Identity(),
        nn.Linear(8, 4),
        nn.ReLU(),
        nn.Linear(4, 3),
        shape=(12,),
    )
    assert [s.name for s in graph.stages] == ["layer_0_3", "layer_5"]
    assert graph.stages[0].branches[0].weight.shape == (4, 12)


def test_heads_that_are_concatenated_are_one_readout() -> None:
    body = Body(
        lambda s, x: torch.cat([s.a(F.relu(s.h(x))), s.b(x), F.relu(s.h(x))], 1),
        h=nn.Linear(5, 4),
        a=nn.Linear(4, 2),
        b=nn.Linear(5, 3),
    )
    graph = agreeing(body, (5,))
    assert graph.readout.shape == (9,)
    assert [branch.weight is None for branch in graph.readout.branches] == [False, False, True]


def test_maps_that_are_concatenated_are_one_readout() -> None:
    body = Body(
        lambda s, x: torch.cat([s.a(x), s.b(x), s.n(s.a(x))], 1),
        a=nn.Conv2d(4, 2, 3),
        b=nn.ConvTranspose2d(4, 3, 1, stride=1, padding=1),
        n=nn.BatchNorm2d(2),
    )
    assert agreeing(body, (4, 6, 6)).readout.shape == (7, 4, 4)


def test_a_layer_called_twice_is_two_stages_of_the_same_weights() -> None:
    body = Body(
        lambda s, x: s.out(F.relu(s.a(F.relu(s.a(x))))), a=nn.Linear(4, 4), out=nn.Linear(4, 2)
    )
    graph = agreeing(body, (4,))
    assert [s.name for s in graph.stages] == ["a", "a_1", "out"]
    np.testing.assert_array_equal(
        graph.stages[0].branches[0].weight, graph.stages[1].branches[0].weight
    )


@pytest.mark.parametrize(
    ("first", "second", "one"),
    [
        (nn.ReLU(), nn.Hardtanh(0.0, 0.5), Activation(clip=0.5)),
        (nn.Hardtanh(0.0, 0.5), nn.ReLU(), Activation(clip=0.5)),
        (nn.Hardtanh(0.0, 0.5), nn.ReLU6(), Activation(clip=0.5)),
        (nn.ReLU6(), nn.Hardtanh(0.0, 0.5), Activation(clip=0.5)),
        (nn.ReLU(), QuantisedReLU(3, 0.25), Activation(clip=0.75, levels=3, step=0.25)),
        (QuantisedReLU(3, 0.25), nn.ReLU6(), Activation(clip=0.75, levels=3, step=0.25)),
        (QuantisedReLU(3, 0.25), nn.Hardtanh(0.0, 0.5), None),
        (nn.Hardtanh(0.0, 0.5), QuantisedReLU(3, 0.25), None),
    ],
)
def test_two_activations_are_one_where_one_does_the_same(
    first: nn.Module, second: nn.Module, one: Activation | None
) -> None:
    graph = single(nn.Linear(6, 5), first, second, nn.Linear(5, 3), shape=(6,))
    assert len(graph.stages) == (3 if one is None else 2)
    assert one is None or graph.stages[0].activation == one


def test_a_clip_of_values_that_others_read_unclipped_is_a_stage() -> None:
    def forward(s: nn.Module, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(s.a(x))
        return s.b(x.clamp(0, 0.3) + x)

    graph = agreeing(Body(forward, a=nn.Linear(4, 4), b=nn.Linear(4, 2)), (4,))
    assert [type(s.activation) for s in graph.stages].count(Activation) == 3
    assert stage(graph, "a").activation == Activation()


def test_what_is_not_negative_passes_a_relu_unchanged() -> None:
    """A sum of activated values may be used as often as one likes."""

    def forward(s: nn.Module, x: torch.Tensor) -> torch.Tensor:
        y = F.relu(s.a(x)) + F.relu(s.b(x))
        return s.c(F.relu(s.d(y) + y))

    body = Body(forward, a=nn.Linear(4, 4), b=nn.Linear(4, 4), c=nn.Linear(4, 2), d=nn.Linear(4, 4))
    graph = agreeing(body, (4,))
    assert drawn(graph)[2:4] == [("add", "", "a", "b"), ("add_1", "", "add")]
    assert stage(graph, "add").activation == Activation()


def test_names_are_legal_and_unique() -> None:
    module = nn.Sequential()
    module.add_module("input", nn.Linear(4, 4))
    module.add_module("input_1", nn.ReLU())
    inner = nn.Sequential()
    inner.add_module("ä-b", nn.Linear(4, 4))
    inner.add_module("relu", nn.ReLU())
    inner.add_module("_", nn.Linear(4, 4))
    module.add_module("inner", inner)
    module.add_module("relu", nn.ReLU())
    module.add_module("2nd", nn.Linear(4, 2))
    graph = agreeing(module, (4,))
    assert [s.name for s in graph.stages] == ["input_1", "inner___b", "inner__", "layer_2nd"]


def test_the_module_is_left_alone() -> None:
    module = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 2))
    module.train()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    import_module(module, (4,))
    assert module.training and module[0].weight.dtype == torch.float32
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())


def test_arrays_are_copies() -> None:
    module = nn.Sequential(nn.Linear(4, 2)).double()
    graph = import_module(module, (4,))
    before = graph.readout.branches[0].weight.copy()
    module[0].weight.data += 1
    np.testing.assert_array_equal(graph.readout.branches[0].weight, before)


# --- refusals of whole modules --------------------------------------------------------------------


class Deciding(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if x.sum() > 0 else -x


class TwoInputs(nn.Module):
    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return x + y


def adds_in_place(s: nn.Module, x: torch.Tensor) -> torch.Tensor:
    y = F.relu(s.a(x))
    z = y
    z += 1
    return s.b(z + y)


WHOLE = {
    "branch on data": (
        Deciding(),
        "Deciding: the module must be traceable by torch.fx (no branches on data, fixed loops "
        "only), found TraceError: symbolically traced variables cannot be used as inputs to "
        "control flow; write its forward as layers and functions on tensors; checks of shapes "
        "belong outside forward; use x.shape[0] instead of len(x)",
    ),
    "a name that is no name": (
        nn.Sequential(OrderedDict({"in": nn.Linear(4, 2)})),
        "Sequential: the module must be traceable by torch.fx (no branches on data, fixed loops "
        "only), found ",
    ),
    "two inputs": (TwoInputs(), "TwoInputs: the module must take one tensor, found 2 used inputs"),
    "two outputs": (
        Body(lambda s, x: (x, x)),
        "output: the module must return one tensor of logits, found tuple",
    ),
    "nothing": (
        nn.Flatten(),
        "input: the last layer must be a weighted sum, whose outputs are compared, found an "
        "activation, or a max pool or upsampling of one; drop it: the largest logit decides",
    ),
    "relu last": (
        nn.Sequential(nn.Linear(4, 2), nn.ReLU()),
        "layer_0: the last layer must be a weighted sum, whose outputs are compared, found an "
        "activation, or a max pool or upsampling of one; drop it: the largest logit decides",
    ),
    "max pool last": (
        nn.Sequential(nn.Unflatten(1, (2, 2)), nn.Conv1d(2, 2, 1), nn.MaxPool1d(2)),
        "0: every layer must be a supported one, found Unflatten",
    ),
    "growing": (
        nn.Sequential(nn.Linear(4, 1), nn.Linear(1, 9)),
        "0, 1: two Linear layers without an activation between are merged into one, which must "
        "not have more weights than both, found 36 instead of 13; put an activation between them",
    ),
    "in place": (
        Body(adds_in_place, a=nn.Linear(4, 4), b=nn.Linear(4, 2)),
        "Body: the module must compute the same when it is traced, found other logits for random "
        "samples; write x = x + y instead of x += y where x is read again",
    ),
    "another kind of cat": (
        Body(
            lambda s, x: F.relu(
                torch.cat([F.relu(s.a(x)).unsqueeze(2).squeeze(2), s.a(x)], 1)
                + torch.cat([x, s.c(x.unsqueeze(2)).flatten(1)], 1)
            ),
            a=nn.Linear(4, 4),
            c=nn.Conv1d(4, 4, 1),
        ),
        "c: a convolution must get values in the shape in which they were made, found [4, 1], "
        "made as [4]; give the samples the shape [4, 1]",
    ),
}


@pytest.mark.parametrize("name", WHOLE)
def test_modules_that_are_refused(name: str) -> None:
    module, message = WHOLE[name]
    with pytest.raises(UnsupportedError) as caught:
        import_module(module, (4,))
    assert str(caught.value).startswith(message)


class Measuring(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.reshape(len(x), -1)


class Checking(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[1] != 4:
            raise ValueError(x.shape)
        return x


@pytest.mark.parametrize("module", [Measuring(), Checking()])
def test_what_to_do_about_shapes_that_are_checked(module: nn.Module) -> None:
    with pytest.raises(UnsupportedError) as caught:
        import_module(module, (4,))
    assert str(caught.value).endswith(
        "; write its forward as layers and functions on tensors; checks of shapes belong outside "
        "forward; use x.shape[0] instead of len(x)"
    )


# --- code that no trace shows ---------------------------------------------------------------------

PERMANENT = (
    "make pruning and weight norms permanent: prune.remove, remove_weight_norm or "
    "parametrize.remove_parametrizations"
)


def doubled(layer: nn.Module, args: tuple, output: torch.Tensor) -> torch.Tensor:
    return 2 * output


def shifted(layer: nn.Module, args: tuple) -> tuple:
    return (args[0] + 1,)


def with_hook() -> nn.Module:
    module = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    module[2].register_forward_hook(doubled)
    return module


def with_pre_hook() -> nn.Module:
    module = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    module.register_forward_pre_hook(shifted)
    return module


def pruned() -> nn.Module:
    module = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    prune.random_unstructured(module[0], "weight", 0.5)
    return module


def with_lock() -> nn.Module:
    module = nn.Sequential(nn.Linear(4, 2))
    module.lock = threading.Lock()
    return module


def with_another_forward() -> nn.Module:
    """An identity, read as a ReLU."""
    module = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1, bias=False))
    module[0].weight.data = torch.zeros(4, 4)
    module[0].bias.data = torch.tensor([1.0, 2.0, 3.0, -4.0])
    module[2].weight.data = torch.ones(1, 4)
    module[1].forward = torch.clone
    return module


HIDDEN = {
    "hook": (with_hook, f"2: a layer must have no hooks, found doubled; take it off; {PERMANENT}"),
    "hook of all": (
        with_pre_hook,
        f"Sequential: a layer must have no hooks, found shifted; take it off; {PERMANENT}",
    ),
    "pruned": (
        pruned,
        "0: a layer must have no hooks, found RandomUnstructured; take it off; " + PERMANENT,
    ),
    "no copy": (
        with_lock,
        "Sequential: the module must be one that copy.deepcopy copies, found TypeError: cannot "
        f"pickle '_thread.lock' object; keep only weights and settings in it; {PERMANENT}",
    ),
    "another forward": (
        with_another_forward,
        "Sequential: the graph that is read must compute what the module computes, found logits "
        "that differ by 4 (the largest is 2); let every layer have the forward of its class, or "
        "report this",
    ),
    "a fixed batch": (
        lambda: Body(lambda s, x: s.a(x.view(2, -1)), a=nn.Linear(4, 2)),
        "Body: the module must take any number of samples, found RuntimeError: mat1 and mat2 "
        "shapes cannot be multiplied (2x6 and 4x2) for 3 samples; use x.flatten(1), or x.shape[0] "
        "for the size of the batch",
    ),
    "the batch's first samples": (
        lambda: Body(lambda s, x: s.a(x)[..., :2, :], a=nn.Linear(4, 2)),
        "Body: the module must take any number of samples, found logits of shape [2, 2] for 3 "
        "samples; use x.flatten(1), or x.shape[0] for the size of the batch",
    ),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_what_no_trace_shows_is_refused(name: str) -> None:
    make, message = HIDDEN[name]
    with pytest.raises(UnsupportedError) as caught:
        import_module(make(), (4,))
    assert str(caught.value) == message


def test_a_stored_activation_is_refused() -> None:
    module = nn.Sequential(nn.Linear(4, 2))
    module.seen = module(torch.zeros(1, 4))
    with pytest.raises(UnsupportedError) as caught:
        import_module(module, (4,))
    assert str(caught.value).startswith(
        "Sequential: the module must be one that copy.deepcopy copies, found RuntimeError: Only "
        "Tensors created explicitly by the user"
    )
    assert str(caught.value).endswith(f"; keep only weights and settings in it; {PERMANENT}")


def test_pruning_that_is_permanent_is_read() -> None:
    module = pruned()
    prune.remove(module[0], "weight")
    weight = import_module(module, (4,)).stages[0].branches[0].weight
    assert (weight == 0).sum() == 6


def test_a_level_that_lies_on_a_rounding_is_no_difference() -> None:
    """A mean of 1.5 levels is 2, and in the graph, which multiplies by 1 / 98, less than 1.5."""
    assert 3 * 49 / 49 / 2 == 1.5 > 3 * 49 * (1 / 98)
    body = Body(
        lambda s, x: s.out(s.q2(F.avg_pool2d(s.q1(s.c(x)), 7) / 2)),
        c=nn.Conv2d(1, 1, 1),
        q1=QuantisedReLU(3, 1.0),
        q2=QuantisedReLU(3, 1.0),
        out=nn.Conv2d(1, 2, 1, bias=False),
    )
    nn.init.zeros_(body.c.weight)
    nn.init.constant_(body.c.bias, 3)
    assert import_module(body, (1, 7, 7)).stages[1].branches[0].gain == 1 / 98


@pytest.mark.parametrize("size", [0.0, 1e-9, 1e9])
def test_logits_of_any_size_are_compared(size: float) -> None:
    module = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 3))
    shaken(module)[3].weight.data *= size
    module[3].bias.data *= size
    import_module(module, (4,))


MAPS = {
    "max pool last": (
        nn.Sequential(nn.Conv2d(4, 3, 1), nn.MaxPool2d(2)),
        "output: what is added, concatenated or returned must not wait for an activation, found 1 "
        "of 0; put a ReLU behind it",
    ),
    "flattened logits": (
        nn.Sequential(nn.Conv2d(4, 3, 1), nn.Flatten()),
        "output: logits must be one vector, or one per place as [classes, height, width], found "
        "[108], made as [3, 6, 6]; return the map, or put a Linear behind the flattening",
    ),
    "flat parts of two kinds": (
        Body(
            lambda s, x: torch.cat([s.a(x.flatten(1)), s.c(x).flatten(1)], 1),
            a=nn.Linear(144, 3),
            c=nn.Conv2d(4, 2, 6),
        ),
        "output: a concatenation that is added or returned must have parts of one kind, found [3], "
        "[2, 1, 1]; put a Linear or an activation behind the concatenation",
    ),
    "samples given as vectors": (
        Body(lambda s, x: s.c(x.view(-1, 1, 12, 12)), c=nn.Conv2d(1, 2, 3)),
        "c: a convolution must get values in the shape in which they were made, found [1, 12, 12], "
        "made as [4, 6, 6]; give the samples the shape [1, 12, 12]",
    ),
    "samples without channels": (
        nn.Sequential(nn.Flatten(1, 2), nn.Conv2d(2, 3, 1)),
        "1: a Conv2d must get samples of shape [channels, height, width], found [24, 6]; give the "
        "samples that shape",
    ),
}


@pytest.mark.parametrize("name", MAPS)
def test_modules_of_maps_that_are_refused(name: str) -> None:
    module, message = MAPS[name]
    with pytest.raises(UnsupportedError) as caught:
        import_module(module, (4, 6, 6))
    assert str(caught.value) == message
