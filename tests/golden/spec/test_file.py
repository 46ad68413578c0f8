"""A network survives its file, and nothing that happened to the file goes unnoticed."""

import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from spikewright.golden.errors import FileError, RangeError
from spikewright.golden.spec import Mode, Network, analyse, load, save
from spikewright.golden.spec.file import SCHEMA

Make = Callable[..., Network]
Tensors = dict[str, np.ndarray]
AGAIN = "convert the network again, or fetch the file again"


def exact(text: str) -> str:
    return f"^{re.escape(text)}$"


def unpack(path: Path) -> tuple[dict[str, Any], Tensors]:
    with safetensors.safe_open(path, framework="numpy") as file:
        header = json.loads(file.metadata()["spikewright"])
        return header, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def signed(header: dict[str, Any]) -> dict[str, Any]:
    """The header with a check sum that is right, as a faulty writer would leave it."""
    rest = {key: value for key, value in header.items() if key != "check"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return {**rest, "check": hashlib.sha256(text.encode()).hexdigest()}


def pack(path: Path, header: Any, tensors: Tensors) -> None:
    metadata = {"spikewright": header if isinstance(header, str) else json.dumps(header)}
    path.write_bytes(safetensors.numpy.save(tensors, metadata=metadata))


@pytest.fixture
def path(tmp_path: Path, make_plain: Make) -> Path:
    """A good file of the plain network."""
    path = tmp_path / "network.safetensors"
    save(make_plain(), path)
    return path


@given(seed=st.integers(0, 1 << 30))
@settings(max_examples=100, deadline=None)
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory, make_random: Callable[[int], Network], seed: int
) -> None:
    network = make_random(seed)
    path = tmp_path_factory.mktemp("files") / "network.safetensors"
    save(network, path)
    again = load(path)
    assert again.content_hash == network.content_hash
    assert again.provenance == network.provenance
    for mode in network.modes:
        assert analyse(again, mode) == analyse(network, mode)
    second = path.with_name("second.safetensors")
    save(again, second)
    assert second.read_bytes() == path.read_bytes()


def test_saved_file_holds_what_was_promised(path: Path, make_plain: Make) -> None:
    header, tensors = unpack(path)
    assert header["schema"] == SCHEMA
    assert header["hash"] == make_plain().content_hash
    assert set(header["widths"]) == {"stepwise", "settle", "collapsed"}
    assert header["widths"]["collapsed"]["hidden"]["v"] == [-23, 33]
    assert {str(tensor.dtype) for tensor in tensors.values()} == {"int8"}
    assert [item.name for item in path.parent.iterdir()] == ["network.safetensors"]


def test_weights_take_the_smallest_type(path: Path, make_plain: Make) -> None:
    network = make_plain()
    operator = network.connections[0].operator
    for value, name in [(127, "int8"), (128, "int16"), (-128, "int8"), (-129, "int16")]:
        weights = operator.weights.copy()
        weights[0, 0] = value
        changed = type(operator)(weights=weights, weight_bits=9)
        connection = type(network.connections[0])(source="x", target="hidden", operator=changed)
        save(make_plain(connections=(connection, network.connections[1])), path)
        _, tensors = unpack(path)
        assert str(tensors["connections.0.operator.weights"].dtype) == name
        assert load(path).connections[0].operator.weights[0, 0] == value


def test_loaded_network_is_read_only(path: Path) -> None:
    with pytest.raises(ValueError, match="read-only"):
        load(path).connections[0].operator.weights[0, 0] = 1


def test_saving_replaces_the_file(path: Path, make_plain: Make) -> None:
    other = make_plain(name="other", modes=(Mode.STEPWISE,))
    save(other, str(path))
    assert load(str(path)).content_hash == other.content_hash


# --- the file system ---


def test_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "none.safetensors"
    text = f"{path}: the network file must be readable, found No such file or directory"
    with pytest.raises(FileError, match=exact(text)):
        load(path)


def test_folder_in_place_of_a_file(tmp_path: Path) -> None:
    text = f"{tmp_path}: the network file must be readable, found Is a directory"
    with pytest.raises(FileError, match=exact(text)):
        load(tmp_path)


@pytest.mark.parametrize(("folder", "reason"), [("none", "No such file or directory")])
def test_missing_folder(tmp_path: Path, make_plain: Make, folder: str, reason: str) -> None:
    path = tmp_path / folder / "network.safetensors"
    text = (
        f"{path}: the network file must be writable, found {reason}; choose another folder or "
        "correct its permissions"
    )
    with pytest.raises(FileError, match=exact(text)):
        save(make_plain(), path)


def test_file_in_place_of_a_folder(path: Path, make_plain: Make) -> None:
    inside = path / "network.safetensors"
    text = (
        f"{inside}: the network file must be writable, found Not a directory; choose another "
        "folder or correct its permissions"
    )
    with pytest.raises(FileError, match=exact(text)):
        save(make_plain(), inside)


def test_folder_without_permission(tmp_path: Path, make_plain: Make) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    tmp_path.chmod(0o500)
    with pytest.raises(FileError, match=r"must be writable, found Permission denied; choose"):
        save(make_plain(), tmp_path / "network.safetensors")
    tmp_path.chmod(0o700)
    assert list(tmp_path.iterdir()) == []


def test_failed_write_keeps_the_old_file(
    path: Path, make_plain: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    text = (
        f"{path}: the network file must be writable, found No space left on device; choose another "
        "folder or correct its permissions"
    )
    with pytest.raises(FileError, match=exact(text)):
        save(make_plain(name="other"), path)
    assert path.read_bytes() == before
    assert [item.name for item in path.parent.iterdir()] == ["network.safetensors"]


def test_other_suffix(tmp_path: Path, make_plain: Make) -> None:
    path = tmp_path / "network.npz"
    text = f"{path}: a network file's name must end in .safetensors, found 'network.npz'"
    with pytest.raises(FileError, match=exact(text)):
        save(make_plain(), path)


# --- damage ---


def test_truncation_anywhere_is_noticed(path: Path) -> None:
    data = path.read_bytes()
    for size in {0, 1, 7, 8, 9, len(data) // 2, *range(len(data) - 40, len(data))}:
        path.write_bytes(data[:size])
        with pytest.raises(
            FileError, match=rf"^{re.escape(str(path))}: the network file must be whole safetensors"
        ):
            load(path)


def test_appended_bytes_are_noticed(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(FileError, match="the network file must be whole safetensors, found"):
        load(path)


def test_flipped_bits_are_noticed(path: Path) -> None:
    good = path.read_bytes()
    load(path)
    tensors_start = 8 + int.from_bytes(good[:8], "little")
    # every byte of the tensors and of the outer header, a sample of the long inner one
    places = {*range(200), *range(200, tensors_start, 7), *range(tensors_start - 64, len(good))}
    for place in sorted(places):
        bad = bytearray(good)
        bad[place] ^= 1 << (place % 8)
        path.write_bytes(bad)
        with pytest.raises((FileError, RangeError)):
            load(path)


def test_not_a_network_file(path: Path) -> None:
    path.write_bytes(safetensors.numpy.save({"a": np.zeros(3)}))
    text = (
        f"{path}: the file must have the one metadata entry 'spikewright', found none; give a "
        "network file made by spikewright"
    )
    with pytest.raises(FileError, match=exact(text)):
        load(path)


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("[", "the file's header must be JSON, found Expecting value: line 1 column 2 (char 1)"),
        ("[]", "the file's header must be an object, found list"),
    ],
)
def test_header_that_is_no_object(path: Path, header: str, text: str) -> None:
    pack(path, header, unpack(path)[1])
    with pytest.raises(FileError, match=exact(f"{path}: {text}; {AGAIN}")):
        load(path)


@pytest.mark.parametrize("schema", [SCHEMA - 1, SCHEMA + 1, str(SCHEMA), True, None])
def test_other_schema(path: Path, schema: Any) -> None:
    header, tensors = unpack(path)
    pack(path, {**header, "schema": schema}, tensors)
    text = (
        f"{path}: the file's schema must be {SCHEMA}, found {schema!r}; convert the network again "
        "with this version of spikewright"
    )
    with pytest.raises(FileError, match=exact(text)):
        load(path)


def test_keys_of_the_header(path: Path) -> None:
    header, tensors = unpack(path)
    pack(path, signed({**header, "extra": 1}), tensors)
    text = f"{path}: the header must have known keys, found 'extra'; {AGAIN}"
    with pytest.raises(FileError, match=exact(text)):
        load(path)
    del header["widths"]
    pack(path, signed(header), tensors)
    text = f"{path}: the header must have the key 'widths', found none; {AGAIN}"
    with pytest.raises(FileError, match=exact(text)):
        load(path)


def test_header_that_was_edited(path: Path) -> None:
    header, tensors = unpack(path)
    right = signed({**header, "hash": "0"})["check"]
    pack(path, {**header, "hash": "0"}, tensors)
    text = f"{path}: the header's check sum must be {right}, found {header['check']!r}; {AGAIN}"
    with pytest.raises(FileError, match=exact(text)):
        load(path)


def test_wrong_hash(path: Path, make_plain: Make) -> None:
    header, tensors = unpack(path)
    pack(path, signed({**header, "hash": "0"}), tensors)
    text = f"{path}: the content hash must be {make_plain().content_hash}, found '0'; {AGAIN}"
    with pytest.raises(FileError, match=exact(text)):
        load(path)


def test_weight_that_was_changed(path: Path) -> None:
    header, tensors = unpack(path)
    tensors["connections.0.operator.weights"][0, 0] -= 1
    pack(path, header, tensors)
    with pytest.raises(
        FileError, match=rf"^{re.escape(str(path))}: the content hash must be \w+, found '\w+'; "
    ):
        load(path)


def test_weight_outside_its_width(path: Path) -> None:
    header, tensors = unpack(path)
    tensors["connections.0.operator.weights"][2, 1] = 8
    pack(path, header, tensors)
    text = (
        f"{path}: connection 'x' -> 'hidden': weights of 4 bits must be from -8 to 7, found 8 at "
        "index [2, 1]"
    )
    with pytest.raises(RangeError, match=exact(text)):
        load(path)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            lambda network: network.update(colour="red"),
            "network must have known keys only, found 'colour'",
        ),
        (
            lambda network: network.pop("readout"),
            "network must have the key 'readout', found none",
        ),
        (
            lambda network: network["inputs"][0].pop("low"),
            "inputs.0 must have the key 'low', found none",
        ),
        (
            lambda network: network["populations"][0]["soma"].update(colour=1),
            "populations.0.soma must have known keys only, found 'colour'",
        ),
        (
            lambda network: network.update(inputs=3),
            "inputs must be a list, found int",
        ),
        (
            lambda network: network.update(readout=[]),
            "readout must be an object, found list",
        ),
        (
            lambda network: network["connections"][0]["operator"].update(operator="sparse"),
            "connections.0.operator must be one of dense, window, identity, product, delta, found "
            "'sparse'",
        ),
        (
            lambda network: network["connections"][0].update(operator=None),
            "connections.0.operator must be one of dense, window, identity, product, delta, found "
            "None",
        ),
        (
            lambda network: network["connections"][0]["operator"].update(
                weights="connections.1.operator.weights"
            ),
            "connections.0.operator.weights must name its own tensor, found "
            "'connections.1.operator.weights'",
        ),
        (
            lambda network: network["connections"][0].update(delay=2),
            "the file must hold a legal network, found connection 'x' -> 'hidden': delay must be "
            f"an integer from 0 to 1, found 2; {AGAIN}",
        ),
        (
            lambda network: network.update(modes=["fast"]),
            "the file must hold a legal network, found network: each mode must be one of stepwise, "
            f"settle, collapsed, found 'fast'; {AGAIN}",
        ),
        (
            lambda network: network.update(max_steps="8"),
            "the file must hold a legal network, found network: max_steps must be an integer, "
            f"found '8'; {AGAIN}",
        ),
        (
            lambda network: network["populations"][0].update(payload={}),
            "the file must hold a legal network, found population 'hidden': payload must be one of "
            f"unit, sign, shift, graded, found {{}}; {AGAIN}",
        ),
    ],
)
def test_structure_that_is_wrong(path: Path, change: Callable[[Any], None], text: str) -> None:
    header, tensors = unpack(path)
    change(header["network"])
    pack(path, signed(header), tensors)
    with pytest.raises(FileError, match=exact(f"{path}: {text}")):
        load(path)


def test_network_that_is_not_supported(path: Path) -> None:
    header, tensors = unpack(path)
    header["network"]["populations"][0]["soma"]["reset_delay"] = True
    pack(path, signed(header), tensors)
    with pytest.raises(
        FileError, match=r"must hold a legal network, found .* population 'hidden' delays its reset"
    ):
        load(path)


def _wide(tensors: Tensors) -> None:
    name = "connections.0.operator.weights"
    tensors[name] = tensors[name].astype(np.int16)


def _real(tensors: Tensors) -> None:
    name = "connections.0.operator.weights"
    tensors[name] = tensors[name].astype(np.float32)


def _empty(tensors: Tensors) -> None:
    tensors["connections.0.operator.weights"] = np.zeros((0, 2), np.int8)


NAMED = "tensor 'connections.0.operator.weights': a tensor must"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (_real, f"{NAMED} hold signed integers, found float32; {AGAIN}"),
        (_empty, f"{NAMED} not be empty, found shape [0, 2]; {AGAIN}"),
        (
            _wide,
            f"{NAMED} be stored in the smallest type that holds it, int8, found int16; {AGAIN}",
        ),
        (
            lambda tensors: tensors.pop("connections.1.operator.weights"),
            "the tensor 'connections.1.operator.weights' must be there, found none",
        ),
        (
            lambda tensors: tensors.update(more=np.ones(1, np.int8)),
            "tensors must belong to the network, found 'more'",
        ),
    ],
)
def test_tensors_that_are_wrong(path: Path, change: Callable[[Tensors], None], text: str) -> None:
    header, tensors = unpack(path)
    change(tensors)
    pack(path, header, tensors)
    with pytest.raises(FileError, match=exact(f"{path}: {text}")):
        load(path)


def test_widths_that_are_not_proven(path: Path) -> None:
    header, tensors = unpack(path)
    header["widths"]["settle"]["hidden"]["v"] = [-1, 1]
    pack(path, signed(header), tensors)
    text = (
        f"{path}: settle, hidden, v: the widths must be those proven from the weights, [-43, 33], "
        f"found [-1, 1]; {AGAIN}"
    )
    with pytest.raises(FileError, match=exact(text)):
        load(path)
    header["widths"] = None
    pack(path, signed(header), tensors)
    with pytest.raises(FileError, match=r": the widths must be those proven .* found None; "):
        load(path)


def test_provenance_must_be_an_object(path: Path) -> None:
    header, tensors = unpack(path)
    pack(path, signed({**header, "provenance": []}), tensors)
    with pytest.raises(
        FileError, match=exact(f"{path}: provenance must be an object, found list; {AGAIN}")
    ):
        load(path)


def test_pools_within_pools(tmp_path: Path, make_random: Callable[[int], Network]) -> None:
    """A file that would take any number of calls to read."""
    path = tmp_path / "network.safetensors"
    pooled = (
        network
        for network in map(make_random, range(1000))
        if getattr(network.connections[0].operator, "pool", None) is not None
    )
    save(next(pooled), path)
    header, tensors = unpack(path)
    operator = header["network"]["connections"][0]["operator"]
    pool = operator["pool"]
    for _ in range(400):
        pool = {**pool, "pool": pool}
    operator["pool"] = pool
    pack(path, signed(header), tensors)
    text = f"{path}: the structure must be shallow, found too many levels"
    with pytest.raises(FileError, match=exact(text)):
        load(path)
