"""Rows of what spikes, steps and weights cost: budgets, few steps, cycles, pruning."""

from dataclasses import replace

from spikewright.flow.convert import (
    ConvertConfig,
    encode_input,
)
from spikewright.flow.cycles import activity, estimate_cycles
from spikewright.flow.datasets import Dataset
from spikewright.flow.plan import default_plan
from spikewright.golden.spec import Encoding, Mode, Network

from .check import equal_in_hardware
from .measure import measure
from .row import Context, Finding, Row
from .training import TRAINING, TUNING, by_method
from .untrained import float_accuracy

__all__ = ["BUDGET_ROWS"]

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
            conversion = by_method(
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
    dsr = by_method(
        context,
        graph,
        data,
        replace(base, method="dsr", levels=5, name="dsr"),
        training=replace(TRAINING, epochs=6),
        tuning=replace(TUNING, epochs=2),
    )
    mice = by_method(
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
    network = by_method(
        context,
        graph,
        data,
        ConvertConfig(weight_bits=4, levels=7, input_levels=15, name="levels"),
    ).network
    rates = by_method(
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
    full = by_method(
        context,
        graph,
        data,
        replace(base, method="hybrid", name="full"),
        training=replace(TRAINING, epochs=1),
    )
    pruned = by_method(
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


BUDGET_ROWS = (
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
