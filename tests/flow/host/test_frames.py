"""Frames: any goes round, and damage never makes another one."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikewright.flow.host.frames import LONGEST_PAYLOAD, Decoder, Frame, encode
from spikewright.golden.link import LINK_VERSION, FrameType

bytes_of = st.integers(0, 255)
# Flags and escapes are what goes wrong: half of all bytes are.
payloads = st.lists(bytes_of | st.sampled_from([0x7E, 0x7D, 0x5E, 0x5D]), max_size=40).map(bytes)
frames = st.builds(
    Frame,
    type=bytes_of,
    seq=bytes_of,
    ack=bytes_of,
    tag=st.lists(bytes_of | st.sampled_from([0x7E, 0x7D]), min_size=4, max_size=4).map(bytes),
    payload=payloads,
    version=st.just(LINK_VERSION) | bytes_of,
)


def test_bytes_as_the_page_says():
    frame = Frame(FrameType.ECHO, 3, 9, b"\x01\x7e\x7d\x04", b"\x7e")
    body = bytes([1, 21, 3, 9, 1, 0x7E, 0x7D, 4, 1, 0, 0x7E])
    body += zlib.crc32(body).to_bytes(4, "little")
    escaped = b"".join(
        bytes([0x7D, byte ^ 0x20]) if byte in (0x7E, 0x7D) else bytes([byte]) for byte in body
    )
    assert encode(frame) == b"\x7e" + escaped + b"\x7e"


@given(st.lists(frames, max_size=4), st.lists(st.integers(1, 30), max_size=8))
def test_any_frames_go_round_in_any_pieces(sent, sizes):
    data = b"".join(map(encode, sent))
    decoder, found = Decoder(), []
    for size in sizes:
        found += decoder.feed(data[:size])
        data = data[size:]
    assert found + decoder.feed(data) == sent
    assert decoder.bad == 0


@given(frames, st.data())
def test_damage_never_makes_another_frame(frame, data):
    raw = bytearray(encode(frame))
    at = data.draw(st.integers(0, len(raw) - 1))
    kind = data.draw(st.sampled_from(["flip", "drop", "repeat", "insert", "burst"]))
    if kind == "flip":
        raw[at] ^= 1 << data.draw(st.integers(0, 7))
    elif kind == "drop":
        del raw[at]
    elif kind == "repeat":
        raw.insert(at, raw[at])
    elif kind == "insert":
        raw.insert(at, data.draw(bytes_of))
    else:
        raw[at : at + 4] = data.draw(st.lists(bytes_of, min_size=4, max_size=4))
    decoder = Decoder()
    # Whatever happens to it, the next frame is whole.
    after = Frame(FrameType.ACK, ack=7)
    found = decoder.feed(bytes(raw)) + decoder.feed(encode(after))
    assert found in ([frame, after], [after])
    assert (len(found) == 2) or decoder.bad


@given(st.lists(bytes_of | st.sampled_from([0x7E, 0x7D]), max_size=300).map(bytes))
def test_noise_holds_no_frame(noise):
    assert Decoder().feed(noise) == []


def test_a_flag_behind_an_escape_ends_a_bad_frame():
    decoder = Decoder()
    whole = encode(Frame(FrameType.ACK))
    assert decoder.feed(whole[:-1] + b"\x7d\x7e") == []
    assert decoder.bad == 1
    assert decoder.feed(b"\x7e\x7e\x7e") == [] and decoder.bad == 1  # nothing is no frame


def test_the_longest_payload_and_bytes_without_end():
    frame = Frame(FrameType.ECHO, payload=b"\x7e" * LONGEST_PAYLOAD)
    decoder = Decoder()
    assert decoder.feed(encode(frame)) == [frame]
    for _ in range(40):
        assert decoder.feed(bytes(5000)) == []
    # What is left of it ends with the flag, and the next frame is whole.
    assert decoder.feed(encode(frame)) == [frame]
    assert decoder.bad == 1


@pytest.mark.parametrize("bit", range(8 * 18))
def test_every_bit_counts(bit):
    frame = Frame(FrameType.ECHO, 1, 2, b"abcd", b"wxyz")
    raw = bytearray(encode(frame))
    assert len(raw) == 20
    raw[1 + bit // 8] ^= 1 << bit % 8
    assert Decoder().feed(bytes(raw)) == []
