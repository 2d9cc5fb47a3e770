from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from msgspec.structs import replace

from journeyman.clock import ManualClock
from journeyman.egress.services import Services, ServiceSpec
from journeyman.egress.transport import FakeReply, FakeTransport, cut_off, timed_out, unreachable
from journeyman.ids import SequentialIds
from journeyman.resilience.rate_limit import parse_rate
from journeyman.tools.executor import Executor
from journeyman.tools.openapi.credential import Credential
from journeyman.tools.openapi.invoker import OpenApiTool
from journeyman.tools.openapi.operation import Operation, ReadOperation
from journeyman.tools.openapi.parameters import Parameter
from journeyman.tools.openapi.reply import READ_CAP
from journeyman.tools.openapi.tool import openapi_tool
from journeyman.tools.process.pool import WorkerPool
from journeyman.tools.registry import ToolRegistry
from journeyman.tools.spec import ToolOutcome

BASE = "https://api.example:8443/v1"


def parameter(place: str, style: str = "", explode: bool = False, name: str = "p") -> Parameter:
    style = style or ("form" if place == "query" else "simple")
    return Parameter(
        name=name,
        argument=name,
        location=place,
        style=style,
        explode=explode,
        required=False,  # type: ignore[arg-type]
    )


class Hosted:
    """A tool behind a fake transport, executed in the same way as in the server."""

    def __init__(
        self, *replies: Any, method: str = "GET", credentials: tuple[Credential, ...] = (), **service: Any
    ) -> None:
        self.clock = EagerClock()
        named = [ServiceSpec(name="crm", match="https://api.example:8443", **service)] if service else []
        self.services = Services(named, clock=self.clock, rng=random.Random(1))
        self.transport = FakeTransport(*replies, clock=self.clock)
        body = "optional" if method in ("POST", "PATCH", "PUT") else "none"
        operation = Operation(
            id="op", method=method, path="/things", parameters=(parameter("header", name="X-P"),), body=body
        )
        schema = {"type": "object", "properties": {"body": {"type": "object"}, "X-P": {"type": "string"}}}
        self.tool: OpenApiTool = openapi_tool(
            "crm", ReadOperation(operation, "Things", schema), BASE, credentials, "crm.yaml:3"
        )

    async def call(self, request_for: Any, host: Any, **arguments: Any) -> ToolOutcome:
        registry = ToolRegistry()
        registered = registry.add(self.tool.registered(self.transport, self.services, self.clock))
        executor = Executor(registry, WorkerPool(), self.clock, random.Random(1), SequentialIds())
        outcome = await executor.execute(request_for(registered, registered.check_arguments(arguments)), host)
        assert self.transport.open == 0
        return outcome


class EagerClock(ManualClock):
    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)
        await asyncio.sleep(0)


JSON_REPLY = {"Content-Type": "application/json; charset=utf-8"}


async def test_a_post_with_a_body_a_credential_and_a_key(request_for: Any, host: Any) -> None:
    hosted = Hosted(
        FakeReply(b'{"id": 1,  "ok": true}', status=201, headers=JSON_REPLY),
        method="POST",
        credentials=(Credential(name="X-Key", value="s3cret-value"),),
    )
    outcome = await hosted.call(request_for, host, body={"a": "é"})
    assert outcome.result == '{"id":1,"ok":true}'
    (sent,) = hosted.transport.requests
    assert (sent.method, sent.url, sent.body) == ("POST", f"{BASE}/things", b'{"a":"\\u00e9"}')
    assert sent.headers["X-Key"] == "s3cret-value"
    assert sent.headers["Idempotency-Key"] == "key_1"
    assert sent.headers["Content-Type"] == "application/json"
    assert "s3cret" not in repr(hosted.tool)


async def test_a_get_sends_no_key_and_no_body(request_for: Any, host: Any) -> None:
    hosted = Hosted(FakeReply(b"plain", headers={"Content-Type": "text/plain"}))
    assert (await hosted.call(request_for, host)).result == "plain"
    (sent,) = hosted.transport.requests
    assert not sent.body
    assert not {"Idempotency-Key", "Content-Type"} & set(sent.headers)


async def test_a_credential_cannot_be_overridden_by_an_argument(request_for: Any, host: Any) -> None:
    hosted = Hosted(FakeReply(b"ok"), credentials=(Credential(name="x-p", value="ours"),))
    await hosted.call(request_for, host, **{"X-P": "theirs"})
    sent = hosted.transport.requests[0].headers
    assert [value for name, value in sent.items() if name.lower() == "x-p"] == ["ours"]


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (b"", {}, '{"status":200}'),
        (b"[1, 2]", {}, "[1,2]"),
        (b'"text"', JSON_REPLY, "text"),
        (b"{broken", JSON_REPLY, "{broken"),
        (b"[" * 100_000, JSON_REPLY, None),
        (b"caf\xe9", {"Content-Type": "text/plain"}, "caf\N{REPLACEMENT CHARACTER}"),
        (b"\x89PNG", {"Content-Type": "image/png"}, '{"status":200,"content_type":"image/png","bytes":4}'),
        (
            b"\x1f\x8b",
            {**JSON_REPLY, "Content-Encoding": "gzip"},
            '{"status":200,"content_type":"application/json","bytes":2}',
        ),
        (b'{"title":"x"}', {"Content-Type": "application/hal+json"}, '{"title":"x"}'),
    ],
)
async def test_answers_as_the_model_reads_them(
    body: bytes, headers: dict[str, str], expected: str | None, request_for: Any, host: Any
) -> None:
    outcome = await Hosted(FakeReply(body, headers=headers)).call(request_for, host)
    assert outcome.failure is None
    assert expected is None or outcome.result == expected


async def test_an_endless_answer_is_cut(request_for: Any, host: Any) -> None:
    hosted = Hosted(FakeReply([b'{"x":"' + b"y" * 65_536] * 40, headers=JSON_REPLY))
    outcome = await hosted.call(request_for, host)
    assert outcome.result is not None
    assert READ_CAP < 40 * 65_536
    assert len(outcome.result) < 70_000
    assert "[cut:" in outcome.result


async def test_a_refusal_is_an_error_with_its_status(request_for: Any, host: Any) -> None:
    outcome = await Hosted(FakeReply(b'{"e": "none"}' * 1000, status=404, headers=JSON_REPLY)).call(request_for, host)
    assert outcome.failure is not None
    assert outcome.failure.code == "http_error"
    assert outcome.failure.message.startswith("the API answered 404 Not Found: {")
    assert len(outcome.failure.message) < 2100
    assert outcome.attempts == 1


async def test_redirects_are_not_followed(request_for: Any, host: Any) -> None:
    hosted = Hosted(FakeReply(status=302, headers={"Location": "http://169.254.169.254/"}))
    outcome = await hosted.call(request_for, host)
    assert outcome.failure is not None
    assert "redirects are not followed" in outcome.failure.message
    assert len(hosted.transport.requests) == 1


async def test_what_may_be_repeated_is_tried_again_when_the_api_says_so(request_for: Any, host: Any) -> None:
    hosted = Hosted(FakeReply(status=503, headers={"Retry-After": "7"}), FakeReply(status=429), FakeReply(b"ok"))
    outcome = await hosted.call(request_for, host)
    assert (outcome.result, outcome.attempts) == ("ok", 3)
    assert 7 <= hosted.clock.slept[0] < 8


@pytest.mark.parametrize("error", [timed_out(BASE, 5), cut_off(BASE)])
@pytest.mark.parametrize(("method", "tries", "unknown"), [("POST", 1, True), ("PUT", 4, False), ("GET", 4, False)])
async def test_no_answer_after_sending(
    error: Exception, method: str, tries: int, unknown: bool, request_for: Any, host: Any
) -> None:
    hosted = Hosted(*[FakeReply([error]) for _ in range(4)], method=method)
    outcome = await hosted.call(request_for, host)
    assert (outcome.unknown, outcome.attempts) == (unknown, tries)
    keys = {sent.headers.get("Idempotency-Key") for sent in hosted.transport.requests}
    assert keys == ({None} if method == "GET" else {"key_1"})


async def test_a_post_that_was_never_sent_is_no_unknown_outcome(request_for: Any, host: Any) -> None:
    outcome = await Hosted(*[unreachable(BASE, "refused")] * 4, method="POST").call(request_for, host)
    assert outcome.failure is not None
    assert (outcome.failure.code, outcome.unknown, outcome.attempts) == ("service_unreachable", False, 4)


async def test_a_service_in_pieces_is_left_alone(request_for: Any, host: Any) -> None:
    hosted = Hosted(*[FakeReply(status=500) for _ in range(5)], method="POST", failures=5, open_seconds=60)
    for _ in range(5):
        outcome = await hosted.call(request_for, host)
        assert outcome.failure is not None
        assert (outcome.failure.code, outcome.attempts, outcome.unknown) == ("http_error", 1, False)
    refused = await hosted.call(request_for, host)
    assert refused.failure is not None
    assert (refused.failure.code, refused.unknown) == ("service_circuit_open", False)
    assert len(hosted.transport.requests) == 5


async def test_an_error_status_is_no_failure_of_the_service(request_for: Any, host: Any) -> None:
    hosted = Hosted(*[FakeReply(status=404) for _ in range(8)], failures=2)
    for _ in range(8):
        outcome = await hosted.call(request_for, host)
        assert outcome.failure is not None
        assert outcome.failure.code == "http_error"
    assert len(hosted.transport.requests) == 8


@pytest.mark.parametrize(("of_service", "tries"), [(1, 2), (0, 1), (2, 3)])
async def test_the_service_says_how_often_is_tried(of_service: int, tries: int, request_for: Any, host: Any) -> None:
    hosted = Hosted(*[FakeReply(status=503) for _ in range(4)], retries=of_service)
    outcome = await hosted.call(request_for, host)
    assert outcome.failure is not None
    assert (outcome.failure.code, outcome.attempts) == ("http_error", tries)
    assert host.attempts == list(range(1, tries + 1))


async def test_the_tool_may_ask_for_fewer_tries(request_for: Any, host: Any) -> None:
    hosted = Hosted(*[FakeReply(status=503) for _ in range(4)])
    hosted.tool = replace(hosted.tool, spec=hosted.tool.spec.with_policy(retries=1))
    assert (await hosted.call(request_for, host)).attempts == 2


async def test_a_once_call_that_was_sent_away_unread_is_made_again(request_for: Any, host: Any) -> None:
    hosted = Hosted(FakeReply(status=429), unreachable(BASE, "refused"), FakeReply(b"ok"), method="POST")
    outcome = await hosted.call(request_for, host)
    assert (outcome.result, outcome.attempts) == ("ok", 3)
    assert {sent.headers["Idempotency-Key"] for sent in hosted.transport.requests} == {"key_1"}


async def test_the_rate_limit_holds_for_all_calls_of_the_origin(request_for: Any, host: Any) -> None:
    hosted = Hosted(FakeReply(b"a"), FakeReply(b"b"), rate=parse_rate("1/second"))
    await hosted.call(request_for, host)
    await hosted.call(request_for, host)
    assert hosted.clock.slept == [1.0]


async def test_the_bounds_of_a_configured_service_bound_a_try(request_for: Any, host: Any) -> None:
    hosted = Hosted(FakeReply(b"late", delay=3.0), method="POST", first_byte=2.0)
    outcome = await hosted.call(request_for, host)
    assert (outcome.unknown, outcome.attempts) == (True, 1)
    assert "kept silent for more than 2 seconds" in outcome.failure.message  # type: ignore[union-attr]
