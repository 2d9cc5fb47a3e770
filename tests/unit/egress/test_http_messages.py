"""A reply as data: success, text, JSON and refusals."""

from __future__ import annotations

import pytest

from journeyman.egress.http_messages import HttpReply
from journeyman.errors import ServiceError


def reply(body: bytes = b"", status: int = 200) -> HttpReply:
    return HttpReply(status, {}, body, "https://shop.example/x")


@pytest.mark.parametrize(("status", "ok"), [(199, False), (200, True), (299, True), (300, False), (500, False)])
def test_two_hundreds_are_successes(status: int, ok: bool) -> None:
    assert reply(status=status).ok is ok


def test_the_body_as_text_and_as_json() -> None:
    assert (reply(b"a\xff").text, reply(b'{"a": 1}').json()) == ("a\ufffd", {"a": 1})
    with pytest.raises(ServiceError) as caught:
        reply(b"<html>").json()
    assert caught.value.code == "service_bad_reply"


def test_a_refusal_quotes_the_beginning_of_the_body_on_one_line() -> None:
    assert reply().raise_for_status() == reply()
    with pytest.raises(ServiceError) as caught:
        reply(b"no\n such   order" + b"!" * 1000, 404).raise_for_status()
    assert (caught.value.code, caught.value.status) == ("service_refused", 404)
    assert caught.value.message.startswith("https://shop.example/x answered 404: no such order!")
    assert len(caught.value.message) < 260
