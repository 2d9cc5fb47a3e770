"""What tools print in worker processes is kept beside the run, masked."""

from __future__ import annotations

from typing import Any

import pytest

from journeyman.clock import ManualClock
from journeyman.errors import NotFoundError, ResourceError
from journeyman.events.codec import Codec
from journeyman.journal.memory import MemoryJournal
from journeyman.llm.fake.scripted import ScriptedModel
from journeyman.runtime.tool_outputs import KEPT_BYTES, ToolOutputs, last_bytes
from journeyman.tools.spec import CallRequest, ToolSpec
from tests.harness.runtime_in_memory import RuntimeInMemory, turns

SECRET = "hunter22hunter22"


def call_of(run_id: str) -> CallRequest:
    spec = ToolSpec(name="pay", description="", parameters={})
    facts: dict[str, Any] = {"thread_id": "t", "principal": "local", "idempotency_key": "k"}
    return CallRequest(spec=spec, arguments={}, call="m1.0", run_id=run_id, **facts)


async def kept(*texts: str) -> list[str]:
    """What is stored of one call whose attempts printed these texts."""
    async with RuntimeInMemory(ScriptedModel(turns("hello"))) as runtime:
        run = await runtime.start("hi", "t")
        await runtime.runs.wait(run, 5)
        outputs = ToolOutputs(runtime.journal, Codec((SECRET,)), ManualClock())
        for text in texts:
            outputs.keep(call_of(run), text)
        outputs.keep(call_of("run_erased"), "of no run")
        return [row.text for row in await runtime.runs.tool_outputs("local", run)]


async def test_the_last_attempt_is_kept() -> None:
    assert await kept("first", "second\n") == ["second\n"]
    assert await kept() == []


async def test_another_principal_reads_nothing() -> None:
    async with RuntimeInMemory(ScriptedModel(turns("hello"))) as runtime:
        run = await runtime.start("hi", "t")
        await runtime.runs.wait(run, 5)
        with pytest.raises(NotFoundError):
            await runtime.runs.tool_outputs("bob", run)


async def test_secrets_are_masked_before_the_text_is_cut() -> None:
    cut_within = f"{SECRET}{'x' * (KEPT_BYTES - 4)}"
    (text,) = await kept(f"{cut_within} Authorization: Bearer abcdefgh12345678")
    assert (SECRET[-4:] in text, "abcdefgh" in text, "[secret]" in text) == (False, False, True)
    assert len(text.encode()) <= KEPT_BYTES


async def test_a_journal_that_takes_nothing_fails_no_call() -> None:
    class Full(MemoryJournal):
        def submit(self, batch: Any) -> Any:
            raise ResourceError("The queue is full.", code="overloaded")

    ToolOutputs(Full(), Codec(), ManualClock()).keep(call_of("run_1"), "text")


@pytest.mark.parametrize(
    ("text", "most", "end"), [("abc", 3, "abc"), ("abcd", 3, "bcd"), ("a\u00e9b", 2, "b"), ("", 5, "")]
)
def test_the_end_of_a_text_is_whole_characters(text: str, most: int, end: str) -> None:
    assert last_bytes(text, most) == end
