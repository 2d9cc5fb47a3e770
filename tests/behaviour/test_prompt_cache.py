"""The requests of a thread begin with the bytes of the request before, so that providers can reuse their cache."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journeyman import AgentFactory
from journeyman.agents.history_summary import INSTRUCTION
from journeyman.llm.client import ModelRequest
from journeyman.llm.gateway.wire import encode_request
from journeyman.testing import MemoryJournal, ScriptedModel

TOOLS = """
import asyncio
from journeyman import tool

@tool(effects="none")
async def look(text: str, wait: float = 0.0) -> str:
    '''Look.'''
    await asyncio.sleep(wait)
    if text == "bad":
        raise LookupError("nothing called " + text)
    return text
"""
AGENT = """
type: TYPE
model: offline
prompt: "Today is {{ now.strftime('%Y-%m-%d') }}. You are {{ agent.name }}."
tools: [look]
limits: {repeats: 50}
history: {HISTORY}
"""
GRAPH = """
graph:
  start: work
  nodes:
    work: {type: llm}
    act: {type: tools}
    sum_up: {type: llm, prompt: "Sum up.", tools: []}
  edges:
    - {from: work, to: act, when: "state.tool_calls.size() > 0"}
    - {from: work, to: sum_up}
    - {from: act, to: work}
    - {from: sum_up, to: end}
"""
TYPED = """
output: {retries: 3, schema: {type: object, required: [n], properties: {n: {type: integer}}}}
"""

texts = st.sampled_from(["", "a", "bad", 'é\n"quoted"', "x" * 300])
calls = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["look", "look", "look", "lock", "not a name"]),
        "arguments": st.one_of(
            st.fixed_dictionaries({"text": texts, "wait": st.sampled_from([0.0, 0.0, 0.004])}),
            st.sampled_from(["{", "", "[]", '{"text": 1}']),
        ),
    },
)


def with_ids(made: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the calls of a reply distinct ids, as the gateway does; replies may use the same ones."""
    return [{**call, "id": f"call_{number}"} for number, call in enumerate(made)]


rounds = st.fixed_dictionaries({"text": texts, "tool_calls": st.lists(calls, min_size=1, max_size=3).map(with_ids)})
answers = st.fixed_dictionaries({"text": st.sampled_from(["Well.", "ok", "é"])})
runs = st.tuples(st.sampled_from(["hi", "go on", "a\u2028"]), st.lists(rounds, max_size=3), answers)
threads = st.lists(runs, min_size=1, max_size=4)


class Thread:
    """An agent for many threads, whose model is given a new script for each."""

    def __init__(self, runner: asyncio.Runner, folder: Path, history: str, more: str = "") -> None:
        kind = "custom_react_agent" if "graph:" in more else "react_agent"
        (folder / "tools").mkdir()
        (folder / "tools" / "look.py").write_text(TOOLS)
        (folder / "agent.yaml").write_text(AGENT.replace("TYPE", kind).replace("HISTORY", history) + more)
        self._runner = runner
        self._factory = AgentFactory(folder / "agent.yaml", journal=MemoryJournal(), models=self)
        self._agent = runner.run(self._factory.create_agent())
        self._script = ScriptedModel([])
        self._count = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._script, name)

    def requests(self, runs: list[Any], first: Sequence[dict[str, Any]] = ()) -> list[ModelRequest]:
        """Run a new thread, and return every request that the model was sent. `first`: turns before those of runs."""
        self._script = ScriptedModel([*first, *(turn for _, rounds, answer in runs for turn in (*rounds, answer))])
        self._count += 1
        for text, _, _ in runs:
            self._runner.run(self._agent.run(text, thread_id=f"t{self._count}"))
        return list(self._script.requests)

    def close(self) -> None:
        self._runner.run(self._agent.aclose())


@contextlib.contextmanager
def threads_of(folder: Path, history: str, more: str = "") -> Iterator[Thread]:
    """Open an agent with this `history`, and `more` of its file. The calls that fail are not logged."""
    logging.disable(logging.WARNING)
    try:
        with asyncio.Runner() as runner:
            made = Thread(runner, folder, history, more)
            yield made
            made.close()
    finally:
        logging.disable(logging.NOTSET)


@pytest.fixture(params=["false", "true"])
def thread(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Thread]:
    with threads_of(tmp_path, f"max_messages: 1000, max_tokens: 1000000, clock: {request.param}") as made:
        yield made


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Thread]:
    with threads_of(tmp_path, "max_messages: 6") as made:
        yield made


def test_the_time_stands_in_each_message_that_started_a_run(thread: Thread, request: pytest.FixtureRequest) -> None:
    requests = thread.requests([("hi", [], {"text": "ok"}), ("go on", [], {"text": "ok"})])
    sent = [message.text for message in requests[-1].messages if message.role == "user"]
    timed = [re.fullmatch(r"(.*)\n\n\[Sent on \d{4}-\d\d-\d\d, \d\d:\d\d UTC\]", text) for text in sent]
    assert [found and found[1] for found in timed] in (["hi", "go on"], [None, None])
    assert bool(timed[0]) == ("true" in request.node.name)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(runs=threads)
def test_the_prefix_is_byte_identical_from_turn_to_turn(thread: Thread, runs: list[Any]) -> None:
    requests = thread.requests(runs)
    assert len(requests) == sum(len(rounds) + 1 for _, rounds, _ in runs)
    for before, after in itertools.pairwise(requests):
        assert continues(before, after), f"{before.messages}\n{after.messages}"


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(runs=threads)
def test_only_a_full_window_cuts_whole_messages_from_the_beginning(small: Thread, runs: list[Any]) -> None:
    for before, after in itertools.pairwise(small.requests(runs)):
        cuts = (
            msgspec.structs.replace(before, messages=(before.messages[0], *before.messages[1 + cut :]))
            for cut in range(len(before.messages))
        )
        assert any(continues(each, after) for each in cuts)


@pytest.fixture
def typed(tmp_path: Path) -> Iterator[Thread]:
    with threads_of(tmp_path, "max_messages: 1000, max_tokens: 1000000", TYPED) as made:
        yield made


wrong_answers = st.lists(st.sampled_from(["Well.", '{"n": "one"}', "{", "```json\n{}\n```"]), max_size=3)
typed_runs = st.tuples(st.sampled_from(["hi", "go on"]), st.lists(rounds, max_size=2), wrong_answers)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(runs=st.lists(typed_runs, min_size=1, max_size=3))
def test_a_retry_of_a_typed_answer_continues_the_request_before(typed: Thread, runs: list[Any]) -> None:
    scripts = [
        (text, [*rounds, *({"text": each} for each in wrong)], {"text": '{"n": 1}'}) for text, rounds, wrong in runs
    ]
    requests = typed.requests(scripts)
    assert len(requests) == sum(len(turns) + 1 for _, turns, _ in scripts)
    for before, after in itertools.pairwise(requests):
        assert continues(before, after), f"{before.messages}\n{after.messages}"


@pytest.fixture
def graph(tmp_path: Path) -> Iterator[Thread]:
    with threads_of(tmp_path, "max_messages: 1000, max_tokens: 1000000", GRAPH) as made:
        yield made


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(runs=threads)
def test_each_node_of_a_graph_has_its_own_prefix(graph: Thread, runs: list[Any]) -> None:
    requests = graph.requests([(text, [*rounds, {"text": "Done."}], answer) for text, rounds, answer in runs])
    working = [request for request in requests if request.tools]
    summing = [request for request in requests if not request.tools]
    assert (len(working), len(summing)) == (sum(len(rounds) + 1 for _, rounds, _ in runs), len(runs))
    for before, after in (*itertools.pairwise(working), *itertools.pairwise(summing)):
        assert continues(before, after), f"{before.messages}\n{after.messages}"


SUMMARIES = [{"when": "^(Summary of what came|The conversation:)", "text": f"Summary {n}."} for n in range(40)]


@pytest.fixture
def summarized(tmp_path: Path) -> Iterator[Thread]:
    with threads_of(tmp_path, "max_messages: 6, when_full: summarize") as made:
        yield made


def test_a_full_window_is_summarized(summarized: Thread) -> None:
    requests = summarized.requests([("hi", [], {"text": "ok"})] * 6, SUMMARIES)
    assert any(request.messages[0].text == INSTRUCTION for request in requests)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(runs=threads)
def test_only_a_summary_changes_the_prefix(summarized: Thread, runs: list[Any]) -> None:
    requests = summarized.requests(runs, SUMMARIES)
    kinds = [request.messages[0].text == INSTRUCTION for request in requests]
    assert kinds.count(False) == sum(len(rounds) + 1 for _, rounds, _ in runs)
    latest: ModelRequest | None = None  # since the last summary
    for request, is_summary in zip(requests, kinds, strict=True):
        if not is_summary and latest is not None:
            assert continues(latest, request), f"{latest.messages}\n{request.messages}"
        latest = None if is_summary else request


def continues(before: ModelRequest, after: ModelRequest) -> bool:
    """Return whether the messages of `after` begin with the bytes of those of `before`, and all else is equal."""
    head, messages, tail = parts(encode_request(before, stream=False))
    head_after, messages_after, tail_after = parts(encode_request(after, stream=False))
    return (head, tail) == (head_after, tail_after) and messages_after.startswith(messages)


def parts(body: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the bytes before, in and after the list of messages, without its closing bracket."""
    raw = msgspec.json.decode(body, type=dict[str, msgspec.Raw])["messages"]
    head, tail = body.split(bytes(raw), 1)
    return head, bytes(raw)[:-1], tail
