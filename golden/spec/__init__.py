"""The integer network: what a network is, its widths and its file."""

from spikewright.golden.spec.file import SCHEMA, SUFFIX, load, save
from spikewright.golden.spec.filters import filter_bounds
from spikewright.golden.spec.intervals import Analysis, Ranges, analyse, partial_sum_bound
from spikewright.golden.spec.limits import LIMITS, Interval, Limits, hull
from spikewright.golden.spec.network import Network
from spikewright.golden.spec.normalise import IntArray, int_vector
from spikewright.golden.spec.operators import (
    Delta,
    DeltaFunction,
    Dense,
    Identity,
    Operator,
    Product,
    Window,
    WindowKind,
)
from spikewright.golden.spec.parts import (
    Biquad,
    Connection,
    Decision,
    Encoding,
    Input,
    Mode,
    Population,
    Readout,
    ReadoutKind,
)
from spikewright.golden.spec.settle import settle_obstacle
from spikewright.golden.spec.soma import (
    BiasWhen,
    Fire,
    Leak,
    LeakOrder,
    Payload,
    Phases,
    Reset,
    Soma,
)
from spikewright.golden.spec.tokens import EndFlag, TokenKind

__all__ = [
    "LIMITS",
    "SCHEMA",
    "SUFFIX",
    "Analysis",
    "BiasWhen",
    "Biquad",
    "Connection",
    "Decision",
    "Delta",
    "DeltaFunction",
    "Dense",
    "Encoding",
    "EndFlag",
    "Fire",
    "Identity",
    "Input",
    "IntArray",
    "Interval",
    "Leak",
    "LeakOrder",
    "Limits",
    "Mode",
    "Network",
    "Operator",
    "Payload",
    "Phases",
    "Population",
    "Product",
    "Ranges",
    "Readout",
    "ReadoutKind",
    "Reset",
    "Soma",
    "TokenKind",
    "Window",
    "WindowKind",
    "analyse",
    "filter_bounds",
    "hull",
    "int_vector",
    "load",
    "partial_sum_bound",
    "save",
    "settle_obstacle",
]
