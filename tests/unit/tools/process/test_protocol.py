"""Frames between the server and its child processes."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import msgspec
import pytest

from journeyman.egress.http_messages import HttpReply
from journeyman.errors import StateError
from journeyman.tools.process.import_target import ImportTarget
from journeyman.tools.process.protocol import (
    HEADER,
    NO_EXCHANGE,
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

NONCE = b"n" * 16
TARGET = ImportTarget(attribute="look", file="/srv/tools/a.py", root="/srv/tools")


def test_a_frame_has_its_length_before_it() -> None:
    data = pack(Done(result="seen"))
    length, nonce = HEADER.unpack(data[: HEADER.size])
    assert (length, nonce) == (len(data) - HEADER.size, NO_EXCHANGE)
    assert HEADER.unpack(pack(Done(), NONCE)[: HEADER.size])[1] == NONCE
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


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, ChildChannel]]:
    server, child = socket.socketpair()
    with server, child:
        yield server, ChildChannel(child)


def test_frames_of_an_exchange_carry_its_nonce_and_none_is_sent_after_its_end(
    ends: tuple[socket.socket, ChildChannel],
) -> None:
    server, channel = ends
    server.sendall(pack(Load(target=TARGET), NONCE))
    assert channel.next_exchange() == Load(target=TARGET)
    channel.send(Patch(scope="thread", patch={}))
    channel.end_exchange(Done(result="seen"))
    sent = server.recv(1 << 16)
    assert sent == pack(Patch(scope="thread", patch={}), NONCE) + pack(Done(result="seen"), NONCE)
    assert not channel.in_exchange
    for send in (channel.send, channel.end_exchange):
        with pytest.raises(StateError, match="the call is over"):
            send(Done(result="again"))


def test_a_frame_of_another_exchange_is_not_taken(ends: tuple[socket.socket, ChildChannel]) -> None:
    server, channel = ends
    server.sendall(pack(Load(target=TARGET), NONCE) + pack(Fetched(), b"o" * 16))
    channel.next_exchange()
    assert channel.receive() is None


def test_a_forked_process_cannot_use_the_channel(ends: tuple[socket.socket, ChildChannel]) -> None:
    server, channel = ends
    pid = os.fork()
    if pid == 0:
        try:
            channel.send(Ready())
        except StateError:
            os._exit(7)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    assert channel.in_exchange
    server.setblocking(False)
    with pytest.raises(BlockingIOError):
        server.recv(1)
