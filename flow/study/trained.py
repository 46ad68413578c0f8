"""Rows of methods that train quantised, or tune with spikes, after a float network."""

from dataclasses import replace

import torch

from spikewright.flow.apply_method import apply_method
from spikewright.flow.convert import (
    Conversion,
    ConvertConfig,
    Reference,
    TrainConfig,
    encode_input,
)
from spikewright.flow.cycles import activity, estimate_cycles
from spikewright.flow.datasets import Dataset
from spikewright.flow.importers import Graph
from spikewright.flow.plan import default_plan
from spikewright.golden.spec import Encoding, Mode, Network

from .check import equal_in_hardware
from .measure import equal_logits, measure
from .row import Context, Finding, Row
from .untrained import float_accuracy

__all__ = ["TRAINED_ROWS"]

TRAINING = TrainConfig(epochs=10, batch=128, learning_rate=2e-3)
TUNING = TrainConfig(epochs=3, batch=128, learning_rate=5e-4)


def _trained(
    context: Context,
    graph: Graph,
    data: Dataset,
    config: ConvertConfig,
    *,
    training: TrainConfig | None = TRAINING,
    tuning: TrainConfig | None = None,
) -> Conversion:
    epochs = sum(each.epochs for each in (training, tuning) if each is not None)
    with context.working(f"{config.method}, {config.name}") as advance:
        return apply_method(
            graph,
            data.x_train,
            config,
            y=data.y_train,
            training=training,
            tuning=tuning,
            seed=context.seed,
            progress=context.progress(advance, epochs),
        )


@torch.no_grad()
def _quantised_accuracy(conversion: Conversion, data: Dataset) -> float:
    found = torch.cat(
        [conversion.quantised(part).argmax(1) for part in torch.split(data.x_test, 1000)]
    )
    return 100 * int((found == data.y_test).sum()) / len(found)


@torch.no_grad()
def _agreement(conversion: Conversion, values: torch.Tensor, data: Dataset) -> float:
    """Percent of the labels that are those of the quantised network."""
    wanted = torch.cat(
        [conversion.quantised(part).argmax(1) for part in torch.split(data.x_test, 1000)]
    )
    return 100 * int((values.argmax(1) == wanted).sum()) / len(wanted)


def fast_snn(context: Context) -> Finding:
    """Signed and unsigned neurons of a quantised network, T = 3 and 7, and one that settles."""
    data, graph = context.mnist.shaped((784,)), context.mnist_deep_mlp
    lines, figures, met = [], {}, True
    equal = None
    for levels in (3, 7):
        base = ConvertConfig(weight_bits=4, input_levels=15, levels=levels, name=f"b{levels}")
        found = {}
        signed = _trained(context, graph, data, replace(base, method="fast-snn"))
        quantised = _quantised_accuracy(signed, data)
        found["signed"] = signed
        tuned = _trained(
            context,
            graph,
            data,
            replace(base, method="fast-snn", name=f"b{levels}_tuned"),
            tuning=replace(TUNING, epochs=1),
        )
        found["tuned"] = tuned
        found["unsigned"] = _trained(context, graph, data, replace(base, method="qcfs"))
        settled = _trained(context, graph, data, replace(base, method="st-bif"))
        row = {"quantised": quantised}
        for name, conversion in found.items():
            ran = measure(conversion.network, data, steps=levels)
            row[name] = ran.accuracy
            row[f"{name} agreement"] = _agreement(signed, ran.values, data)
        calm = measure(settled.network, data, Mode.SETTLE)
        closed = settled.reference(encode_input(settled.network.inputs[0], data.x_test))
        row["settled"] = calm.accuracy
        row["settled equal"] = equal_logits(calm.values, closed)
        row["settled of"] = len(closed)
        row["settled spikes"] = calm.spikes
        met &= round(abs(row["signed"] - quantised), 6) <= 0.1
        met &= row["signed agreement"] >= row["unsigned agreement"]
        met &= row["settled equal"] == len(closed)
        figures[f"T = {levels}"] = row
        lines.append(
            f"T = {levels}: quantised {quantised:.2f} %, signed {row['signed']:.2f} % "
            f"(labels agree {row['signed agreement']:.2f} %), its second layer tuned "
            f"{row['tuned']:.2f} %, unsigned {row['unsigned']:.2f} % "
            f"({row['unsigned agreement']:.2f} %), settled {row['settled']:.2f} %, its logits "
            f"equal on {row['settled equal']:,} of {len(closed):,}"
        )
        if equal is None:
            equal = equal_in_hardware(signed.network, data.x_test, Mode.STEPWISE, steps=levels)
    assert equal is not None
    return Finding(result="; ".join(lines), met=met, figures=figures, **equal)


def ttfs(context: Context) -> Finding:
    """One spike a neuron: the same logits, fewer spikes with pressure on them."""
    data, graph = context.mnist.shaped((784,)), context.mnist_wide_mlp
    trained = float_accuracy(graph, data)
    row: dict[str, float] = {"float": trained}
    exact = 0
    equal = None
    for name, sparsity in (("plain", 0.0), ("sparse", 0.05)):
        conversion = _trained(
            context,
            graph,
            data,
            ConvertConfig(method="ttfs", weight_bits=4, levels=15, input_levels=15, name=name),
            training=replace(TRAINING, sparsity=sparsity),
        )
        ran = measure(conversion.network, data, steps=conversion.network.max_steps)
        closed = Reference(conversion.network)(
            encode_input(conversion.network.inputs[0], data.x_test)
        )
        exact += equal_logits(ran.values, closed)
        row[name], row[f"{name} spikes"] = ran.accuracy, ran.spikes
        if equal is None:
            equal = equal_in_hardware(
                conversion.network,
                data.x_test,
                Mode.STEPWISE,
                steps=conversion.network.max_steps,
            )
    row["equal logits"], row["of"] = exact, 2 * len(data.x_test)
    met = (
        exact == row["of"]
        and row["plain"] >= trained - 0.5
        and row["plain spikes"] <= 0.5
        and row["sparse spikes"] <= 0.3
    )
    assert equal is not None
    return Finding(
        result=f"float {trained:.2f} %, {row['plain']:.2f} % with {row['plain spikes']:.2f} spikes "
        f"a neuron, with pressure {row['sparse']:.2f} % with {row['sparse spikes']:.2f}; logits "
        f"equal on {exact:,} of {row['of']:,}",
        met=met,
        figures=row,
        **equal,
    )


def one_hot(context: Context) -> Finding:
    """One, two and three powers of two a spike, in one step."""
    data, graph = context.mnist.shaped((784,)), context.mnist_mlp
    row: dict[str, float] = {}
    exact = 0
    for powers in (1, 2, 3):
        conversion = _trained(
            context,
            graph,
            data,
            ConvertConfig(
                method="one-hot",
                weight_bits=4,
                levels=2**powers - 1,
                input_levels=1,
                name=f"s{powers}",
            ),
        )
        ran = measure(conversion.network, data, steps=1)
        closed = conversion.reference(encode_input(conversion.network.inputs[0], data.x_test))
        exact += equal_logits(ran.values, closed)
        row[f"S = {powers}"], row[f"S = {powers} spikes"] = ran.accuracy, ran.spikes
    equal = equal_in_hardware(conversion.network, data.x_test, Mode.STEPWISE, steps=1)
    row["equal logits"], row["of"] = exact, 3 * len(data.x_test)
    told = ", ".join(
        f"S = {powers} {row[f'S = {powers}']:.2f} % ({row[f'S = {powers} spikes']:.2f} spikes)"
        for powers in (1, 2, 3)
    )
    return Finding(
        result=f"{told}; logits equal the closed form on {exact:,} of {row['of']:,}",
        met=row["S = 3"] >= row["S = 1"] + 1 and exact == row["of"],
        figures=row,
        **equal,
    )


NOISES = (0.0, 0.1, 0.2, 0.3, 0.4)


def step_relu(context: Context) -> Finding:
    """The staircase exactly, and the leak under noise."""
    data, graph = context.mnist.shaped((784,)), context.mnist_mlp
    config = ConvertConfig(method="step-relu", weight_bits=4, levels=3, input_levels=15, name="b2")
    plain = _trained(context, graph, data, config)
    leaky = _trained(context, graph, data, replace(config, method="step-relu-leaky"))
    settled = measure(plain.network, data, Mode.SETTLE)
    closed = plain.reference(encode_input(plain.network.inputs[0], data.x_test))
    exact = equal_logits(settled.values, closed)
    generator = torch.Generator().manual_seed(context.seed)
    noise = torch.randn(data.x_test.shape, generator=generator)
    curves: dict[str, dict[str, float]] = {"settled": {}, "leaky": {}}
    for size in NOISES:
        noisy = replace(data, x_test=(data.x_test + size * noise).clamp(0, 1))
        curves["settled"][str(size)] = measure(plain.network, noisy, Mode.SETTLE).accuracy
        curves["leaky"][str(size)] = measure(leaky.network, noisy, steps=8).accuracy
    equal = equal_in_hardware(plain.network, data.x_test, Mode.SETTLE)
    told = "; ".join(
        f"noise {size}: {curves['settled'][str(size)]:.2f} %, with leak "
        f"{curves['leaky'][str(size)]:.2f} %"
        for size in NOISES
    )
    return Finding(
        result=f"logits equal the trained staircase on {exact:,} of {len(closed):,}; {told}",
        met=exact == len(closed),
        figures={"equal logits": exact, "curves": curves},
        **equal,
    )


BUDGETS = {
    12: ((6, 1, 2), (3, 2, 2), (2, 3, 2), (3, 1, 4), (1, 3, 4), (1, 4, 3)),
    24: ((12, 1, 2), (6, 2, 2), (3, 4, 2), (6, 1, 4), (3, 2, 4), (2, 3, 4), (4, 1, 6), (1, 4, 6)),
}


def bit_budget(context: Context) -> Finding:
    """Steps times spike bits times weight bits, at equal products."""
    data, graph = context.mnist.shaped((784,)), context.mnist_deep_mlp
    grid: dict[str, dict[str, float]] = {}
    equal = None
    ordered = True
    lines = []
    for product, choices in BUDGETS.items():
        rows = {}
        for steps, spike_bits, weight_bits in choices:
            conversion = _trained(
                context,
                graph,
                data,
                ConvertConfig(
                    method="bursts",
                    weight_bits=weight_bits,
                    spike_bits=spike_bits,
                    levels=steps * (2**spike_bits - 1),
                    input_levels=1,
                    name=f"t{steps}_s{spike_bits}_w{weight_bits}",
                ),
                training=replace(TRAINING, epochs=5),
            )
            found = measure(conversion.network, data, steps=steps)
            rows[f"{steps} x {spike_bits} x {weight_bits}"] = found.accuracy
            if equal is None:
                equal = equal_in_hardware(
                    conversion.network, data.x_test, Mode.STEPWISE, steps=steps
                )
        grid[str(product)] = rows
        most_steps = max(choices)
        fewest = min(choices)
        long, short = (rows[f"{c[0]} x {c[1]} x {c[2]}"] for c in (most_steps, fewest))
        ordered &= short > long
        told = ", ".join(f"{name}: {value:.2f} %" for name, value in rows.items())
        lines.append(f"{product}: {told}")
    assert equal is not None
    return Finding(
        result="steps x spike bits x weight bits. " + "; ".join(lines),
        met=ordered,
        figures=grid,
        **equal,
    )


def clipped_cnn(context: Context) -> Finding:
    """DSR at T = 5 and a learned clip at T = 8, of a CNN."""
    data, graph = context.mnist.shaped((1, 28, 28)), context.mnist_cnn
    trained = float_accuracy(graph, data)
    base = ConvertConfig(weight_bits=6, input_levels=15)
    dsr = _trained(
        context,
        graph,
        data,
        replace(base, method="dsr", levels=5, name="dsr"),
        training=replace(TRAINING, epochs=6),
        tuning=replace(TUNING, epochs=2),
    )
    mice = _trained(
        context,
        graph,
        data,
        replace(base, method="mice", levels=8, name="mice"),
        training=replace(TRAINING, epochs=6),
    )
    row = {
        "float": trained,
        "dsr": measure(dsr.network, data, steps=5).accuracy,
        "mice": measure(mice.network, data, steps=8).accuracy,
    }
    equal = equal_in_hardware(dsr.network, data.x_test, Mode.STEPWISE, steps=5)
    return Finding(
        result=f"float {trained:.2f} %, DSR at T = 5 {row['dsr']:.2f} %, clip and shift at T = 8 "
        f"{row['mice']:.2f} %",
        met=min(row["dsr"], row["mice"]) >= trained - 0.2,
        figures=row,
        **equal,
    )


LANES = 32
TRACED = 8


def _cycles(network: Network, data: Dataset, mode: Mode, steps: int | None) -> float:
    values = encode_input(network.inputs[0], data.x_test[:TRACED]).numpy()
    plan = default_plan(network, mode, lanes=LANES)
    return estimate_cycles(network, plan, activity(network, mode, values, steps=steps)).cycles


def collapsed(context: Context) -> Finding:
    """All steps at once against step by step, of rate-coded inputs."""
    data, graph = context.mnist.shaped((784,)), context.mnist_mlp
    network = _trained(
        context,
        graph,
        data,
        ConvertConfig(weight_bits=4, levels=7, input_levels=15, name="levels"),
    ).network
    rates = _trained(
        context,
        graph,
        data,
        ConvertConfig(method="qcfs", weight_bits=4, levels=8, input_levels=15, name="rates"),
    ).network
    found = measure(network, data, Mode.COLLAPSED)
    fewest = _cycles(network, data, Mode.COLLAPSED, None)
    # Spread inputs: as a rate-coded sample brings them, a spike here and there in each step.
    row: dict[str, float] = {"collapsed accuracy": found.accuracy, "collapsed cycles": fewest}
    source = replace(network.inputs[0], encoding=Encoding.SPREAD)
    spread = replace(network, inputs=(source,))
    for steps in (4, 8, 16, 32, 64):
        row[f"stepwise cycles T = {steps}"] = _cycles(spread, data, Mode.STEPWISE, steps)
        row[f"constant input cycles T = {steps}"] = _cycles(rates, data, Mode.STEPWISE, steps)
    equal = equal_in_hardware(network, data.x_test, Mode.COLLAPSED)
    ratios = {steps: row[f"stepwise cycles T = {steps}"] / fewest for steps in (4, 8, 16, 32, 64)}
    tenfold = [steps for steps, ratio in ratios.items() if ratio >= 10]
    told = ", ".join(f"T = {steps} {ratio:.1f}" for steps, ratio in ratios.items())
    return Finding(
        result=f"{found.accuracy:.2f} % in {fewest:,.0f} cycles; step by step so many times as "
        f"many: {told}" + (f"; ten times from T = {min(tenfold)} on" if tenfold else ""),
        met=found.accuracy >= 97.54 and bool(tenfold),
        figures=row,
        **equal,
    )


def _parameters(network: Network) -> int:
    total = 0
    for connection in network.connections:
        weights = getattr(connection.operator, "weights", None)
        total += 0 if weights is None else weights.size
    return total


def pruning(context: Context) -> Finding:
    """Channels out by PCA, T from 5 to 1, 5-bit weights."""
    data, graph = context.mnist.shaped((1, 28, 28)), context.mnist_cnn
    trained = float_accuracy(graph, data)
    base = ConvertConfig(weight_bits=5, levels=5, input_levels=15)
    full = _trained(
        context,
        graph,
        data,
        replace(base, method="hybrid", name="full"),
        training=replace(TRAINING, epochs=1),
    )
    pruned = _trained(
        context,
        graph,
        data,
        replace(base, method="st-pruning", variance=0.95, name="pruned"),
        training=replace(TRAINING, epochs=6),
        tuning=replace(TUNING, epochs=5),
    )
    before, after = _parameters(full.network), _parameters(pruned.network)
    by_steps = {
        steps: measure(pruned.network, data, steps=steps).accuracy for steps in (1, 2, 3, 5)
    }
    equal = equal_in_hardware(pruned.network, data.x_test, Mode.STEPWISE, steps=1)
    told = ", ".join(f"T = {steps} {value:.2f} %" for steps, value in by_steps.items())
    return Finding(
        result=f"{before:,} weights to {after:,}, {before / after:.1f} times fewer; {told}; float "
        f"{trained:.2f} %",
        met=before >= 5 * after and by_steps[1] >= trained - 1,
        figures={"before": before, "after": after, "float": trained, "accuracy": by_steps},
        **equal,
    )


TRAINED_ROWS = (
    Row(
        name="fast-snn",
        paper="Hu et al., IEEE TPAMI 2023 (Fast-SNN); You et al., ICML 2024 (ST-BIF)",
        claim="signed neurons in T = 2^b - 1 steps keep what the quantised network reached",
        experiment="MLP 784-128-128-10 on MNIST, 4-bit weights, b = 2 and 3",
        target="signed within 0.1 points of quantised, and no fewer labels in common with it than "
        "unsigned; settled logits equal on all samples",
        run=fast_snn,
    ),
    Row(
        name="ttfs",
        paper="Stanojevic et al., Nature Communications 2024",
        claim="times of first spikes compute the ReLU network exactly, with few spikes",
        experiment="MLP 784-340-10 on MNIST, 4-bit weights, 4-bit times",
        target="logits equal on all samples; within 0.5 points of floating point; at most 0.5 "
        "spikes a neuron, 0.3 with pressure on them",
        run=ttfs,
    ),
    Row(
        name="one-hot",
        paper="Abillama et al., IEEE Access 2025 (M-LIF)",
        claim="more powers of two a spike make up for steps",
        experiment="MLP 784-128-10 on MNIST, 4-bit weights, binary pixels, T = 1",
        target="S = 3 at least 1 point above S = 1; logits equal the closed form on all samples",
        run=one_hot,
        missed="S = 1 loses little here, since it begins with a trained float network and learns "
        "its thresholds: so near below floating point S = 3 has less than a point of room. The "
        "order is that of the claim.",
    ),
    Row(
        name="step-relu",
        paper="Wang et al., IJCAI 2023 (StepReLU)",
        claim="membrane-potential encoding loses nothing; a leak may be switched on",
        experiment="MLP 784-128-10 on MNIST, 4-bit weights, 3 levels; Gaussian noise on pixels",
        target="logits equal the trained staircase on all samples",
        run=step_relu,
    ),
    Row(
        name="bit-budget",
        paper="Shen et al., CVPR 2024",
        claim="bits of spikes and weights are worth more than steps",
        experiment="MLP 784-128-128-10 on MNIST, binary pixels, products of 12 and 24, 5 epochs",
        target="of each product, the choice of fewest steps above that of most",
        run=bit_budget,
    ),
    Row(
        name="dsr-mice",
        paper="Meng et al., CVPR 2022 (DSR); Ho, Chang, JETCAS 2023 (MiCE)",
        claim="few steps keep what the network reached",
        experiment="CNN 12-24-64-10 on MNIST, 6-bit weights, T = 5 (DSR) and 8 (clip and shift)",
        target="both within 0.2 points of floating point",
        run=clipped_cnn,
    ),
    Row(
        name="collapsed",
        paper="Li et al., PAAP 2021 (FEAS)",
        claim="spikes of all steps at once, with inhibition, at a fraction of the time",
        experiment="MLP 784-128-10 on MNIST, 4-bit weights, 15 input levels, 32 lanes a core; "
        "step by step of the same levels as spikes",
        target="at least 97.54 %; from some T on at least ten times fewer cycles",
        run=collapsed,
    ),
    Row(
        name="pruning",
        paper="Chowdhury, Garg, Roy, IJCNN 2021",
        claim="a network can be pruned in space and in time",
        experiment="CNN 12-24-64-10 on MNIST, 5-bit weights, 95 % of variance, T = 5 to 1",
        target="at least 5 times fewer weights, at most 1 point lost at T = 1",
        run=pruning,
    ),
)
