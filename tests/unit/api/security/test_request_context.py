"""What is known of a request before its body is read."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.api.security.request_context import (
    RequestContext,
    begin_context,
    context_of,
    request_headers,
)
from journeyman.auth.principal import Caller
from journeyman.events.trace import TraceContext

CALLER = Caller(principal="key:shop", scopes=frozenset({"run"}))


def test_the_last_of_two_headers_counts() -> None:
    assert request_headers([(b"accept", b"a"), (b"x", b"1"), (b"accept", b"b")]) == {b"accept": b"b", b"x": b"1"}


@pytest.mark.parametrize("name", [b"authorization", b"x-on-behalf-of", b"sec-websocket-protocol"])
def test_a_credential_that_stands_twice_is_none(name: bytes) -> None:
    assert request_headers([(name, b"a"), (name, b"a")]) == {name: b""}


def test_the_caller_is_known_once_the_request_was_let_in() -> None:
    scope: dict[str, Any] = {}
    begun = begin_context(scope, RequestContext(None, "req_1", {}))
    with pytest.raises(AssertionError):
        _ = begun.principal
    context_of(scope).authenticated(CALLER)
    assert (begun.principal, begun.request_id) == ("key:shop", "req_1")


def test_a_request_may_belong_to_a_trace() -> None:
    plain = RequestContext(None, "req_1", {})
    assert (plain.trace_id, plain.caller_span) == (None, None)
    traced = RequestContext(None, "req_1", {}, trace=TraceContext("a" * 32, ""))
    assert (traced.trace_id, traced.caller_span) == ("a" * 32, None)
