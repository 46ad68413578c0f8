"""Small wrongs in the generated Verilog: co-simulation must catch each."""

import hashlib
import json
import re

import pytest

from spikewright.flow.cosim import cosimulate
from spikewright.flow.generate import generate
from spikewright.flow.plan import default_plan
from spikewright.golden.errors import MismatchError
from spikewright.golden.spec import Encoding, Mode
from support.chains import bounded_chain, inputs_for
from support.mutate import mutants

# A spread input makes membranes fall again, so that negative spikes happen.
NETWORK = bounded_chain((12, 9, 5), seed=1, encoding=Encoding.SPREAD, high=7)
MODE = Mode.SETTLE
INPUTS = inputs_for(NETWORK, 40)
# Comparison, sums and bounds of a neuron; row addresses; the argmax; what is counted.
MODULES = {
    "soma": r"core_0\.sweep(?:\$\d+)?\.soma_1",
    "fetch": r"core_0\.fetch",
    "argmax": "argmax",
    "counters": "counters_1",
}
# v < 0 is v <= -threshold_negative where that is 1.
EQUIVALENT = re.compile(r"assign \S+ +(= v\[\d+\] & )")


def simulate(folder):
    # Both kinds of flow control: a wrong handshake only shows while something waits.
    for stalls in ("0", "0110100"):
        cosimulate(
            NETWORK, folder, INPUTS, simulator="icarus", stall_output=stalls, watchdog_cycles=2000
        )


def test_the_unchanged_hardware_passes(tmp_path):
    generate(NETWORK, default_plan(NETWORK, MODE, lanes=4), tmp_path)
    simulate(tmp_path)


@pytest.mark.parametrize("part", MODULES)
def test_mutants_are_caught(tmp_path, part):
    generated = generate(NETWORK, default_plan(NETWORK, MODE, lanes=4), tmp_path)
    candidates = mutants(generated.verilog.read_text(), MODULES[part])
    candidates = [mutant for mutant in candidates if not EQUIVALENT.search(mutant.before)]
    assert len(candidates) >= 5
    survivors = []
    for mutant in candidates:
        generated.verilog.write_text(mutant.verilog)
        manifest = generated.manifest | {
            "verilog_hash": hashlib.sha256(mutant.verilog.encode()).hexdigest()
        }
        (tmp_path / "manifest.json").write_text(json.dumps(manifest))
        try:
            simulate(tmp_path)
        except MismatchError:
            continue
        survivors.append(str(mutant))
    assert survivors == []
