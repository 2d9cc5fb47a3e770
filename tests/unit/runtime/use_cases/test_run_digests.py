"""What a list shows of each run beside its row."""

from __future__ import annotations

import msgspec

from journeyman.journal.journal import RunFilter
from journeyman.llm.fake.scripted import ScriptedModel
from journeyman.runtime.use_cases.run_digests import MOST_EVENTS, RunDigest, read_digests
from tests.harness.runtime_in_memory import RuntimeInMemory, turns


async def test_a_digest_adds_up_what_the_state_of_the_run_does() -> None:
    async with RuntimeInMemory(ScriptedModel(turns("hello", "again"))) as runtime:
        ids = [await runtime.start(text, "t") for text in ("hi", "and now?")]
        results = [await runtime.runs.wait(id, 5) for id in ids]
        rows = await runtime.journal.runs(RunFilter())

        digests = await read_digests(runtime.journal, rows)

    assert digests == {
        id: RunDigest(text, result.usage) for id, text, result in zip(ids, ("hi", "and now?"), results, strict=True)
    }


async def test_a_page_reads_a_bounded_number_of_events() -> None:
    async with RuntimeInMemory(ScriptedModel(turns("hello"))) as runtime:
        run = await runtime.start("hi", "t")
        await runtime.runs.wait(run, 5)
        row = (await runtime.journal.runs(RunFilter()))[0]
        assert (await read_digests(runtime.journal, [row]))[run].usage is not None
        long = msgspec.structs.replace(row, last_seq=MOST_EVENTS + 1)
        assert (await read_digests(runtime.journal, [long]))[run] == RunDigest("hi", None)
