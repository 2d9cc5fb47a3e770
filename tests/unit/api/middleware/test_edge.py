"""The edge middleware: Host, Origin, request ids, headers, and unexpected errors."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from starlette.responses import Response
from starlette.types import Message

from journeyman.api.app import build_app
from journeyman.api.json_body import ClientDisconnected
from journeyman.api.middleware.edge import EdgeMiddleware, _Answer, _Frames
from journeyman.api.security.request_context import RequestContext
from journeyman.api.security.unread_bytes import LARGE_BYTES, UnreadBytes
from journeyman.auth.principal import LOCAL
from journeyman.clock import ManualClock
from journeyman.telemetry.metrics.recorders import RequestServed
from tests.harness.asgi_client import request
from tests.harness.fake_use_cases import make_ports


async def test_a_rebound_name_is_refused_everywhere() -> None:
    app = build_app(make_ports())
    for method, path in (("GET", "/runs"), ("POST", "/process"), ("GET", "/agents"), ("GET", "/nope")):
        answer = await request(app, method, path, headers={"host": "evil.example"})
        assert (answer.status, answer.json()["code"]) == (421, "host_not_allowed")


async def test_a_foreign_page_changes_nothing() -> None:
    ports = make_ports()
    app = build_app(ports)
    answer = await request(
        app, "POST", "/process", json={"user_input": "hi"}, headers={"origin": "https://evil.example"}
    )
    assert (answer.status, answer.json()["code"]) == (403, "origin_not_allowed")
    assert ports.runs.results == {}  # type: ignore[attr-defined]
    same = await request(app, "POST", "/process", json={"user_input": "hi"}, headers={"origin": "http://testserver"})
    assert same.status == 200


async def test_an_allowed_page_gets_its_cors_headers() -> None:
    app = build_app(make_ports(cors_origins=["https://app.example"]))
    origin = {"origin": "https://app.example"}
    before = await request(app, "OPTIONS", "/process", headers={**origin, "access-control-request-method": "POST"})
    assert before.status == 200
    answer = await request(app, "POST", "/process", json={"user_input": "hi"}, headers=origin)
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    refused = await request(app, "POST", "/process", json={}, headers=origin)
    assert refused.status == 422
    assert refused.headers["access-control-allow-origin"] == "https://app.example"


async def test_request_ids() -> None:
    app = build_app(make_ports())
    answer = await request(app, "GET", "/livez", headers={"x-request-id": "abc-1"})
    assert answer.headers["x-request-id"] == "abc-1"
    for odd in ("a b", "x" * 129, "a\r\nb", ""):
        answer = await request(app, "GET", "/livez", headers={"x-request-id": odd})
        assert answer.headers["x-request-id"].startswith("req_")


async def test_answers_are_told_of_by_their_template() -> None:
    served: list[RequestServed] = []
    clock = ManualClock()
    app = build_app(make_ports(clock, on_served=served.append))
    for method, path in (
        ("GET", "/runs/x"),
        ("GET", "/runs/x/events"),
        ("POST", "/process"),
        ("GET", "/livez"),
        ("PUT", "/runs"),
        ("GET", "/nope/x"),
    ):
        await request(app, method, path, json=None if method == "GET" else {})
    assert [(fact.method, fact.route, fact.status) for fact in served] == [
        ("GET", "/runs/{run_id}", 404),
        ("GET", "/runs/{run_id}/events", 404),
        ("POST", "/process", 422),
        ("GET", "/livez", 200),
        ("PUT", "/runs", 405),
        ("GET", "", 404),
    ]


async def test_every_route_has_a_template() -> None:
    """What the document lists is counted under that very path: no route is lost among the others."""
    served: list[RequestServed] = []
    app = build_app(make_ports(on_served=served.append))
    paths = (await request(app, "GET", "/openapi.json")).json()["paths"]
    for path, methods in paths.items():
        for method in methods:
            served.clear()
            await request(app, method.upper(), path.replace("{", "").replace("}", ""), json={})
            assert [fact.route for fact in served] == [path]


async def test_every_answer_is_guarded() -> None:
    app = build_app(make_ports())
    for path in ("/livez", "/nope", "/runs/x", "/openapi.json"):
        headers = (await request(app, "GET", path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("origin", [{}, {"origin": "http://testserver"}], ids=["direct", "browser"])
async def test_the_unexpected_is_500_and_says_nothing(origin: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    app = build_app(make_ports())
    answer = await request(app, "POST", "/process", json={"user_input": "crash"}, headers=origin)
    assert answer.status == 500
    assert answer.json()["code"] == "internal_error"
    assert "secret" not in answer.text
    (record,) = [record for record in caplog.records if record.exc_info]
    assert record.error_id == answer.json()["error_id"]  # type: ignore[attr-defined]


async def test_unknown_routes_and_methods_are_problems() -> None:
    app = build_app(make_ports())
    unknown = await request(app, "GET", "/nope")
    assert (unknown.status, unknown.headers["content-type"]) == (404, "application/problem+json")
    for method, path in (("GET", "/process"), ("PUT", "/runs"), ("POST", "/runs/x/events")):
        answer = await request(app, method, path, json={})
        assert (answer.status, answer.json()["code"]) == (405, "method_not_allowed")
        assert answer.headers["allow"]


async def test_a_large_answer_is_sent_in_slices_and_one_too_many_is_refused() -> None:
    context = RequestContext(LOCAL, "req_1", {})
    unread, sent = UnreadBytes(3 * LARGE_BYTES), []

    async def send(message: Message) -> None:
        sent.append(message)

    def answer() -> _Answer:
        return _Answer(send, context, ManualClock(), unread)

    def start(body: bytes) -> Message:
        return {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]}

    first, second, body = answer(), answer(), b"ab" * LARGE_BYTES
    await first(start(body))
    await first({"type": "http.response.body", "body": body})
    assert [len(message["body"]) for message in sent[1:]] == [LARGE_BYTES, LARGE_BYTES]
    assert [message["more_body"] for message in sent[1:]] == [True, False]
    assert b"".join(message["body"] for message in sent[1:]) == body
    count = len(sent)
    await second(start(body))
    await second({"type": "http.response.body", "body": body})
    assert (second.refused, second.started, len(sent)) == (True, False, count)
    first.release()
    await second(start(body))
    assert (second.refused, second.started) == (False, True)


async def test_a_large_frame_of_a_stream_is_sent_in_slices() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    answer = _Answer(send, RequestContext(None, "req_1", {}), ManualClock(), UnreadBytes())
    await answer({"type": "http.response.body", "body": b"x" * (LARGE_BYTES + 1), "more_body": True})
    assert [(len(message["body"]), message["more_body"]) for message in sent] == [(LARGE_BYTES, True), (1, True)]


async def test_a_stream_ends_at_a_large_frame_for_which_there_is_no_room() -> None:
    async def send(message: Message) -> None:
        pass

    unread = UnreadBytes(LARGE_BYTES)
    answer = _Answer(send, RequestContext(LOCAL, "req_1", {}), ManualClock(), unread)
    frame = {"type": "http.response.body", "body": b"x" * (LARGE_BYTES + 1), "more_body": True}
    await answer(frame)
    await answer(frame)  # the first one is sent, and so counts no more
    assert unread.add(LOCAL.principal, 1)
    with pytest.raises(ClientDisconnected):
        await answer(frame)


async def test_an_answer_without_room_is_an_error_that_says_so() -> None:
    """FastAPI would take an exception out of `send` for a fault of the server."""
    inner = FastAPI()
    inner.add_api_route("/large", lambda: Response(b"x" * (2 * LARGE_BYTES)))
    edge = EdgeMiddleware(inner, make_ports(), {})
    assert len((await request(edge, "GET", "/large")).body) == 2 * LARGE_BYTES
    edge._unread.add(LOCAL.principal, 64 << 20)
    refused = await request(edge, "GET", "/large")
    assert (refused.status, refused.json()["code"]) == (503, "too_much_unread")
    assert "retry-after" in refused.headers


async def test_a_socket_is_closed_at_a_large_frame_for_which_there_is_no_room() -> None:
    sent, unread = [], UnreadBytes(LARGE_BYTES)
    counted: list[int] = []

    async def send(message: Message) -> None:
        sent.append(message)
        counted.append(unread._bytes.get(LOCAL.principal, 0))

    frames = _Frames(send, RequestContext(LOCAL, "req_1", {}), unread)
    small, large = ({"type": "websocket.send", "text": "é" * count} for count in (1, LARGE_BYTES + 1))
    for message in (small, large, large):
        await frames(message)
    assert (sent, counted) == ([small, large, large], [0, 2 * (LARGE_BYTES + 1), 2 * (LARGE_BYTES + 1)])
    assert unread.add(LOCAL.principal, LARGE_BYTES)
    await frames(small)
    with pytest.raises(ClientDisconnected):
        await frames(large)
    assert sent[4:] == [{"type": "websocket.close", "code": 1013, "reason": "too_much_unread"}]


async def test_a_large_frame_that_could_not_be_sent_is_no_longer_unread() -> None:
    async def send(message: Message) -> None:
        raise ClientDisconnected

    unread = UnreadBytes(LARGE_BYTES)
    with pytest.raises(ClientDisconnected):
        await _Frames(send, RequestContext(LOCAL, "req_1", {}), unread)(
            {"type": "websocket.send", "text": "x" * (LARGE_BYTES + 1)}
        )
    assert unread._bytes == {}
