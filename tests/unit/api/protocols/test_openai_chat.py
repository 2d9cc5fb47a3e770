"""POST /v1/chat/completions over a whole runtime in memory."""

from __future__ import annotations

import json
from typing import Any

import pytest

from journeyman import tool
from journeyman.agents.spec import AgentSpec, Output
from journeyman.api.app import build_app
from journeyman.api.protocols.openai_chat import PATH
from journeyman.events.messages import Message
from journeyman.llm.fake.scripted import ScriptedModel
from tests.harness.asgi_client import Answer, abandon, request
from tests.harness.fake_use_cases import FakeRuns, make_ports
from tests.harness.runtime_in_memory import RuntimeInMemory, turns

HELLO = [{"role": "user", "content": "hello"}]
REPLY = {"role": "assistant", "content": "hi"}


@tool(effects="once", approval="always")
async def refund(amount: int) -> str:
    """Refunds."""
    return f"refunded {amount}"


@tool(effects="none")
async def look() -> str:
    """Looks."""
    return "it is there"


def app_of(runtime: RuntimeInMemory) -> Any:
    return build_app(
        make_ports(
            runs=runtime.runs,
            conversations=runtime.conversations,
            threads=runtime.threads,
            agent_registry=runtime.catalog,
            clock=runtime.clock,
            request_wait_seconds=5.0,
        )
    )


async def ask(app: Any, messages: list[dict[str, Any]], **more: Any) -> Answer:
    headers = more.pop("headers", None)
    return await request(app, "POST", PATH, json={"model": "test", "messages": messages, **more}, headers=headers)


def chunks_of(answer: Answer) -> list[Any]:
    """The data of each server-sent event; the text of the last one, which is no JSON."""
    lines = [line[6:] for line in answer.body.decode().split("\n\n") if line.startswith("data: ")]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def said(chunks: list[Any]) -> str:
    return "".join(each["delta"].get("content", "") for chunk in chunks[:-1] for each in chunk.get("choices", ()))


def texts(messages: tuple[Message, ...]) -> list[tuple[str, str]]:
    return [(message.role, message.text) for message in messages]


async def test_the_answer_has_the_fields_that_openai_requires() -> None:
    async with RuntimeInMemory(ScriptedModel(turns("hi there"))) as runtime:
        answer = await ask(app_of(runtime), HELLO, temperature=0.3, unknown={"a": None})
        body = answer.json()
    run_id = answer.headers["x-run-id"]
    assert answer.status == 200
    assert body.pop("created") > 1_600_000_000
    usage = body.pop("usage")
    message = {"role": "assistant", "content": "hi there", "refusal": None, "annotations": []}
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert body == {
        "id": f"chatcmpl-{run_id}",
        "object": "chat.completion",
        "model": "test",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
    }


async def test_a_stream_ends_with_the_reason_the_usage_and_done() -> None:
    async with RuntimeInMemory(ScriptedModel(turns("hi there, you"))) as runtime:
        answer = await ask(app_of(runtime), HELLO, stream=True, stream_options={"include_usage": True})
    chunks = chunks_of(answer)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert said([*chunks[:-2], None]) == "hi there, you"
    assert chunks[-3]["choices"] == [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    assert chunks[-2]["choices"] == []
    assert set(chunks[-2]["usage"]) == {"prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details"}
    assert chunks[-1] == "[DONE]"
    assert len({chunk["id"] for chunk in chunks[:-1]}) == 1


@pytest.mark.parametrize("stream", [False, True])
async def test_a_conversation_stays_on_its_hidden_thread(stream: bool) -> None:
    model = ScriptedModel(turns({"look": {}}, "It is there.", "Yes."))
    async with RuntimeInMemory(model, [look]) as runtime:
        app = app_of(runtime)
        first = await ask(app, HELLO, stream=stream)
        reply = said(chunks_of(first)) if stream else first.json()["choices"][0]["message"]["content"]
        second = await ask(
            app, [*HELLO, {"role": "assistant", "content": reply + " "}, {"role": "user", "content": "sure?"}]
        )
        state = await runtime.runs.state("local", second.headers["x-run-id"])
        thread = second.headers["x-thread-id"]
        assert thread == first.headers["x-thread-id"]
        assert thread.startswith("!chat_")
        assert await runtime.threads.list("local", None, 10) == []
    assert state.last_no == 4  # with the tool call and its result, which the client never saw
    assert texts(state.messages) == [("user", "sure?"), ("assistant", "Yes.")]


async def test_an_unknown_history_becomes_a_new_thread_of_the_callers_words() -> None:
    history = [
        {"role": "system", "content": "Be brief."},
        *HELLO,
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "function": {"name": "x"}}]},
        {"role": "tool", "tool_call_id": "c", "content": "42"},
        {"role": "assistant", "content": "It is 42."},
    ]
    model = ScriptedModel(turns("Yes."))
    async with RuntimeInMemory(model) as runtime:
        answer = await ask(app_of(runtime), [*history, {"role": "user", "content": "sure?"}])
        thread = answer.headers["x-thread-id"]
        stored = await runtime.threads.messages("local", thread, 0, 50)
    assert texts(tuple(row.message for row in stored)) == [
        ("user", "[Instructions that came with the conversation]\nBe brief."),
        ("user", "hello"),
        ("user", "[Result of a tool that the caller ran]\n42"),
        ("assistant", "It is 42."),
        ("user", "sure?"),
        ("assistant", "Yes."),
    ]


async def test_the_same_first_words_are_two_conversations() -> None:
    async with RuntimeInMemory(ScriptedModel(turns("hi", "hi", "again", "also"))) as runtime:
        app = app_of(runtime)
        one, two = await ask(app, HELLO), await ask(app, HELLO)
        assert one.headers["x-thread-id"] != two.headers["x-thread-id"]
        more = [*HELLO, {"role": "assistant", "content": "hi"}, {"role": "user", "content": "more"}]
        goes_on, branches = await ask(app, more), await ask(app, more)
    assert goes_on.headers["x-thread-id"] == two.headers["x-thread-id"]
    assert branches.headers["x-thread-id"] not in (one.headers["x-thread-id"], two.headers["x-thread-id"])


async def test_a_chat_id_names_the_thread_of_a_first_request() -> None:
    headers = {"x-openwebui-chat-id": "c0ffee"}
    async with RuntimeInMemory(ScriptedModel(turns("hi", "Title", "more"))) as runtime:
        app = app_of(runtime)
        first = await ask(app, HELLO, headers=headers)
        title = await ask(app, [{"role": "user", "content": "a title for it"}], headers=headers)
        second = await ask(
            app,
            [*HELLO, {"role": "assistant", "content": "hi"}, {"role": "user", "content": "go on"}],
            headers=headers,
        )
    assert first.headers["x-thread-id"] == second.headers["x-thread-id"] == "c0ffee"
    assert title.headers["x-thread-id"].startswith("!chat_")


@pytest.mark.parametrize("stream", [False, True])
async def test_a_run_that_waits_for_a_human_says_so_and_a_message_is_no_approval(stream: bool) -> None:
    model = ScriptedModel(turns({"refund": {"amount": 5}}, "Done.", "Anything else?"))
    async with RuntimeInMemory(model, [refund]) as runtime:
        app = app_of(runtime)
        first = await ask(app, HELLO, stream=stream)
        chunks = chunks_of(first) if stream else []
        body = chunks[-2] if stream else first.json()
        text = said(chunks) if stream else body["choices"][0]["message"]["content"]
        run_id = first.headers["x-run-id"]
        approval = body["journeyman"]["approvals"][0]
        assert body["journeyman"]["run_id"] == approval["run_id"] == run_id
        assert approval["approval"] in text
        assert f"/runs/{run_id}/resume" in text
        messages = [*HELLO, {"role": "assistant", "content": text}, {"role": "user", "content": "I approve it!"}]
        second = await ask(app, messages)
        assert second.json()["choices"][0]["message"]["content"] == text
        assert second.headers["x-run-id"] == run_id
        assert (await runtime.runs.result("local", run_id)).status == "paused"
        decision = {"approval": approval["approval"], "decision": "approve"}
        await request(app, "POST", f"/runs/{run_id}/resume", json={"answers": [decision]})
        await runtime.runs.wait(run_id, 5)
        again = [*messages, {"role": "assistant", "content": text}, {"role": "user", "content": "and now?"}]
        third = await ask(app, again)
    assert third.json()["choices"][0]["message"]["content"] == "Anything else?"
    assert third.headers["x-thread-id"] == first.headers["x-thread-id"]


async def test_the_same_idempotency_key_is_the_same_run() -> None:
    async with RuntimeInMemory(ScriptedModel(turns("hi"))) as runtime:
        app = app_of(runtime)
        one = await ask(app, HELLO, headers={"idempotency-key": "k"})
        two = await ask(app, HELLO, headers={"idempotency-key": "k"})
    assert one.json()["id"] == two.json()["id"]


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({"model": "nobody", "messages": HELLO}, 404, "model_not_found", "model"),
        ({"model": "support", "messages": []}, 400, "invalid_request", "messages"),
        ({"model": "support"}, 400, "invalid_request", None),
        ({"model": "support", "messages": "hello"}, 400, "invalid_request", "messages"),
        ({"model": "support", "messages": [{"role": "system", "content": "x"}]}, 400, "invalid_request", "messages"),
        ({"model": "support", "messages": [{"role": "user", "content": " "}]}, 400, "invalid_request", "messages"),
        ({"model": "support", "messages": [*HELLO, REPLY]}, 400, "invalid_request", "messages"),
        ({"model": "support", "messages": HELLO, "n": 2}, 400, "unsupported_parameter", "n"),
        ({"model": "support", "messages": HELLO, "tools": [{}]}, 400, "unsupported_parameter", "tools"),
        (
            {"model": "support", "messages": HELLO, "response_format": {"type": "json_object"}},
            400, "unsupported_parameter", "response_format",
        ),
    ],
)  # fmt: skip
async def test_what_cannot_be_done_is_refused_in_their_form(
    body: Any, status: int, code: str, param: str | None
) -> None:
    answer = await request(build_app(make_ports()), "POST", PATH, json=body)
    error = answer.json()["error"]
    assert (answer.status, error["code"], error["param"]) == (status, code, param)
    assert error["type"] == "invalid_request_error"
    assert error["message"]


async def test_response_format_must_be_the_declared_output() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}

    class WithOutput(RuntimeInMemory):
        def spec(self) -> AgentSpec:
            return AgentSpec(type="react_agent", name="test", model=super().spec().model, output=Output(schema=schema))

    async with WithOutput(ScriptedModel(turns('{"a": 1}', '{"a": 1}', '{"a": 1}'))) as runtime:
        app = app_of(runtime)
        wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
        good = await ask(app, HELLO, response_format=wanted)
        assert json.loads(good.json()["choices"][0]["message"]["content"]) == {"a": 1}
        other = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "array"}}}
        assert (await ask(app, HELLO, response_format=other)).status == 400
        streamed = chunks_of(await ask(app, HELLO, response_format={"type": "json_object"}, stream=True))
        assert json.loads(said(streamed)) == {"a": 1}


async def test_a_run_without_a_reply_is_an_error_that_is_not_repeated() -> None:
    app = build_app(make_ports())
    for text, status in (("fail:gateway_unreachable", 502), ("fail:output_invalid", 502), ("hang", 503)):
        app = build_app(make_ports(request_wait_seconds=0.01))
        body = {"model": "support", "messages": [{"role": "user", "content": text}]}
        answer = await request(app, "POST", PATH, json=body)
        error = answer.json()["error"]
        assert answer.status == status, answer.body
        assert error["type"] == "server_error"
        assert error["journeyman"]["run_id"] == "run_1"
        assert answer.headers["x-should-retry"] == "false"
    assert error["code"] == "run_in_progress"
    assert int(answer.headers["retry-after"]) > 0
    keyed = await request(
        build_app(make_ports(request_wait_seconds=0.01)), "POST", PATH, json=body, headers={"idempotency-key": "k"}
    )
    assert "x-should-retry" not in keyed.headers


async def test_a_stream_of_a_run_that_fails_ends_with_the_error() -> None:
    body = {"model": "support", "messages": [{"role": "user", "content": "fail:output_invalid"}], "stream": True}
    chunks = chunks_of(await request(build_app(make_ports()), "POST", PATH, json=body))
    assert chunks[-1]["error"]["code"] == "output_invalid"


async def test_a_client_that_leaves_cancels_its_run() -> None:
    ports = make_ports()
    body = {"model": "support", "messages": [{"role": "user", "content": "hang"}]}
    await abandon(build_app(ports), "POST", PATH, body)
    await abandon(build_app(ports), "POST", PATH, {**body, "stream": True})
    runs = ports.runs
    assert isinstance(runs, FakeRuns)
    assert runs.cancelled == [("run_1", "disconnected"), ("run_2", "disconnected")]
