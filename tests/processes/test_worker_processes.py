"""A misbehaving tool costs one error, and the next call is served; inline tools too, where they can survive it."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
from pathlib import Path

import pytest
import pytest_asyncio

from journeyman.clock import ManualClock
from journeyman.errors import ToolExecutionError
from journeyman.ids import SequentialIds
from journeyman.tools.call_bounds import CallBounds
from journeyman.tools.executor import Executor
from journeyman.tools.process.import_target import ImportTarget
from journeyman.tools.process.pool import WorkerPool, scrubbed_environment
from journeyman.tools.registry import ToolRegistry

pytestmark = pytest.mark.asyncio(loop_scope="module")
HOSTILE = Path(__file__).parents[1] / "harness/tool_folders/misbehaving"


class EagerClock(ManualClock):
    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def registry():
    os.environ["JM_SECRET"] = "hunter2hunter2"
    registry = await ToolRegistry.auto_register(HOSTILE)
    assert [problem for problem in registry.problems if problem.severity == "error"] == []
    yield registry
    await registry.aclose()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def workers():
    workers = WorkerPool(limit=1)
    yield workers
    await workers.aclose()


@pytest.fixture
def printed():
    """What calls printed in their worker process, by the tool's name."""
    return []


@pytest.fixture
def call(registry, workers, request_for, host, printed):
    executor = Executor(
        registry,
        workers,
        EagerClock(),
        random.Random(7),
        SequentialIds(),
        timeout_seconds=5,
        on_printed=lambda request, text: printed.append((request.spec.name, text)),
        bounds=CallBounds(log_lines=20, reports=10, patches=5),
    )

    async def make(name: str, **arguments):
        return await executor.execute(request_for(registry.get(name), arguments), host)

    return make


MISBEHAVIOUR = {
    "exit": ("tool_failed", "SystemExit: 3"),
    "base": ("tool_failed", "Doom: beyond Exception"),
    "interrupt": ("tool_failed", "KeyboardInterrupt"),
    "error": ("tool_failed", "RuntimeError: no file …/keys.txt"),
    "connection": ("tool_failed", "ConnectionResetError: peer went away"),
    "again": ("tool_failed", "busy"),
}
NOT_JSON = {
    "nan": '{"value":null}',
    "bytes": '{"value":"<bytes, 3 bytes>"}',
    "foreign": '"<object, 16 bytes>"',
    "cycle": '["<list, 88 bytes>"]',
    "deep": "[" * 100 + '"<list, 88 bytes>"' + "]" * 100,
}


@pytest.mark.parametrize("isolation", ["inline", "blocking"])
@pytest.mark.parametrize("how", MISBEHAVIOUR)
async def test_misbehaviour_is_a_failure_with_a_stable_code(call, how, isolation):
    outcome = await call(isolation, how=how)
    code, message = MISBEHAVIOUR[how]
    assert outcome.failure.code == code
    assert message in outcome.failure.message
    assert not outcome.unknown
    assert outcome.attempts == (3 if how in ("connection", "again") else 1)


@pytest.mark.parametrize("isolation", ["inline", "blocking"])
@pytest.mark.parametrize("how", NOT_JSON)
async def test_a_returned_value_that_is_not_json_is_a_result(call, how, isolation):
    outcome = await call(isolation, how=how)
    assert outcome.failure is None
    assert re.sub(r"\d+ bytes", "N bytes", outcome.result) == re.sub(r"\d+ bytes", "N bytes", NOT_JSON[how])


@pytest.mark.parametrize("isolation", ["inline", "blocking"])
async def test_results_are_made_fit_to_store(call, isolation):
    assert (await call(isolation, how="surrogate")).result == "a\ufffdbc[31m"
    huge = (await call(isolation, how="huge")).result
    assert len(huge) < 66_000
    assert huge.endswith("[cut: 2934464 of 3000000 characters are not shown]")


@pytest.mark.parametrize(
    ("how", "message"),
    [("exit", "exit status 3"), ("segv", "SIGSEGV"), ("closed", "the tool's process")],
)
async def test_a_dying_process_costs_one_error(call, caplog, printed, how, message):
    outcome = await call("die", how=how)
    assert (outcome.failure.code, outcome.unknown, outcome.attempts) == ("tool_crashed", False, 1)
    assert message in outcome.failure.message
    assert "last words" in caplog.records[-1].detail
    assert [(name, text.splitlines()[0]) for name, text in printed] == [("die", "last words")]
    assert (await call("blocking", how="fine")).result == "fine"


async def test_a_once_call_whose_process_died_is_unknown(call, host):
    outcome = await call("die_once")
    assert (outcome.failure.code, outcome.unknown, host.attempts) == ("outcome_unknown", True, [1])


@pytest.mark.parametrize("name", ["hang", "wait_inline"])
async def test_a_hanging_once_call_is_stopped_and_unknown(call, name):
    outcome = await call(name)
    assert (outcome.failure.code, outcome.unknown) == ("outcome_unknown", True)


async def test_a_process_is_reused_and_reset_and_sees_no_secret(call, host):
    changed = json.loads((await call("change_process")).result)
    assert changed["thread"] == {"seen": {"a": 1}}
    assert changed["key"] == "key_1"
    assert host.shown == ["half way"]
    assert host.patches == [("thread", {"seen": {"a": 1}}), ("global", {"gone": None})]
    first, second = (
        json.loads((await call("look_at_process")).result),
        json.loads((await call("look_at_process")).result),
    )
    assert first == second
    assert (first["leak"], first["secret"], first["cwd"]) == (None, None, os.getcwd())
    assert first["pid"] != os.getpid()


async def test_a_process_without_stdout_serves_no_other_call(call):
    before = json.loads((await call("look_at_process")).result)["born"]
    assert (await call("close_output")).result == "closed"
    assert json.loads((await call("look_at_process")).result)["born"] != before


async def test_an_async_tool_may_choose_the_process(call, host):
    word, pid = (await call("async_in_process")).result.split()
    assert word == "process"
    assert int(pid) != os.getpid()
    assert host.patches == [("thread", {"where": "process"})]


async def test_a_process_opens_a_resource_once_and_converts_arguments(call, registry):
    given = registry.get("use_pool").check_arguments('{"at": "2026-01-02T03:04:05Z"}')
    assert given == {"at": "2026-01-02T03:04:05Z"}
    assert (await call("use_pool", **given)).result == "1 2026"
    assert (await call("use_pool", **given)).result == "1 2026"
    assert (await call("use_pool_too")).result == "1"
    outcome = await call("use_pool", at="soon")
    assert outcome.failure.code == "invalid_arguments"
    assert outcome.failure.message.startswith("at: Input should be a valid datetime")


async def test_a_thread_of_an_earlier_call_cannot_act_for_the_next_one(registry, workers, request_for, host, caplog):
    executor = Executor(registry, workers, EagerClock(), random.Random(7), SequentialIds(), timeout_seconds=5)
    await executor.execute(request_for(registry.get("leave_thread"), call="m1.0"), host)
    outcome = await executor.execute(request_for(registry.get("wake_thread"), call="m2.0"), host)
    assert outcome.result == "woken"
    assert host.shown == ["alive"]
    assert "from the grave" not in caplog.text


async def test_a_call_that_says_too_much_is_cut_and_the_log_says_so_once(call, host, caplog):
    caplog.set_level("WARNING")
    assert (await call("chatty", lines=50, patches=5)).result == "said"
    assert len([each for each in caplog.messages if each.startswith("line ")]) == 20
    assert len([each for each in caplog.messages if "is dropped" in each]) == 2
    assert len(host.shown) == 10
    refused = await call("chatty", lines=0, patches=6)
    assert "changes contexts at most 5 times" in refused.failure.message
    assert len(host.patches) == 10


async def test_captured_output_goes_to_the_log(call, caplog):
    await call("blocking", how="error")
    assert "printed before the failure" in caplog.records[-1].detail
    assert "Traceback" in caplog.records[-1].detail


async def test_cancelling_kills_the_process(registry, workers, request_for, host):
    registered = registry.get("hang")
    async with workers.borrow(registered.target, registered.spec, principal="local") as borrowed:
        pid = borrowed.worker._child._process.pid
        task = asyncio.create_task(borrowed.invoke(request_for(registered), host))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not borrowed.worker.usable
        assert await borrowed.worker._child.wait_for_exit() == -9
    assert pid


async def test_no_more_workers_than_the_limit_are_lent(registry, workers):
    tool = registry.get("look_at_process")
    async with workers.borrow(tool.target, tool.spec, principal="local"):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01), workers.borrow(tool.target, tool.spec, principal="local"):
                pass


async def test_a_call_waits_for_its_turn_no_longer_than_it_may(registry, workers):
    tool = registry.get("blocking")
    async with workers.borrow(tool.target, tool.spec, tool.files, principal="ann"):
        waiting = asyncio.create_task(borrowed(workers, tool, "bob", 5.0))
        await asyncio.sleep(0)
        assert (workers.waiting, workers.waiting_of("bob"), workers.waiting_of("ann")) == (1, 1, 0)
        with pytest.raises(ToolExecutionError, match="no worker process was free") as refused:
            await borrowed(workers, tool, "bob", 0.01)
        assert refused.value.code == "tool_timeout"
    await waiting


async def borrowed(workers, tool, principal, seconds):
    async with workers.borrow(tool.target, tool.spec, tool.files, principal=principal, wait_seconds=seconds):
        pass


async def test_a_tool_that_cannot_be_imported_did_not_run(registry, workers, request_for, host, tmp_path):
    (tmp_path / "gone.py").write_text("raise RuntimeError('no')")
    target = ImportTarget(attribute="x", file=str(tmp_path / "gone.py"), root=str(tmp_path))
    known = registry.get("look_at_process")
    other = ToolRegistry()
    other.tools["look_at_process"] = type(known)(spec=known.spec, check=known.check, target=target)
    executor = Executor(other, workers, ManualClock(), random.Random(1), SequentialIds())
    outcome = await executor.execute(request_for(known), host)
    assert (outcome.failure.code, outcome.attempts, host.attempts) == ("tool_failed", 0, [])
    assert "RuntimeError: no" in outcome.failure.message


async def test_the_environment_is_scrubbed():
    assert set(scrubbed_environment()) <= {"PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"}


@pytest.mark.parametrize("name", ["ask_in_process", "ask_awaited_in_process"])
async def test_a_question_unwinds_through_the_process_and_its_answer_comes_back(call, host, name):
    outcome = await call(name)
    assert outcome.question == host.questions[0]
    assert (outcome.question.text, outcome.result, outcome.failure, outcome.attempts) == ("Which?", None, None, 1)
    host.answers["Which?"] = "that one"
    assert (await call(name)).result == "that one"


async def test_a_once_tool_in_a_process_may_not_ask(call, host):
    outcome = await call("ask_once")
    assert (outcome.failure.code, outcome.question, host.questions) == ("ask_refused", None, [])


@pytest.mark.long
async def test_a_tool_sees_what_its_permissions_name_of_the_given_variables(tmp_path, request_for, host):
    (tmp_path / "seen.py").write_text(
        "import os\nfrom journeyman import tool\n\n\n@tool(permissions={'env': ['SHOP_TOKEN']}, effects='none')\n"
        "def seen() -> list[str | None]:\n    'See.'\n    return [os.environ.get(n) for n in ('SHOP_TOKEN', 'OTHER')]\n"
    )
    registry = await ToolRegistry.auto_register(tmp_path)
    pool = WorkerPool(limit=1, variables={"SHOP_TOKEN": "of the file", "OTHER": "hidden"})
    executor = Executor(registry, pool, EagerClock(), random.Random(7), SequentialIds(), timeout_seconds=5)
    outcome = await executor.execute(request_for(registry.get("seen"), {}), host)
    await pool.aclose()
    assert outcome.result == '["of the file",null]'


BESIDE = """\
from pathlib import Path

from journeyman import tool

HERE = Path(__file__).resolve().parents[1]


@tool(effects="none", permissions={"files": []})
def confined() -> list[object]:
    'Read.'
    from shop_prices import PRICE

    return [PRICE, readable("shop_prices.py"), readable("secrets.txt"), readable("unused.py")]


@tool(effects="none")
async def inline() -> int:
    'Read.'
    import shop_prices

    return shop_prices.PRICE


def readable(name: str) -> bool:
    try:
        return bool((HERE / name).read_text())
    except OSError:
        return False
"""


@pytest.mark.long
async def test_a_tool_imports_modules_beside_its_folder_and_reads_no_other_file_there(tmp_path, request_for, host):
    for name in ("secrets.txt", "unused.py"):
        (tmp_path / name).write_text("x = 1")
    (tmp_path / "shop_prices.py").write_text("PRICE = 7")
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "shop.py").write_text(BESIDE)
    registry = await ToolRegistry.auto_register(tmp_path / "tools")
    assert registry.problems == []
    assert registry.check_problems() == [], "the static check asks for no installation"
    pool = WorkerPool(limit=1)
    executor = Executor(registry, pool, EagerClock(), random.Random(7), SequentialIds(), timeout_seconds=5)
    confined = await executor.execute(request_for(registry.get("confined"), {}), host)
    inline = await executor.execute(request_for(registry.get("inline"), {}), host)
    others = not (await pool.isolation()).paths
    await pool.aclose()
    assert json.loads(confined.result) == [7, True, others, others]
    assert inline.result == "7"
    (tmp_path / "shop_prices.py").write_text("PRICE = 8")
    again = await ToolRegistry.auto_register(tmp_path / "tools", earlier=registry)
    assert again.get("inline").spec.code_hash != registry.get("inline").spec.code_hash
    executor = Executor(again, pool, EagerClock(), random.Random(7), SequentialIds(), timeout_seconds=5)
    assert (await executor.execute(request_for(again.get("inline"), {}), host)).result == "8"
