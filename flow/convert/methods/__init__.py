"""The table of methods: one row each, in the order in which they are shown."""

from collections.abc import Mapping
from types import MappingProxyType

from spikewright.flow.convert.method import Method
from spikewright.flow.convert.methods.bursts import BURSTS
from spikewright.flow.convert.methods.corrective import CORRECTIVE
from spikewright.flow.convert.methods.dsr import DSR, DSR_LIF
from spikewright.flow.convert.methods.fast_snn import FAST_SNN
from spikewright.flow.convert.methods.hybrid import HYBRID, ST_PRUNING
from spikewright.flow.convert.methods.mice import MICE
from spikewright.flow.convert.methods.neuron_norm import DNISNM, NEURON_NORM
from spikewright.flow.convert.methods.one_hot import ONE_HOT
from spikewright.flow.convert.methods.pattern import PATTERN
from spikewright.flow.convert.methods.qcfs import QCFS
from spikewright.flow.convert.methods.rate import RATE, RATE_MAX
from spikewright.flow.convert.methods.st_bif import ST_BIF
from spikewright.flow.convert.methods.step_relu import STEP_RELU, STEP_RELU_LEAKY
from spikewright.flow.convert.methods.ttfs import TTFS
from spikewright.golden.errors import ConfigurationError

__all__ = ["METHODS", "method_named"]

_ROWS = (
    RATE_MAX,
    RATE,
    NEURON_NORM,
    DNISNM,
    MICE,
    QCFS,
    FAST_SNN,
    DSR,
    DSR_LIF,
    BURSTS,
    HYBRID,
    ST_PRUNING,
    STEP_RELU,
    STEP_RELU_LEAKY,
    ST_BIF,
    TTFS,
    PATTERN,
    CORRECTIVE,
    ONE_HOT,
)

METHODS: Mapping[str, Method] = MappingProxyType({method.name: method for method in _ROWS})


def method_named(name: str) -> Method:
    """The method of that name; raises ConfigurationError."""
    if name not in METHODS:
        raise ConfigurationError(
            f"must be one of {', '.join(METHODS)}", found=repr(name), where="method"
        )
    return METHODS[name]
