"""What is trained computes what the golden model computes, and its gradients are as stated."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from snntorch import surrogate

from spikewright.flow.spiking.surrogate import Steps, run_steps
from spikewright.flow.tuning import Leaks, Trainable
from spikewright.flow.tuning.shadows import SLOW
from spikewright.golden.errors import ConfigurationError, RangeError, UnsupportedError
from spikewright.golden.spec import (
    Connection,
    Decision,
    Delta,
    DeltaFunction,
    Dense,
    Encoding,
    Fire,
    Input,
    Leak,
    Mode,
    Network,
    Payload,
    Population,
    Product,
    Readout,
    ReadoutKind,
    Soma,
)
from support.random_networks import Seeded, random_inputs, stepwise_network
from support.tuned import check_against_golden, shaken, unfiltered

STEPS = 6


def tiny(
    *,
    soma: Soma | None = None,
    weights: tuple[int, ...] = (3,),
    kind: ReadoutKind = ReadoutKind.COUNT,
    recurrent: int | None = None,
    bits: int = 4,
) -> Network:
    """Events into one neuron of threshold 4 that is read."""
    soma = Soma(fire=Fire.BINARY, threshold=np.array([4])) if soma is None else soma
    connections = [
        Connection(
            source="in",
            target="out",
            operator=Dense(weights=np.array(weights).reshape(-1, 1), weight_bits=bits),
        )
    ]
    if recurrent is not None:
        again = Dense(weights=np.array([[recurrent]]), weight_bits=bits)
        connections.append(Connection(source="out", target="out", operator=again, delay=1))
    return Network(
        name="tiny",
        inputs=(
            Input(
                name="in",
                shape=(len(weights),),
                payload=Payload.UNIT,
                low=0,
                high=1,
                encoding=Encoding.EVENTS,
            ),
        ),
        populations=(Population(name="out", shape=(1,), soma=soma, payload=Payload.UNIT),),
        connections=tuple(connections),
        readout=Readout(population="out", kind=kind, decision=Decision.RAW),
        modes=(Mode.STEPWISE,),
        max_steps=8,
    )


@pytest.mark.parametrize("seeds", [range(30), pytest.param(range(30, 600), marks=pytest.mark.rest)])
def test_every_level_is_the_golden_models_before_and_after_training(seeds: range) -> None:
    ran = spikes = products = 0
    refused: list[str] = []
    for seed in seeds:
        network = unfiltered(stepwise_network(Seeded(seed)))
        inputs = random_inputs(network, batch=5, steps=STEPS, seed=seed)
        inputs = {name: torch.tensor(values) for name, values in inputs.items()}
        try:
            module = Trainable(
                network,
                thresholds=True,
                biases=True,
                initial=True,
                leaks=Leaks.MULTIPLIER,
                steps=STEPS,
            )
        except UnsupportedError as error:
            refused.append(error.found)
            continue
        assert module.network().content_hash == network.content_hash
        for _ in range(2):
            spikes += check_against_golden(module, inputs, steps=STEPS)
            ran += 1
            shaken(module, seed)
        values = module(inputs)
        if values.requires_grad:
            values.square().sum().backward()
            for real in module.parameters():
                assert real.grad is None or bool(real.grad.isfinite().all())
        products += any(isinstance(each.operator, Product) for each in network.connections)
    assert set(refused) <= {"delta table"} and ran > 1.5 * len(refused) and spikes > 20 * ran
    assert products > 2


def test_gradient_by_hand() -> None:
    """Weight 3 of 7, threshold 4, input in both steps: v = 3, then 6, which fires.

    With slope 1 a spike's derivative is 1 / (1 + |u|)^2 / 4 at u = (v + 1/2 - 4) / 4: u = -1/8 in
    the first step and 5/8 in the second. The count's derivative by the weight is that of the first
    times 1, and of the second times 2; a real of 1 is a weight of 7.
    """
    module = Trainable(tiny(), surrogate=surrogate.fast_sigmoid(slope=1))
    count = module(torch.ones(1, 2, 1, dtype=torch.int64))
    assert count.tolist() == [[1]]
    count.sum().backward()
    (real,) = module.parameters()
    by_weight = 1 / (9 / 8) ** 2 / 4 + 2 / (13 / 8) ** 2 / 4
    assert real.grad is not None
    assert float(real.grad) == pytest.approx(7 * by_weight, rel=1e-6)


def test_gradient_of_a_leak_by_hand() -> None:
    """v = 3, then floor(3 / 2) + 3 = 4: the floor passes through, so d v2 / d share = 3."""
    soma = Soma(fire=Fire.NONE, leak_v=Leak(multiplier=1, shift=1))
    network = tiny(soma=soma, kind=ReadoutKind.MEMBRANE)
    module = Trainable(network, weights=False, leaks=Leaks.MULTIPLIER)
    v = module(torch.ones(1, 2, 1, dtype=torch.int64))
    assert v.tolist() == [[4]]
    v.sum().backward()
    (real,) = module.parameters()
    assert real.grad is not None and float(real.grad) * SLOW == 3
    with torch.no_grad():
        real.fill_(0.7 * SLOW)
    leak = module.network().population("out").soma.leak_v
    assert leak == Leak(multiplier=179, shift=8)  # 0.7 * 256 = 179.2
    assert module(torch.ones(1, 2, 1, dtype=torch.int64)).tolist() == [[3 * 179 // 256 + 3]]


def test_gradients_of_a_product_by_hand() -> None:
    """Two tokens of one feature: y[t] = q[t] * (k[0] v[0] + k[1] v[1]), which out adds up.

    q, k and v are the inputs times weights of 1, 2 and 3; every neuron fires at 1 and counts to 9.
    With inputs [1, 1], [1, 0] and [1, 1], q = [1, 1], k = [2, 0] and v = [3, 3]: y = [6, 6], whose
    sum is w_q * w_k * w_v * 2. A real of 1 is a weight of 7, so that the gradients are 7 times the
    product rule's 12, 6 and 4.
    """
    counting = Soma(fire=Fire.BURST, max_level=9)
    shape = (1, 2)
    inputs = tuple(
        Input(
            name=f"in_{name}",
            shape=shape,
            payload=Payload.UNIT,
            low=0,
            high=1,
            encoding=encoding,
        )
        for name, encoding in (("q", Encoding.CONSTANT), ("k", Encoding.ONCE), ("v", "constant"))
    )
    populations = [
        Population(name=name, shape=shape, soma=counting, payload=Payload.GRADED) for name in "qkv"
    ]
    out = Population(name="out", shape=shape, soma=Soma(fire=Fire.NONE), payload=Payload.UNIT)
    connections = [
        Connection(
            source=f"in_{name}",
            target=name,
            operator=Dense(weights=np.eye(2, dtype=np.int64) * weight, weight_bits=4),
        )
        for name, weight in zip("qkv", (1, 2, 3), strict=True)
    ]
    product = Product(keys="k", values="v", heads=1)
    network = Network(
        name="product",
        inputs=inputs,
        populations=(*populations, out),
        connections=(*connections, Connection(source="q", target="out", operator=product)),
        readout=Readout(population="out", kind=ReadoutKind.MEMBRANE, decision=Decision.RAW),
        modes=(Mode.STEPWISE,),
        max_steps=3,
    )
    module = Trainable(network, keep_zeros=True)
    x = {name: torch.tensor([each]) for name, each in (("in_q", [1, 1]), ("in_k", [1, 0]))}
    found = module({**x, "in_v": torch.tensor([[1, 1]])})
    assert found.tolist() == [[[6, 6]]]  # k speaks in the first step only
    found.sum().backward()
    grads = [real.grad for real in module.parameters()]
    assert all(each is not None for each in grads)
    assert [float(each.sum()) for each in grads if each is not None] == [7 * 12, 7 * 6, 7 * 4]


class Shifted(torch.autograd.Function):
    """A fast sigmoid of slope 4 about ``half``, where a threshold of reals would be."""

    @staticmethod
    def forward(ctx, u, half):
        ctx.save_for_backward(u)
        ctx.half = half
        return (u > 0).float()

    @staticmethod
    def backward(ctx, above):
        (u,) = ctx.saved_tensors
        return above / (1 + 4 * (u - ctx.half).abs()) ** 2, None


def test_gradient_is_that_of_the_fused_back_propagation() -> None:
    """Recurrent neurons against ``flow.spiking``, whose formula is stated there."""
    rng = np.random.default_rng(0)
    n, steps, threshold = 5, 7, 9
    into, again = rng.integers(-4, 8, (2, n, n))
    soma = Soma(fire=Fire.BINARY, threshold=np.array([threshold]))
    network = replace(
        tiny(weights=(1,) * n),
        populations=(Population(name="out", shape=(n,), soma=soma, payload=Payload.UNIT),),
        connections=(
            Connection(source="in", target="out", operator=Dense(weights=into, weight_bits=4)),
            Connection(
                source="out", target="out", operator=Dense(weights=again, weight_bits=4), delay=1
            ),
        ),
    )
    module = Trainable(network, surrogate=lambda u: Shifted.apply(u, 0.5 / threshold))
    x = torch.tensor(rng.integers(0, 2, (3, steps, n)))
    above = torch.tensor(rng.standard_normal((steps, 3, n)))
    levels = module.run(x).levels["out"]
    found = torch.autograd.grad((levels * above).sum(), list(module.parameters()))
    reals = [torch.tensor(each / 7, requires_grad=True) for each in (into, again)]
    charge = x.transpose(0, 1).double() @ (reals[0] * 7)
    rule = Steps(
        left_v=1.0, left_i=None, gain=1.0, threshold=float(threshold), subtract=True, slope=4.0
    )
    spikes = run_steps(charge.contiguous(), reals[1] * 7, rule)
    assert torch.equal(spikes, levels.double()) and 0.1 < float(levels.detach().mean()) < 0.9
    wanted = torch.autograd.grad((spikes * above).sum(), reals)
    for mine, theirs in zip(found, wanted, strict=True):
        assert torch.allclose(mine.double(), theirs, rtol=1e-4) and bool(mine.any())


@pytest.mark.parametrize("name", ["atan", "sigmoid", "triangular", "SFS", "fast_sigmoid"])
def test_surrogates_of_snntorch(name: str) -> None:
    """Whatever the derivative, levels are the golden model's."""
    network = unfiltered(stepwise_network(Seeded(24)))
    module = shaken(Trainable(network, surrogate=getattr(surrogate, name)(), steps=STEPS), 24)
    inputs = random_inputs(network, batch=4, steps=STEPS, seed=24)
    inputs = {key: torch.tensor(values) for key, values in inputs.items()}
    assert check_against_golden(module, inputs, steps=STEPS) > 200


def test_large_sums_are_exact() -> None:
    """Weights of 16 bits through 8 steps of full input pass 2**24, where floats stop."""
    rng = np.random.default_rng(1)
    n = 200
    weights = rng.integers(20_000, 32_768, n)
    soma = Soma(fire=Fire.BINARY, threshold=np.array([30_000_001]))
    network = tiny(soma=soma, weights=tuple(weights), bits=16)
    module = Trainable(network, thresholds=True)
    x = torch.tensor(rng.integers(0, 2, (50, 8, n)) | (np.arange(50) < 25)[:, None, None])
    assert check_against_golden(module, {"in": x}, steps=8) > 10


def test_large_products_are_exact() -> None:
    """Two tokens of 255 * 255 * 255 pass 2**24."""
    inputs = tuple(
        Input(
            name=name,
            shape=(1, 2),
            payload=Payload.GRADED,
            low=0,
            high=255,
            encoding=Encoding.CONSTANT,
        )
        for name in "qkv"
    )
    out = Population(name="out", shape=(1, 2), soma=Soma(fire=Fire.NONE), payload=Payload.UNIT)
    product = Connection(source="q", target="out", operator=Product(keys="k", values="v", heads=1))
    network = Network(
        name="large",
        inputs=inputs,
        populations=(out,),
        connections=(product,),
        readout=Readout(population="out", kind=ReadoutKind.MEMBRANE, decision=Decision.RAW),
        modes=(Mode.STEPWISE,),
        max_steps=1,
    )
    module = Trainable(network, biases=True)
    rng = np.random.default_rng(2)
    x = {name: torch.tensor(rng.integers(200, 256, (20, 2))) for name in "qkv"}
    check_against_golden(module, x, steps=1)
    assert int(module(x).detach().max()) > 2**24


def test_shift_of_a_leak() -> None:
    soma = Soma(
        fire=Fire.BINARY, threshold=np.array([4]), current=True, leak_i=Leak(multiplier=1, shift=2)
    )
    module = Trainable(tiny(soma=soma), weights=False, leaks=Leaks.SHIFT)
    x = torch.ones(1, 5, 1, dtype=torch.int64)
    module(x).sum().backward()
    (real,) = module.parameters()
    assert real.grad is not None and float(real.grad) < 0  # a longer shift leaves less
    with torch.no_grad():
        real.fill_(3.2 / 16 * SLOW)
    assert module.network().population("out").soma.leak_i == Leak(multiplier=1, shift=3)
    check_against_golden(module, {"in": x}, steps=5)


def test_what_is_not_trained_stays() -> None:
    network = tiny(weights=(3, 0, -2), recurrent=2)
    module = Trainable(network, frozen=[("out", "out")], keep_zeros=True)
    (real,) = module.parameters()
    with torch.no_grad():
        real.fill_(9.0)
    module(torch.ones(1, 2, 3, dtype=torch.int64))  # in training reals come back into their range
    assert float(real.detach().max()) == 1
    now = module.network()
    assert now.connections[0].operator.weights.T.tolist() == [[7, 0, 7]]
    assert now.connections[1].operator.weights.tolist() == [[2]]
    assert now.skeleton_hash == network.skeleton_hash


def test_a_register_that_would_overflow_is_refused() -> None:
    module = Trainable(tiny(soma=Soma(fire=Fire.BINARY, threshold=np.array([4]))), biases=True)
    with torch.no_grad():
        for name, real in module.named_parameters():
            if "bias" in name:
                real.fill_(2.0**29)
    with pytest.raises(RangeError, match="'out'"):
        module.network()


def test_refusals() -> None:
    network = tiny()
    with pytest.raises(ConfigurationError) as error:
        Trainable(network, weights=False)
    assert str(error.value) == (
        "network 'tiny': something must be trained, found nothing; ask for weights, thresholds, "
        "biases, initial or leaks"
    )
    with pytest.raises(ConfigurationError) as error:
        Trainable(network, frozen=[("out", "in")])
    assert str(error.value) == (
        "network 'tiny': what is frozen must be connections of the network, each as (source, "
        "target), found ('out', 'in')"
    )
    with pytest.raises(ConfigurationError) as error:
        Trainable(network, still=["in"])
    assert str(error.value) == (
        "network 'tiny': what is still must be populations of the network: out, found 'in'"
    )
    with pytest.raises(ConfigurationError) as error:
        Trainable(network, surrogate=torch.sigmoid)
    assert str(error.value).startswith(
        "surrogate: a surrogate must be 1 above 0 and 0 below, whatever its derivative, found [0.2"
    )
    with pytest.raises(ConfigurationError) as error:
        Trainable(network)(torch.full((1, 2, 1), 0.5))
    assert str(error.value) == (
        "input 'in': inputs must be whole numbers, found 0.5; quantise them first: "
        "clip(floor(value / step + 0.5), low, high)"
    )
    leak = Soma(fire=Fire.BINARY, leak_v=Leak(multiplier=3, shift=2))
    with pytest.raises(ConfigurationError) as error:
        Trainable(tiny(soma=leak), leaks=Leaks.SHIFT)
    assert str(error.value) == (
        "population 'out' leak_v: the multiplier must be 1 where the shift alone is trained, found "
        "3; train the multiplier, or take a leak of multiplier 1"
    )
    table = Delta(function=DeltaFunction.TABLE, table=np.arange(17), low=-8)
    wired = replace(network, connections=(Connection(source="in", target="out", operator=table),))
    with pytest.raises(UnsupportedError) as error:
        Trainable(wired)
    assert str(error.value) == (
        "connection 'in' -> 'out': connections that are trained, or trained through, must be "
        "dense, window, identity, product or delta of a maximum or a clip, found delta table"
    )
