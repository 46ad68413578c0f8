"""A hand-written stand-in for an accelerator: passes its input through a population "relay"."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from spikewright.flow.cosim.layout import AxisField, Layout
from spikewright.flow.cosim.setup import Vectors

__all__ = ["LAYOUT", "VERILOG", "make_vectors", "write_standin"]

_ALONE = AxisField(size=1, banks=1, offset=0, place_bits=0, block_bits=0)
LAYOUT = Layout(
    width=9,
    kind=(0, 2),
    address=(2, 3),
    payload=(5, 4),
    signed=True,
    axes=(AxisField(size=8, banks=1, offset=0, place_bits=0, block_bits=3), _ALONE, _ALONE),
)

VERILOG = """
module accelerator(clk, rst, clear, restart, i__payload, i__valid, i__ready, o__payload, o__valid, o__ready,
    counters__cycles, counters__core0__rows, counters__core0__synops, counters__core0__spikes_in,
    counters__core0__spikes_out, counters__core0__stalls, counters__core0__busy);
  input clk, rst, clear, restart, i__valid, o__ready;
  input [8:0] i__payload;
  output i__ready, o__valid;
  output [8:0] o__payload;
  output reg [31:0] counters__cycles = 0;
  output [31:0] counters__core0__rows, counters__core0__synops, counters__core0__spikes_in;
  output [31:0] counters__core0__spikes_out, counters__core0__stalls, counters__core0__busy;
  reg [8:0] first = 0, second = 0;
  reg first_full = 0, second_full = 0;
  reg [31:0] spikes = 0;
  wire probe_0_valid = first_full;
  wire probe_0_ready = !second_full || o__ready;
  wire [8:0] probe_0_payload = first;
  assign i__ready = !first_full || probe_0_ready;
  assign o__valid = second_full;
  assign o__payload = second;
  assign counters__core0__rows = spikes;
  assign counters__core0__synops = spikes * 8;
  assign counters__core0__spikes_in = spikes;
  assign counters__core0__spikes_out = spikes;
  reg [31:0] stalls = 0;
  assign counters__core0__stalls = stalls;
  assign counters__core0__busy = counters__cycles;
  always @(posedge clk) begin
    counters__cycles <= counters__cycles + 1;
    if (probe_0_valid && !probe_0_ready) stalls <= stalls + 1;
    if (!first_full || probe_0_ready) begin
      first_full <= i__valid && i__ready;
      if (i__valid && i__ready) begin
        first <= i__payload;
        if (i__payload[1:0] == 0) spikes <= spikes + 1;
      end
    end
    if (probe_0_ready) begin
      second_full <= first_full;
      if (first_full) second <= first;
    end
    if (rst) begin first_full <= 0; second_full <= 0; spikes <= 0; end
  end
endmodule
"""

_COUNTERS = ("rows", "synops", "spikes_in", "spikes_out", "stalls", "busy")


def write_standin(folder: Path, verilog: str = VERILOG) -> Path:
    """Write its Verilog and manifest into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "accelerator.v").write_text(verilog)
    layout = asdict(LAYOUT)
    core = {
        "name": "relay",
        "rows_per_cycle": 1,
        "hosts": [{"population": "relay", "channels": None}],
    }
    core |= {name: f"counters__core0__{name}" for name in _COUNTERS}
    manifest = {
        "schema": 7,
        "load": None,
        "top": "accelerator",
        "verilog": "accelerator.v",
        "mode": "stepwise",
        "network": {"name": "relay", "hash": "0"},
        "streams": {
            "inputs": [
                {
                    "name": "x",
                    "port": "i",
                    "layout": layout,
                    "frames": False,
                    "first_step_only": False,
                }
            ],
            "output": {"port": "o", "layout": layout},
        },
        "probes": [
            {
                "population": "relay",
                "valid": "probe_0_valid",
                "ready": "probe_0_ready",
                "payload": "probe_0_payload",
                "layout": layout,
            }
        ],
        "counters": {"cycles": "counters__cycles", "cores": [core], "guards": []},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def make_vectors(samples: int, steps: int, seed: int = 1) -> Vectors:
    """Random tokens that pass unchanged."""
    rng = np.random.default_rng(seed)
    kind, address, payload, starts, counts = [], [], [], [0], []
    for _ in range(samples):
        spikes = 0
        for _ in range(steps):
            neurons = np.flatnonzero(rng.random(8) < 0.5)
            spikes += neurons.size
            kind += [0] * neurons.size + [1]
            address += [*neurons.tolist(), 0]
            payload += [*rng.integers(-8, 8, neurons.size).tolist(), 0]
        kind.append(2)
        address.append(0)
        payload.append(0)
        starts.append(len(kind))
        counts.append(spikes)
    words = LAYOUT.pack(*(np.array(field, dtype=np.int64) for field in (kind, address, payload)))
    spikes_in = np.array(counts, dtype=np.int64)
    counters = np.array([[spikes_in, spikes_in * 8, spikes_in, spikes_in]])
    at = np.array(starts, dtype=np.int64)
    return Vectors(
        input_words=(words,),
        input_starts=(at,),
        words=(words, words),
        starts=(at, at),
        counters=counters,
        exact=np.array([True]),
    )
