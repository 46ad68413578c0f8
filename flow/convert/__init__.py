"""Turn a trained network into one integer network: calibrate, quantise, train on, lower."""

from spikewright.flow.convert.code import Code
from spikewright.flow.convert.config import ConvertConfig, MaxPool, TrainConfig
from spikewright.flow.convert.corrective import is_corrective
from spikewright.flow.convert.layers import QatRelay, QatStage
from spikewright.flow.convert.pipeline import Conversion, convert
from spikewright.flow.convert.prune import pruned_figures
from spikewright.flow.convert.qat import QatNetwork, prepare
from spikewright.flow.convert.reference import Reference, code_of, encode_input
from spikewright.flow.convert.train import Epoch, Progress, train
from spikewright.flow.importers import QuantisedReLU

__all__ = [
    "Code",
    "Conversion",
    "ConvertConfig",
    "Epoch",
    "MaxPool",
    "Progress",
    "QatNetwork",
    "QatRelay",
    "QatStage",
    "QuantisedReLU",
    "Reference",
    "TrainConfig",
    "code_of",
    "convert",
    "encode_input",
    "is_corrective",
    "prepare",
    "pruned_figures",
    "train",
]
