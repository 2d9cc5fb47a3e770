"""What a call's code may ask of its run and of the network."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.egress.http_messages import HttpReply, HttpRequest
from journeyman.errors import ToolExecutionError
from journeyman.tools.spec import CallRequest, Question, StoredTool, Unanswered
from journeyman.tools.tool_host import RunToolHost
from tests.harness.tool_fixtures import RecordingHost


class Sender:
    def __init__(self) -> None:
        self.sent: list[tuple[bool, tuple[str, ...] | None]] = []

    async def send(self, request: HttpRequest, *, idempotent: bool, hosts: tuple[str, ...] | None = None) -> HttpReply:
        self.sent.append((idempotent, hosts))
        return HttpReply(200, {}, b"", request.url)


def made(http: Sender | None = None, attempt: int = 1, **policy: Any) -> RunToolHost:
    spec = StoredTool(name="look", description="Look.", parameters={"type": "object"}, **policy).spec()
    request = CallRequest(
        spec=spec, arguments={}, call="m1.0", run_id="run_1", thread_id="t", principal="ann", idempotency_key="k",
        attempt=attempt,
    )  # fmt: skip
    return RunToolHost(RecordingHost(), request, http)


@pytest.mark.parametrize(
    ("effects", "keyed", "harmless"),
    [("none", False, True), ("idempotent", True, True), ("idempotent", False, False), ("once", True, False)],
)
async def test_what_may_be_sent_again_follows_from_the_effects(effects: str, keyed: bool, harmless: bool) -> None:
    sender = Sender()
    headers = {"idempotency-key": "k"} if keyed else {}
    host = made(sender, effects=effects, permissions_network=("x.example",))
    await host.http(HttpRequest("POST", "https://x.example/", headers))
    assert sender.sent == [(harmless, ("x.example",))]


async def test_without_a_client_there_is_no_http() -> None:
    with pytest.raises(ToolExecutionError, match="no HTTP"):
        await made().http(HttpRequest("GET", "https://x.example/"))


async def test_tries_are_counted_from_the_first_of_this_execution() -> None:
    host = made(attempt=3)
    await host.starting(3)
    assert host.started == 1
    await host.starting(4)
    assert host.started == 2


async def test_a_tool_that_must_not_run_twice_may_not_ask() -> None:
    with pytest.raises(ToolExecutionError) as caught:
        await made(effects="once").ask(Question(text="May it?"))
    assert caught.value.code == "ask_refused"


async def test_a_question_without_an_answer_is_kept_whatever_the_code_makes_of_it() -> None:
    class Silent(RecordingHost):
        async def ask(self, question: Question) -> str:
            raise Unanswered

    host = made(effects="none")
    host._host = Silent()
    for text in ("first?", "second?"):
        with pytest.raises(Unanswered):
            await host.ask(Question(text=text))
    assert host.question == Question(text="first?")
