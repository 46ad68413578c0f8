"""A quantised recurrent network, trained as such, and the integer network that equals it.

Su et al. (CRNN-Morph, arXiv 2408.09403): a recurrent layer whose activation is quantised becomes
ternary neurons that settle once for each step of a sequence, S_t = clip(floor((Wx x_t + Wh S_{t-1}
+ b) / th + 1/2), S_min, S_max). A step of the sequence is a sample whose END keeps what is behind
the connection with a delay; the integer network runs in ``settle`` and ``collapsed``.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy
import torch
from torch import Tensor

from spikewright.golden.errors import ConfigurationError, FileError
from spikewright.golden.spec import (
    LIMITS,
    BiasWhen,
    Connection,
    Decision,
    Dense,
    Encoding,
    Fire,
    Input,
    Mode,
    Network,
    Payload,
    Population,
    Readout,
    ReadoutKind,
    Soma,
)

__all__ = ["RecurrentConfig", "RecurrentNetwork"]

SCHEMA = 1
LARGEST = 1 << 16
ENTRY = "spikewright-recurrent"
FILE = "recurrent.safetensors"


@dataclass(frozen=True, kw_only=True)
class RecurrentConfig:
    """Sizes and grids of a recurrent layer and the readout behind it.

    Parameters
    ----------
    name : of the network. inputs, hidden, classes : neurons.
    levels : S stays within -levels..levels, as a hard tanh does, or 0..levels if not ``signed``.
    input_levels : inputs are integers from 0 to this. weight_bits : of every weight.
    threshold : weights are multiples of 1 / threshold of a level; those of the input of
        2 ** input_shift of them.
    """

    name: str = "rnn"
    inputs: int
    hidden: int
    classes: int
    levels: int = 7
    signed: bool = True
    input_levels: int = 1
    weight_bits: int = 6
    threshold: int = 32
    input_shift: int = 3

    def __post_init__(self) -> None:
        least = {"inputs": 1, "hidden": 1, "classes": 2, "levels": 1, "input_levels": 1}
        least |= {"weight_bits": 2, "threshold": 1, "input_shift": 0}
        for key, low in least.items():
            high = LIMITS.weight if key == "weight_bits" else LARGEST
            value = getattr(self, key)
            if type(value) is not int or not low <= value <= high:
                raise ConfigurationError(
                    f"must be an integer from {low} to {high}", found=repr(value), where=key
                )
        if self.threshold % 2:
            raise ConfigurationError(
                "must be even, so that half of it is an integer",
                found=str(self.threshold),
                where="threshold",
            )


class RecurrentNetwork(torch.nn.Module):
    """h_t = clip(round(Wx x_t + Wh h_{t-1} + b)), and logits of the last h, all on grids.

    Rounding passes the gradient straight through. It computes in the type of its input; doubles
    hold every sum of the integers exactly, floats those below 2**24.

    Parameters
    ----------
    config : sizes and grids.
    """

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__()
        self.config = config
        n, scale = config.hidden, float(config.levels)
        self.w_x = torch.nn.Parameter(torch.randn(config.inputs, n) * scale / config.inputs**0.5)
        # Of the levels before the greater part stays: what came long ago is not forgotten.
        self.w_h = torch.nn.Parameter(0.9 * torch.eye(n) + torch.randn(n, n) * 0.2 / n**0.5)
        self.w_out = torch.nn.Parameter(torch.randn(n, config.classes) / n**0.5)
        self.b_h = torch.nn.Parameter(torch.zeros(n))
        self.b_out = torch.nn.Parameter(torch.zeros(config.classes))

    def integers(self) -> dict[str, Tensor]:
        """Weights and biases in units of 1 / threshold of a level, as they are used."""
        limit = 2 ** (self.config.weight_bits - 1) - 1
        fine, coarse = self.config.threshold, self.config.threshold / 2**self.config.input_shift
        return {
            "w_x": _rounded(self.w_x * coarse, limit),
            "w_h": _rounded(self.w_h * fine, limit),
            "w_out": _rounded(self.w_out * fine, limit),
            "b_h": _rounded(self.b_h * fine, None),
            "b_out": _rounded(self.b_out * fine, None),
        }

    def states(self, x: Tensor) -> list[Tensor]:
        """Levels [N, hidden] of every step, from integers x [N, steps, inputs]."""
        whole = {name: each.to(x.dtype) for name, each in self.integers().items()}
        th = self.config.threshold
        low = -self.config.levels if self.config.signed else 0
        charge = (x @ whole["w_x"]) * 2**self.config.input_shift + whole["b_h"]
        h = charge.new_zeros(len(x), self.config.hidden)
        found = []
        for step in range(x.shape[1]):
            total = charge[:, step] + h @ whole["w_h"]
            level = (total / th).clamp(low, self.config.levels)
            settled = torch.floor((total + th // 2) / th).clamp(low, self.config.levels)
            h = _through(settled, level)
            found.append(h)
        return found

    def scores(self, x: Tensor) -> Tensor:
        """Integers [N, classes] after the last step, of integers x [N, steps, inputs]."""
        whole = {name: each.to(x.dtype) for name, each in self.integers().items()}
        found: Tensor = self.states(x)[-1] @ whole["w_out"] + whole["b_out"]
        return found

    def forward(self, x: Tensor) -> Tensor:
        """Logits [N, classes]: the scores in levels.

        Raises
        ------
        ConfigurationError
            If x is not of whole numbers from 0 to ``input_levels``.
        """
        wrong = (x != x.round()) | (x < 0) | (x > self.config.input_levels)
        if bool(wrong.any()):
            raise ConfigurationError(
                f"inputs must be whole numbers from 0 to {self.config.input_levels}",
                found=f"{float(x[wrong][0]):g}",
                where="recurrent network",
                action="scale and round them, and give the largest as input_levels",
            )
        return self.scores(x.float()) / self.config.threshold

    def network(self) -> Network:
        """The integer network, one sample of which is a step of the sequence."""
        config = self.config
        whole = {
            name: value.detach().round().long().numpy() for name, value in self.integers().items()
        }
        th, low = config.threshold, -config.levels if config.signed else 0
        soma = Soma(
            fire=Fire.TERNARY,
            threshold=np.array([th]),
            threshold_negative=np.array([1]),
            s_min=low,
            s_max=config.levels,
            initial_v=np.array([th // 2]),
            bias=whole["b_h"],
            bias_when=BiasWhen.FIRST,
        )
        out = Soma(fire=Fire.NONE, bias=whole["b_out"], bias_when=BiasWhen.FIRST)
        bits = config.weight_bits
        binary = config.input_levels == 1
        return Network(
            name=config.name,
            inputs=(
                Input(
                    name="input",
                    shape=(config.inputs,),
                    payload=Payload.UNIT if binary else Payload.GRADED,
                    low=0,
                    high=config.input_levels,
                    encoding=Encoding.ONCE,
                ),
            ),
            populations=(
                Population(name="hidden", shape=(config.hidden,), soma=soma, payload=Payload.SIGN),
                Population(name="out", shape=(config.classes,), soma=out, payload=Payload.UNIT),
            ),
            connections=(
                Connection(
                    source="input",
                    target="hidden",
                    operator=Dense(
                        weights=whole["w_x"], weight_bits=bits, shift=config.input_shift
                    ),
                ),
                Connection(
                    source="hidden",
                    target="hidden",
                    operator=Dense(weights=whole["w_h"], weight_bits=bits),
                    delay=1,
                ),
                Connection(
                    source="hidden",
                    target="out",
                    operator=Dense(weights=whole["w_out"], weight_bits=bits),
                ),
            ),
            readout=Readout(population="out", kind=ReadoutKind.MEMBRANE, decision=Decision.ARGMAX),
            modes=(Mode.SETTLE, Mode.COLLAPSED),
            max_steps=1,
        )

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
            module = cls(RecurrentConfig(**header["config"]))
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


def _rounded(values: Tensor, limit: int | None) -> Tensor:
    """Integers within the limit, with the gradient of the values."""
    if limit is not None:
        values = values.clamp(-limit, limit)
    return _through(values.round(), values)


def _through(whole: Tensor, values: Tensor) -> Tensor:
    """The integers exactly, with the gradient of the values: a straight-through estimator."""
    return whole.detach() + (values - values.detach())
