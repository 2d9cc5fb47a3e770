"""What a tool may ask of the run it belongs to."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.errors import ToolExecutionError
from journeyman.tools.authoring.context import LONGEST_DEADLINE, BlockingToolContext, ToolContext
from journeyman.tools.spec import CallRequest, Question, ToolSpec

REQUEST = CallRequest(
    spec=ToolSpec(name="look", description="Look.", parameters={"type": "object"}), arguments={}, call="m1.0",
    run_id="run_1", thread_id="t", principal="ann", idempotency_key="k", thread_context={"a": {"b": 1}},
)  # fmt: skip


class Host:
    def __init__(self) -> None:
        self.patches: list[tuple[str, Any]] = []
        self.shown: list[str | float] = []
        self.asked: list[Question] = []

    async def change_context(self, scope: str, patch: dict[str, Any]) -> None:
        self.patches.append((scope, patch))

    def progress(self, value: str | float) -> None:
        self.shown.append(value)

    async def ask(self, question: Question) -> str:
        self.asked.append(question)
        return "yes"


async def test_a_call_knows_whose_it_is() -> None:
    ctx = ToolContext(REQUEST, Host())  # type: ignore[arg-type]
    assert (ctx.run_id, ctx.thread_id, ctx.principal, ctx.idempotency_key) == ("run_1", "t", "ann", "k")
    assert ctx.log.extra == {"run_id": "run_1", "call": "m1.0", "tool": "look"}


async def test_a_patch_is_recorded_and_seen_by_the_call() -> None:
    host = Host()
    ctx = ToolContext(REQUEST, host)  # type: ignore[arg-type]
    ctx.context.thread["a"]["b"] = 9
    await ctx.context.patch(thread={"c": 2, "a": None}, global_={"tier": "gold"})
    assert (ctx.context.thread, ctx.context.global_) == ({"c": 2}, {"tier": "gold"})
    assert host.patches == [("thread", {"c": 2, "a": None}), ("global", {"tier": "gold"})]
    assert REQUEST.thread_context == {"a": {"b": 1}}, "what the call was given is not changed"


async def test_progress_is_a_text_or_a_finite_number() -> None:
    host = Host()
    ctx = ToolContext(REQUEST, host)  # type: ignore[arg-type]
    for value in (0.5, "half", float("nan"), ["x"]):
        await ctx.progress(value)  # type: ignore[arg-type]
    assert host.shown == [0.5, "half", "nan", "['x']"]


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("", {}),
        ("  ", {}),
        ("May it?", {"deadline_seconds": 0}),
        ("May it?", {"deadline_seconds": LONGEST_DEADLINE + 1}),
        ("May it?", {"default": "yes"}),
    ],
)
async def test_questions_that_are_refused(text: str, options: dict[str, Any]) -> None:
    host = Host()
    with pytest.raises(ToolExecutionError) as caught:
        await ToolContext(REQUEST, host).ask(text, **options)  # type: ignore[arg-type]
    assert (caught.value.code, host.asked) == ("ask_refused", [])


def test_a_plain_functions_context_does_the_same_and_blocks() -> None:
    changed: list[Any] = []
    asked: list[Question] = []

    def ask(question: Question) -> str:
        asked.append(question)
        return "yes"

    def change(scope: Any, patch: Any) -> None:
        changed.append((scope, patch))

    ctx = BlockingToolContext(REQUEST, change, changed.append, lambda request: None, ask)  # type: ignore[arg-type, return-value]
    ctx.context.patch(thread={"c": 2})
    ctx.progress(0.5)
    assert (ctx.context.thread, changed) == ({"a": {"b": 1}, "c": 2}, [("thread", {"c": 2}), 0.5])
    assert (ctx.ask("May it?", deadline_seconds=5, default="no"), asked[0].default) == ("yes", "no")
