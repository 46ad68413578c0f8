"""A trained network with quantised weights and activations, which can train further."""

from collections.abc import Mapping, Sequence
from math import prod

import torch

from spikewright.flow.convert.calibrate import (
    InputRange,
    check_calibration,
    input_range,
    measure,
    values_above,
)
from spikewright.flow.convert.code import Code, Cut, Levels
from spikewright.flow.convert.components import SHARE, without_redundant_channels
from spikewright.flow.convert.config import ConvertConfig
from spikewright.flow.convert.equalise import equalised
from spikewright.flow.convert.geometry import plane
from spikewright.flow.convert.layers import (
    LearnedStep,
    QatRelay,
    QatStage,
    Value,
)
from spikewright.flow.convert.prune import Mask, prune
from spikewright.flow.convert.scales import Scales, tie
from spikewright.flow.convert.units import plan_stage
from spikewright.flow.importers import INPUT, Graph, Stage, import_module
from spikewright.golden.errors import UnsupportedError

__all__ = ["QatNetwork", "prepare"]

LEAST_BITS = 2


class QatNetwork(torch.nn.Module):
    """Quantised input, then stages with learned steps; made by ``prepare``, read by ``convert``.

    Steps that are tied to each other are one parameter; those tied to the input's are fixed.
    """

    def __init__(
        self,
        graph: Graph,
        layers: Sequence[QatStage | QatRelay],
        *,
        steps: Mapping[str, LearnedStep],
        scales: Scales,
        input_range: InputRange,
        config: ConvertConfig,
    ) -> None:
        super().__init__()
        self.graph, self.config, self.scales = graph, config, scales
        self.layers = torch.nn.ModuleList(layers)
        self.steps = torch.nn.ModuleList(steps.values())
        self.low, self.high = input_range.low, input_range.high
        self._place = {name: index for index, name in enumerate(steps)}
        self.input_step: torch.Tensor
        self.register_buffer("input_step", torch.tensor(input_range.step, dtype=torch.float64))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a sample."""
        return self.graph.input_shape

    @property
    def stages(self) -> tuple[QatStage, ...]:
        """The layers that train, typed."""
        return tuple(layer for layer in self.layers if isinstance(layer, QatStage))

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """Input levels as float64: clip(floor(x / step + 0.5), low, high), flat per sample."""
        levels = torch.floor(x.flatten(1).to(torch.float64) / self.input_step + 0.5)
        return levels.clamp(self.low, self.high)

    def level_steps(self) -> dict[str, torch.Tensor]:
        """The worth of one level of the input and of each stage but the readout."""
        roots = {name: self.steps[place]() for name, place in self._place.items()}
        roots[INPUT] = self.input_step.to(torch.float32)
        names = [INPUT, *(stage.name for stage in self.graph.stages[:-1])]
        return {name: roots[self.scales.root(name)] * self.scales.ratio(name) for name in names}

    def owner(self, key: str) -> str:
        """The user's name of the layer that an entry of the state dictionary belongs to."""
        kind, _, rest = key.partition(".")
        place = int(rest.partition(".")[0]) if rest else -1
        if kind == "layers":
            return self.graph.stages[place].name
        return tuple(self._place)[place] if kind == "steps" else INPUT

    @property
    def spiking(self) -> bool:
        """Whether hidden values are those of simulated spikes, in the steps that it is made for."""
        return any(stage.spiking for stage in self.stages)

    @spiking.setter
    def spiking(self, spiking: bool) -> None:
        for stage in self.stages:
            stage.spiking = spiking
        self.train(self.training)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits [N, classes], or [N, classes, *space] where each position has its own."""
        logits = self.stages[-1].charge(self._values(x, self.graph.readout.name))
        shape = self.graph.readout.shape
        return logits.reshape(len(x), *(shape if prod(shape[1:]) > 1 else shape[:1]))

    def levels_of(self, x: torch.Tensor, name: str) -> torch.Tensor:
        """Levels [N, C, H, W] of a hidden stage."""
        return self._values(x, name)[name].level

    def _values(self, x: torch.Tensor, last: str) -> dict[str, Value]:
        """The values of all layers up to the one named, but of the readout."""
        steps = self.level_steps()
        level = self.encode(x).reshape(len(x), *plane(self.shape))
        real = (level * self.input_step).to(torch.float32)
        trains = real.expand(self.config.steps, *real.shape) if self.spiking else None
        values = {INPUT: Value(level.to(torch.float32), real, steps[INPUT], trains)}
        for layer in self.layers[:-1]:
            if isinstance(layer, QatRelay):
                values[layer.stage.name] = layer(values)
            else:
                assert isinstance(layer, QatStage)
                values[layer.name] = layer(values, steps[layer.name])
            if last in values:
                break
        return values

    def activity(self) -> torch.Tensor:
        """Mean over hidden stages of the mean level in the last batch."""
        hidden = [layer.activity for layer in self.stages[:-1]]
        return torch.stack(hidden).mean() if hidden else torch.zeros(())


def prepare(
    module: torch.nn.Module | Graph, calibration: torch.Tensor, config: ConvertConfig
) -> QatNetwork:
    """Quantise ``module`` after training: calibrate every step on ``calibration`` [N, ...].

    Where the configuration says so, it is pruned first.
    A graph is a module that was imported before.

    Of more than 2,048 samples, as many evenly spread ones are used.
    The result can be converted as it is, or trained further first (steps are parameters).
    """
    x = check_calibration(calibration)
    graph = module if isinstance(module, Graph) else import_module(module, tuple(x.shape[1:]))
    _check_norms(graph)
    if config.chosen.pruned:
        share = SHARE if config.variance is None else config.variance
        graph = without_redundant_channels(graph, x, share).graph
    masks: Mapping[str, Mask] = {}
    if config.prune:
        pruned = prune(graph, share=config.prune, lanes=config.prune_lanes)
        graph, masks = pruned.graph, pruned.masks
    if config.chosen.equalised:
        graph = equalised(graph, x)
    stages = [stage for stage in graph.stages if isinstance(stage, Stage)]
    weighted = [stage for stage in stages if _weighted(stage)]
    bits = dict(zip((s.name for s in weighted), config.layer_bits(len(weighted)), strict=True))
    chosen = config.layer_levels(len(stages) - 1)
    levels = {
        stage.name: _levels(stage, level, config)
        for stage, level in zip(stages, chosen, strict=False)
    }
    source = input_range(x, config)
    own = config.chosen.percentile  # others train, and learn what they clip
    measured = measure(
        graph,
        x,
        source,
        levels,
        config.clipped_at,
        config.chosen.neuron.initial,
        least=1 if own is None else values_above(own),
    )
    scales = tie(graph, measured.steps)
    layers: list[QatStage | QatRelay] = []
    for stage in graph.stages:
        if isinstance(stage, Stage):
            plan = plan_stage(
                graph,
                stage,
                measured,
                scales,
                bits=bits.get(stage.name, LEAST_BITS),
                levels=levels.get(stage.name, Levels(highest=0)),
                neuron=config.chosen.neuron,
                most_exponent=config.most_exponent,
            )
            layers.append(QatStage(stage, plan, masks))
        else:
            layers.append(QatRelay(stage, config.steps if config.chosen.repeats else 1))
    steps = {
        stage.name: LearnedStep(
            torch.tensor(scales.steps[stage.name]), stage.n, levels[stage.name].count
        )
        for stage in stages
        if stage.name in scales.steps
    }
    return QatNetwork(
        graph, layers, steps=steps, scales=scales, input_range=source, config=config
    ).eval()


def _levels(stage: Stage, chosen: int, config: ConvertConfig) -> Levels:
    """The levels of a hidden stage; a quantised activation has its own."""
    method = config.chosen
    own = stage.activation and stage.activation.levels
    if own and (method.code is Code.ONEHOT or method.cut is not Cut.NEAREST):
        raise UnsupportedError(
            f"activations must have no levels of their own with method {method.name}",
            found=f"a quantised activation of {own} levels",
            where=stage.name,
            action="use a ReLU, and train quantised",
        )
    if method.code is Code.ONEHOT:
        return Levels.leading(chosen)
    if not method.repeats:
        return Levels(highest=own or chosen, rule=method.cut)
    most = config.spike_levels
    if own and own % most:
        raise UnsupportedError(
            f"a quantised activation must have a multiple of {most} levels, those of a spike",
            found=str(own),
            where=stage.name,
        )
    return Levels(highest=most, steps=(own or chosen) // most, rule=method.cut)


def _weighted(stage: Stage) -> bool:
    return any(branch.weight is not None for branch in stage.branches)


def _check_norms(graph: Graph) -> None:
    """A norm behind an activation needs readers that take its sign and shift into weights."""
    normed = {
        stage.name
        for stage in graph.stages
        if isinstance(stage, Stage) and stage.norm_after is not None
    }
    for stage in graph.stages:
        reads = (
            {stage.source}
            if not isinstance(stage, Stage)
            else {branch.source for branch in stage.branches if branch.weight is None}
        )
        for name in sorted(reads & normed):
            raise UnsupportedError(
                "a batch norm behind an activation must be read by layers with weights alone",
                found=f"{name!r}, whose values are used as they are",
                where=stage.name,
                action="put the batch norm before the activation",
            )
