"""Frames between the server and its child processes."""

from __future__ import annotations

import socket

import msgspec
import pytest

from journeyman.egress.http_messages import HttpReply
from journeyman.tools.process.import_target import ImportTarget
from journeyman.tools.process.protocol import (
    HEADER,
    ChildChannel,
    Done,
    Fetched,
    Load,
    Patch,
    Ready,
    decode_from_child,
    decode_from_server,
    pack,
)

TARGET = ImportTarget(attribute="look", file="/srv/tools/a.py", root="/srv/tools")


def test_a_frame_has_its_length_before_it() -> None:
    data = pack(Done(result="seen"))
    (length,) = HEADER.unpack(data[: HEADER.size])
    assert length == len(data) - HEADER.size
    assert decode_from_child(data[HEADER.size :]) == Done(result="seen")


@pytest.mark.parametrize(
    "frame",
    [
        Load(target=TARGET, files={"a.py": b"x\xff"}),
        Fetched(reply=HttpReply(200, {"a": "b"}, b"\x00\xff", "https://x.example/")),
    ],
)
def test_bytes_pass_as_they_are(frame: Load | Fetched) -> None:
    assert decode_from_server(pack(frame)[HEADER.size :]) == frame


def test_each_side_takes_only_what_the_other_may_say() -> None:
    with pytest.raises(msgspec.ValidationError):
        decode_from_server(pack(Ready())[HEADER.size :])
    with pytest.raises(msgspec.ValidationError):
        decode_from_child(pack(Load(target=TARGET))[HEADER.size :])


def test_a_child_sends_and_receives_whole_frames() -> None:
    server, child = socket.socketpair()
    with server, child:
        channel = ChildChannel(child)
        channel.send(Patch(scope="thread", patch={"a": 1}))
        data = server.recv(1 << 16)
        assert decode_from_child(data[HEADER.size :]) == Patch(scope="thread", patch={"a": 1})
        packed = pack(Load(target=TARGET))
        server.sendall(packed[:7])
        server.sendall(packed[7:])
        assert channel.receive() == Load(target=TARGET)
