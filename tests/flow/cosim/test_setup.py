from dataclasses import replace

import numpy as np
import pytest

from spikewright.flow.cosim.golden import golden_streams
from spikewright.flow.cosim.manifest import read_manifest
from spikewright.flow.cosim.schedule import core_work
from spikewright.flow.cosim.setup import Setup, build_vectors, load_vectors, save_vectors
from spikewright.flow.generate import generate
from spikewright.flow.plan import default_plan
from spikewright.golden.errors import MismatchError
from spikewright.golden.model import Model
from spikewright.golden.spec import Mode
from support.chains import bounded_chain, inputs_for
from support.standin import make_vectors

NETWORK = bounded_chain((6, 7, 3), seed=2)
PLAN = default_plan(NETWORK, Mode.STEPWISE, lanes=3)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("generated")
    generate(NETWORK, PLAN, folder)
    return read_manifest(folder)


def work(manifest):
    return core_work(NETWORK, manifest, PLAN)


def test_cores_of_plan_and_manifest_must_agree(manifest):
    other = replace(PLAN, cores=PLAN.cores[::-1])
    with pytest.raises(MismatchError, match="plan and manifest must have the same cores"):
        core_work(NETWORK, manifest, other)


def test_counters_follow_from_the_events(manifest):
    values = inputs_for(NETWORK, 9)
    streams = golden_streams(NETWORK, Mode.STEPWISE, values, 4)
    vectors = build_vectors(NETWORK, manifest, streams, work(manifest))
    assert vectors.exact.all()
    events = Model(NETWORK).run(values, mode="stepwise", steps=4).events
    into, out = events["x"].numpy(), events["h0"].numpy()
    assert vectors.counters[0].tolist() == [
        (into * 3).tolist(),
        (into * 7).tolist(),
        into.tolist(),
        out.tolist(),
    ]
    assert vectors.counters[1].tolist() == [
        out.tolist(),
        (out * 3).tolist(),
        out.tolist(),
        [3] * 9,
    ]


def test_token_that_the_hardware_cannot_carry(manifest):
    streams = golden_streams(NETWORK, Mode.STEPWISE, inputs_for(NETWORK, 3), 4)
    wide = replace(streams["h0"], payload=streams["h0"].payload * 100)
    with pytest.raises(MismatchError, match="^population 'h0': the hardware's stream must carry"):
        build_vectors(NETWORK, manifest, {**streams, "h0": wide}, work(manifest))


def test_every_population_is_watched(manifest):
    blind = replace(manifest, probes=manifest.probes[1:])
    streams = golden_streams(NETWORK, Mode.STEPWISE, inputs_for(NETWORK, 3), 4)
    with pytest.raises(MismatchError, match="^population 'h0': every population must be watched"):
        build_vectors(NETWORK, blind, streams, work(manifest))


def test_pieces_of_a_batch_make_the_whole(monkeypatch):
    values = inputs_for(NETWORK, 9)
    whole = golden_streams(NETWORK, Mode.SETTLE, values, None)
    monkeypatch.setattr("spikewright.flow.cosim.golden._CHUNK", 2)
    told = []
    pieces = golden_streams(NETWORK, Mode.SETTLE, values, None, told.append)
    assert told == [2, 4, 6, 8, 9]
    for name, stream in whole.items():
        assert np.array_equal(stream.payload, pieces[name].payload)
        assert np.array_equal(stream.starts, pieces[name].starts)


def test_files_round_trip(tmp_path):
    vectors = make_vectors(3, 2)
    save_vectors(tmp_path / "vectors.npz", vectors)
    back = load_vectors(tmp_path / "vectors.npz", inputs=1, streams=2)
    assert np.array_equal(back.input_words[0], vectors.input_words[0])
    assert np.array_equal(back.words[1], vectors.words[1])
    assert np.array_equal(back.counters, vectors.counters)
    assert back.samples == 3
    setup = Setup(
        generated="a",
        simulator="icarus",
        folder=str(tmp_path),
        batch=2,
        samples=3,
        watchdog=9,
        input_patterns=["1", "10"],
        output_pattern="01",
        cuts=[2],
    )
    assert Setup.load(setup.save()) == setup
