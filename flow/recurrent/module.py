"""A quantised recurrent network, trained as such.

Su et al. (CRNN-Morph, arXiv 2408.09403): a recurrent layer whose activation is quantised becomes
ternary neurons that settle once for each step of a sequence, S_t = clip(floor((Wx x_t + Wh S_{t-1}
+ b) / th + 1/2), S_min, S_max). From the abstract: the conversion is lossless, of RNN -> QRNN ->
RBIFSNN and CNN -> QCNN -> BIFSNN. Which networks the paper trained on pixel sequences was not to
be confirmed; those here are our own. Neurons behind the recurrent ones settle in the same step.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import safetensors
import safetensors.numpy
import torch
from torch import Tensor

from spikewright.golden.errors import ConfigurationError, FileError
from spikewright.golden.spec import Network

from .config import Layer, RecurrentConfig, Rotations
from .lower import lowered
from .rotations import held, turned

__all__ = ["RecurrentNetwork"]

SCHEMA = 2
ENTRY = "spikewright-recurrent"
FILE = "recurrent.safetensors"
MOST_GAIN = 127
SPREAD = 10  # levels are so many standard deviations of a memory, so that few are clipped


class RecurrentNetwork(torch.nn.Module):
    """h_t = clip(round(Wx x_t + Wh h_{t-1} + b)), and logits of the last h, all on grids.

    Rounding passes the gradient straight through. It computes in the type of its input; doubles
    hold every sum of the integers exactly, floats those below 2**24. Where the recurrence is a
    memory it does not round in training, and noise stands in for it; else it is the same.

    Parameters
    ----------
    config : sizes and grids.
    """

    gains: Tensor

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__()
        self.config = config
        n, scale = config.hidden, float(config.levels)
        if config.rotations is None:
            self.w_x = torch.nn.Parameter(
                torch.randn(config.inputs, n) * scale / config.inputs**0.5
            )
            # Of the levels before the greater part stays: what came long ago is not forgotten.
            self.w_h = torch.nn.Parameter(0.9 * torch.eye(n) + torch.randn(n, n) * 0.2 / n**0.5)
        else:
            self.register_buffer("gains", torch.ones(len(config.rotations.turns)))
        last = config.layers[-1].neurons if config.layers else n
        self.w_out = torch.nn.Parameter(torch.randn(last, config.classes) / last**0.5)
        if config.rotations is None:
            self.b_h = torch.nn.Parameter(torch.zeros(n))
        self.b_out = torch.nn.Parameter(torch.zeros(config.classes))
        sizes = [n, *(layer.neurons for layer in config.layers)]
        self.w_layers = torch.nn.ParameterList(
            torch.randn(before, layer.neurons) * (2 / before) ** 0.5
            for before, layer in zip(sizes, config.layers, strict=False)
        )
        self.b_layers = torch.nn.ParameterList(
            torch.zeros(layer.neurons) for layer in config.layers
        )

    def integers(self) -> dict[str, Tensor]:
        """Weights and biases in units of 1 / threshold of a level, as they are used.

        ``w_x``, ``w_h``, ``b_h`` (``gains`` of a memory), ``w_1``, ``b_1`` .. of the layers,
        ``w_out``, ``b_out``.
        """
        config = self.config
        fine, coarse = config.threshold, config.threshold / 2**config.input_shift
        found: dict[str, Tensor] = {}
        if config.rotations is None:
            limit = _limit(config.weight_bits)
            found |= {
                "w_x": _rounded(self.w_x * coarse, limit),
                "w_h": _rounded(self.w_h * fine, limit),
                "b_h": _rounded(self.b_h * fine, None),
            }
        else:
            found["gains"] = self.gains
        for k, layer in enumerate(config.layers):
            whole = self.w_layers[k] * layer.threshold
            found[f"w_{k + 1}"] = _rounded(whole, _limit(layer.weight_bits))
            found[f"b_{k + 1}"] = _rounded(self.b_layers[k] * self._threshold(k), None)
        found["w_out"] = _rounded(self.w_out * fine, _limit(config.weight_bits))
        found["b_out"] = _rounded(self.b_out * self._readout_threshold, None)
        return found

    def tune(self, x: Tensor) -> None:
        """Choose what an input adds to a memory, so that it uses its levels on samples like these.

        ``x``: raw samples [N, frames, 1].
        """
        config = self.config
        if config.rotations is None:
            return
        ones = torch.ones_like(self.gains)
        last = held(self.quantised(x)[..., 0].double(), config.rotations, ones)
        spread = last.std(0).reshape(-1, 2).amax(1).clamp(min=1e-9)
        self.gains = (config.levels / SPREAD / spread).ceil().clamp(1, MOST_GAIN).to(ones.dtype)

    def quantised(self, x: Tensor) -> Tensor:
        """Integers of raw samples, as the network's input makes them."""
        if self.config.input_step is None:
            return x
        return torch.floor(x / self.config.input_step + 0.5).clamp(0, self.config.input_levels)

    def states(self, x: Tensor) -> list[Tensor]:
        """Levels [N, hidden] of every step, from integers x [N, steps, inputs]."""
        return list(self._frames(x))

    def _frames(self, x: Tensor) -> Iterator[Tensor]:
        config = self.config
        if config.rotations is not None:
            yield from turned(x[..., 0], config.rotations, self.gains, config.levels)
            return
        whole = {name: each.to(x.dtype) for name, each in self.integers().items()}
        charge = (x @ whole["w_x"]) * 2**config.input_shift + whole["b_h"]
        h = charge.new_zeros(len(x), config.hidden)
        for step in range(x.shape[1]):
            total = charge[:, step] + h @ whole["w_h"]
            h = _settled(total, config.threshold, config.low, config.levels)
            yield h

    def _last(self, x: Tensor) -> Tensor:
        """Levels [N, hidden] after the last step."""
        rotations, levels = self.config.rotations, self.config.levels
        if rotations is not None and self.training:
            last = held(x[..., 0], rotations, self.gains)
            # Rounding adds a variance of 1 / 12 in each frame, which turning leaves as it is.
            last += torch.randn_like(last) * (x.shape[1] / 12) ** 0.5
            return last.clamp_(-levels, levels)
        h = x.new_zeros(len(x), self.config.hidden)
        for frame in self._frames(x):
            h = frame
        return h

    def scores(self, x: Tensor) -> Tensor:
        """Integers [N, classes] after the last step, of integers x [N, steps, inputs]."""
        whole = {name: each.to(x.dtype) for name, each in self.integers().items()}
        h = self._last(x)
        for k, layer in enumerate(self.config.layers):
            total = h @ whole[f"w_{k + 1}"] + whole[f"b_{k + 1}"]
            h = _settled(total, self._threshold(k), 0, layer.levels)
            h = torch.nn.functional.dropout(h, self.config.dropout, self.training)
        found: Tensor = h @ whole["w_out"] + whole["b_out"]
        return found

    def forward(self, x: Tensor) -> Tensor:
        """Logits [N, classes]: the scores in levels. ``x`` [N, steps, inputs].

        Raises
        ------
        ConfigurationError
            If x is not of whole numbers from 0 to ``input_levels``, where they have no step.
        """
        x = self.quantised(x)
        wrong = (x != x.round()) | (x < 0) | (x > self.config.input_levels)
        if bool(wrong.any()):
            raise ConfigurationError(
                f"inputs must be whole numbers from 0 to {self.config.input_levels}",
                found=f"{float(x[wrong][0]):g}",
                where="recurrent network",
                action="scale and round them, and give the largest as input_levels",
            )
        return self.scores(x.float()) / self._readout_threshold

    def network(self) -> Network:
        """The integer network, one sample of which is a step of the sequence."""
        whole = {
            name: value.detach().round().long().numpy() for name, value in self.integers().items()
        }
        return lowered(self.config, whole)

    def _threshold(self, layer: int) -> int:
        return self._unit(layer) * self.config.layers[layer].threshold

    @property
    def _readout_threshold(self) -> int:
        return self._unit(len(self.config.layers)) * self.config.threshold

    def _unit(self, layer: int) -> int:
        """Levels of what is in front that count as one."""
        rotations = self.config.rotations
        return rotations.unit if rotations is not None and layer == 0 else 1

    def save(self, folder: Path) -> None:
        """Write weights and configuration into a folder."""
        header = json.dumps({"schema": SCHEMA, "config": asdict(self.config)})
        arrays = {name: value.detach().numpy() for name, value in self.state_dict().items()}
        (folder / FILE).write_bytes(safetensors.numpy.save(arrays, metadata={ENTRY: header}))

    @classmethod
    def is_in(cls, folder: Path) -> bool:
        """Whether a folder has one."""
        return (folder / FILE).is_file()

    @classmethod
    def load(cls, folder: Path) -> "RecurrentNetwork":
        """Read what ``save`` wrote and check it whole; raises FileError."""
        path = folder / FILE
        try:
            with safetensors.safe_open(path, framework="numpy") as file:
                header = json.loads((file.metadata() or {})[ENTRY])
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if header["schema"] != SCHEMA:
                raise ValueError(f"schema {header['schema']}")
            module = cls(_config(header["config"]))
            module.load_state_dict({name: torch.from_numpy(a) for name, a in arrays.items()})
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            RuntimeError,
            ConfigurationError,
            safetensors.SafetensorError,
        ) as error:
            raise FileError(
                "the recurrent network must be a whole file of this version",
                found=f"{type(error).__name__}: {str(error).splitlines()[0]}",
                where=str(path),
                action="convert the network again",
            ) from error
        return module.eval()


def _config(data: dict[str, object]) -> RecurrentConfig:
    """A configuration from plain data; raises TypeError or ConfigurationError."""
    parts = dict(data)
    layers, rotations = parts.pop("layers"), parts.pop("rotations")
    if not isinstance(layers, list) or not isinstance(rotations, dict | None):
        raise TypeError("layers and rotations")
    return RecurrentConfig(
        **parts,  # type: ignore[arg-type]  # which the dataclass checks
        layers=tuple(Layer(**layer) for layer in layers),
        rotations=None if rotations is None else Rotations(**rotations),
    )


def _limit(bits: int) -> int:
    return (1 << (bits - 1)) - 1


def _settled(total: Tensor, threshold: int, low: int, high: int) -> Tensor:
    """clip(floor(total / threshold + 1/2), low, high), with the gradient of the clip."""
    level = (total / threshold).clamp(low, high)
    whole = torch.floor((total + threshold // 2) / threshold).clamp(low, high)
    return _through(whole, level)


def _rounded(values: Tensor, limit: int | None) -> Tensor:
    """Integers within the limit, with the gradient of the values."""
    if limit is not None:
        values = values.clamp(-limit, limit)
    return _through(values.round(), values)


def _through(whole: Tensor, values: Tensor) -> Tensor:
    """The integers exactly, with the gradient of the values: a straight-through estimator."""
    return whole.detach() + (values - values.detach())
