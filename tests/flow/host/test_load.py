"""Networks that are loaded into a device: all of one, or what differs, or a refusal."""

import numpy as np
import pytest

from spikewright.flow.host import Device
from spikewright.flow.plan import default_plan
from spikewright.golden.errors import (
    ConfigurationError,
    FileError,
    LinkError,
    UnsupportedError,
)
from spikewright.golden.link import LoadResult
from spikewright.golden.spec import Mode
from support.line import Hostility, Line
from support.linked import golden_device, make_project


def model(pair, name, *, of="a", **settings):
    """The device of a's bitstream, that answers as a network does; it has that of another one."""
    each = getattr(pair, name)
    found, expected = golden_device(
        each.folder, each.network, each.manifest, {"x": pair.x}, **settings
    )
    if of is None:
        found.network, found.ready = bytes(32), False
        return found, expected
    Device(Line(found)).load(getattr(pair, of).folder)
    return found, expected


def size_of(each):
    return each.manifest.load.image.stat().st_size


HOSTILE = Hostility(flip=5e-4, drop=2e-4, reset=0.03, pieces=40)


def test_another_network(pair):
    """From then on the device is one of that project, over any line."""
    resets = damages = 0
    for seed in range(8):
        found, expected = model(pair, "b", of=None)
        line = Line(found, HOSTILE, seed)
        with Device(line) as device:
            sent = device.load(pair.b.folder)
            assert device.target.network.content_hash == pair.b.network.content_hash
            assert device.identity.ready and sent.seconds > 0
            assert sent.bytes == sent.whole == size_of(pair.b)
            for result, words in zip(device.infer(pair.x), expected, strict=True):
                assert np.array_equal(result.tokens, words)
        resets, damages = resets + line.resets, damages + line.damages
    assert resets and damages
    Device(Line(found), pair.b.folder)
    with pytest.raises(LinkError, match="the device must have network 'chain-1'"):
        Device(Line(found), pair.a.folder)


def test_only_what_differs(pair):
    """Thresholds and biases of a layer: the memories then are as if all had been sent."""
    whole, _ = model(pair, "c", of="c")
    found, expected = model(pair, "c", of="b")
    with Device(Line(found), pair.b.folder) as device:
        sent = device.load(pair.c.folder, base=pair.b.folder)
        assert sent.bytes < size_of(pair.c) / 2
        for result, words in zip(device.infer(pair.x), expected, strict=True):
            assert np.array_equal(result.tokens, words)
    assert found.rows == whole.rows


def test_a_line_that_breaks_in_the_middle_of_a_patch(pair):
    """What the patch is for is gone by then: all is sent."""
    found, _ = model(pair, "c", of="b")
    line = Line(found)
    with Device(line, pair.b.folder) as device:
        head, resets = found._head, []

        def breaks(data):
            head(data)
            if not resets:
                resets.append(True)
                found.reset()

        found._head = breaks
        sent = device.load(pair.c.folder, base=pair.b.folder)
        assert device.statistics.reconnects == 1
    whole = size_of(pair.c)
    assert whole < sent.bytes < 2 * whole and found.ready


def test_what_is_refused_before_anything_is_sent(pair, chain, tmp_path):
    found, _ = model(pair, "a")
    loads = []
    found._load, load = lambda *given: loads.append(given), found._load
    with Device(Line(found), pair.a.folder) as device:

        def refused(kind, match, folder, **given):
            with pytest.raises(kind, match=match):
                device.load(folder, **given)

        refused(
            LinkError,
            r"^line: the device must have one of the plans of .*: collapsed .*, found another "
            r"bitstream, .*; generate with --like the project of its bitstream, or put the",
            chain.folder,
        )
        refused(FileError, "the folder must be a project, found no network", tmp_path)
        refused(
            LinkError,
            r"^line: the device must have the network that the new one is held against, \w{12}, "
            r"found network \w{12}; load all of it: without a base \(--from\)$",
            pair.c.folder,
            base=pair.b.folder,
        )
        make_project(tmp_path, pair.b.network, pair.plan)
        image = tmp_path / "generated/collapsed/weights.bin"
        right = image.read_bytes()
        image.write_bytes(right[:-1] + bytes([right[-1] ^ 1]))
        refused(FileError, "weights.bin: the image must be the one that the manifest", tmp_path)
        image.unlink()
        refused(
            FileError,
            "collapsed: the image must lie beside its manifest, found no weights.bin; generate",
            tmp_path,
        )
        image.write_bytes(right)
        assert not loads and device.target is not None
        found._load = load
        assert device.load(pair.b.folder).bytes == len(right)
    with chain.opened() as device:
        with pytest.raises(
            UnsupportedError, match="^line: the bitstream must have memories that are loaded"
        ):
            device.load(pair.b.folder)
    plain = chain.device(memories=[(1, 1)])
    with Device(Line(plain)) as device:
        with pytest.raises(
            UnsupportedError, match="must have hardware whose network is loaded, found collapsed, w"
        ):
            device.load(chain.folder)


def test_a_load_that_does_not_begin(pair):
    """Somebody takes results: the device stays that of its project."""
    with Device(Line(model(pair, "a")[0]), pair.a.folder) as device:
        results = device.infer(pair.x)
        next(results)
        with pytest.raises(ConfigurationError, match="must be taken to their end before the next"):
            device.load(pair.b.folder)
        assert len(list(results)) == len(pair.x) - 1 and len(list(device.infer(pair.x[:2]))) == 2


def test_an_image_of_another_network(pair, tmp_path):
    """Somebody converted anew, and kept what was generated."""
    make_project(tmp_path, pair.a.network, pair.plan)
    other = tmp_path / "network.safetensors"
    other.write_bytes((pair.b.folder / "network.safetensors").read_bytes())
    with Device(Line(model(pair, "a")[0])) as device:
        with pytest.raises(FileError, match="weights.bin: the image must be of the project's netw"):
            device.load(tmp_path)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (1, "one that is damaged"),
        (2, "one that leaves rows empty"),
        (3, "one for another design"),
        (4, "a patch for another network"),
    ],
)
def test_what_a_device_refuses(pair, code, text):
    """The device is there still; it has no project."""
    found, _ = model(pair, "a")
    with Device(Line(found), pair.a.folder) as device:
        load = found._load

        def refuse(payload, tag, now):
            answer = load(payload, tag, now)
            found.ready = code > 2
            return answer and (147, bytes([code]))

        found._load = refuse
        with pytest.raises(
            LinkError, match=f"^line: the device must find the image right, found {text}; load it"
        ):
            device.load(pair.b.folder)
        assert device.target is None and device.identity.ready == (code > 2)
    assert code in list(LoadResult)


def test_a_device_that_loses_its_network(pair):
    found, _ = model(pair, "a", command_s=1e-3)
    with Device(Line(found), pair.a.folder) as device:
        results = device.infer(pair.x)
        next(results)
        found.reset()
        found.ready, found.network = False, bytes(32)
        with pytest.raises(
            LinkError, match="found one that has lost its network; load the network again$"
        ):
            list(results)


def test_modes_of_one_project(pair, tmp_path):
    """What fits the device is taken, whatever else is generated."""
    make_project(tmp_path, pair.b.network, default_plan(pair.b.network, Mode.SETTLE))
    make_project(tmp_path, pair.b.network, pair.plan)
    found, _ = model(pair, "a", of=None)
    with Device(Line(found)) as device:
        device.load(tmp_path)
        assert device.target.manifest.mode is Mode.COLLAPSED
