"""Turn a trained network into one integer network: calibrate, quantise, train on, lower."""

from spikewright.flow.convert.code import Code
from spikewright.flow.convert.config import ConvertConfig, MaxPool, TrainConfig
from spikewright.flow.convert.corrective import is_corrective
from spikewright.flow.convert.layers import QatRelay, QatStage
from spikewright.flow.convert.method import Method, Tuning
from spikewright.flow.convert.methods import METHODS, method_named
from spikewright.flow.convert.objective import CrossEntropy, Objective, SquaredError
from spikewright.flow.convert.pipeline import Conversion, convert
from spikewright.flow.convert.prune import pruned_figures
from spikewright.flow.convert.qat import QatNetwork, prepare
from spikewright.flow.convert.reference import Reference, code_of, encode_input
from spikewright.flow.convert.train import Epoch, Progress, train, warn_of_divergence
from spikewright.flow.convert.tune import tune_layers, tune_rates
from spikewright.flow.importers import QuantisedReLU

__all__ = [
    "METHODS",
    "Code",
    "Conversion",
    "ConvertConfig",
    "CrossEntropy",
    "Epoch",
    "MaxPool",
    "Method",
    "Objective",
    "Progress",
    "QatNetwork",
    "QatRelay",
    "QatStage",
    "QuantisedReLU",
    "Reference",
    "SquaredError",
    "TrainConfig",
    "Tuning",
    "code_of",
    "convert",
    "encode_input",
    "is_corrective",
    "method_named",
    "prepare",
    "pruned_figures",
    "train",
    "tune_layers",
    "tune_rates",
    "warn_of_divergence",
]
