"""Requirement (FAULTS 4 row 12): runs that are under way together show nothing of one another.

64 runs of 8 principals, each with its own word in its input, context, tool arguments, progress, failures and log
lines; all are held in their first model call until the last one is there.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from journeyman.api.app import build_app
from journeyman.events.messages import ToolCall, assistant
from journeyman.llm.client import ModelReply, ModelRequest, TextDelta
from journeyman.server.composition import build
from journeyman.server.serving.app import api_dependencies
from journeyman.settings import Settings
from tests.harness.asgi_client import request
from tests.harness.root_logger import json_lines

PRINCIPALS, RUNS = 8, 64
AGENT = """\
type: react_agent
name: support
prompt: "Help {{ context.thread.word }} of {{ context.global.word }}."
model: m
tools: [speak, fail]
"""
TOOLS = """\
import asyncio

from journeyman import ToolContext, tool


@tool(effects="none")
async def speak(word: str, ctx: ToolContext) -> str:
    "Say it wherever something can be said."
    ctx.log.info("log %s", word)
    await ctx.progress(f"progress {word}")
    for turn in range(3):
        await asyncio.sleep(0)
        await ctx.context.patch(thread={f"turn{turn}": word})
    return f"result {word}"


@tool(effects="none")
def fail(word: str) -> str:
    "Print it, and fail with it."
    print("stdout", word)
    raise ValueError(f"failure {word}")
"""
_WORD = re.compile(r"w[0-9a-f]{16}")


def word_of(what: str) -> str:
    return f"w{hashlib.sha256(what.encode()).hexdigest()[:16]}"


class Echo:
    """Says the user's word, calls both tools with it, and says it again. None goes on before all are there."""

    def __init__(self) -> None:
        self.requests: list[ModelRequest] = []
        self._waiting = 0
        self._all = asyncio.Event()

    async def call(self, request: ModelRequest, on_delta: Callable[[TextDelta], None] | None = None) -> ModelReply:
        self.requests.append(request)
        (word,) = _WORD.findall(next(message.text for message in request.messages if message.role == "user"))
        if on_delta is not None:
            on_delta(TextDelta(f"saying {word}"))
        if request.messages[-1].role == "tool":
            return ModelReply(message=assistant(f"answer {word}"), model="m")
        self._waiting += 1
        if self._waiting == RUNS:
            self._all.set()
        await self._all.wait()
        arguments = msgspec.json.encode({"word": word}).decode()
        calls = [ToolCall(f"c-{name}", name, arguments) for name in ("speak", "fail")]
        return ModelReply(message=assistant(f"asking {word}", *calls), model="m")

    async def aclose(self) -> None: ...


class Crowd:
    """The server, its callers' keys, and what it wrote to its log."""

    def __init__(self, app: Any, keys: list[str], model: Echo, log: io.StringIO) -> None:
        self.app = app
        self.model = model
        self._keys = keys
        self._log = log

    @property
    def lines(self) -> list[str]:
        return self._log.getvalue().splitlines()

    async def ask(self, run: int, method: str, path: str, body: Any = None, accept: str = "application/json") -> str:
        headers = {"authorization": f"Bearer {self._keys[run % PRINCIPALS]}", "accept": accept}
        answer = await request(self.app, method, path, json=body, headers=headers)
        assert answer.status == 200, (path, answer.text)
        return answer.text

    async def process(self, run: int) -> str:
        """Every other run is streamed."""
        word = word_of(f"run {run}")
        body = {"user_input": f"input {word}", "thread_id": f"t{run}", "context": {"word": word}}
        return await self.ask(run, "POST", "/process", body, "text/event-stream" if run % 2 else "application/json")


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    with json_lines() as sink:
        yield sink


@pytest.fixture
async def crowd(tmp_path: Path, log: io.StringIO) -> AsyncIterator[Crowd]:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "words.py").write_text(TOOLS)
    (tmp_path / "agent.yaml").write_text(AGENT)
    settings = Settings.read(
        env_file=None,
        database_url=f"sqlite:///{tmp_path / 'journal.db'}",
        auth_mode="required",
        tools_path=tmp_path / "tools",
        litellm_gateway_url="http://127.0.0.1:9",
        api_key="seed-of-the-first-admin-key-0123456789",
        rate_limit_enabled=False,
    )
    model = Echo()
    async with await build(settings, tmp_path / "agent.yaml", models=model) as application:
        made = [await application.authentication.keys.create(f"p{n}", ["run", "read"]) for n in range(PRINCIPALS)]
        yield Crowd(build_app(api_dependencies(application)), [new.secret or "" for new in made], model, log)


def only(text: str, run: int) -> bool:
    """Whether the words in it are the run's, or the global one of its principal, its own among them."""
    own = word_of(f"run {run}")
    return own in text and set(_WORD.findall(text)) <= {own, word_of(f"principal {run % PRINCIPALS}")}


async def test_no_run_shows_anothers_word(crowd: Crowd) -> None:
    for principal in range(PRINCIPALS):
        await crowd.ask(principal, "PATCH", "/context", {"word": word_of(f"principal {principal}")})
    async with asyncio.timeout(60):
        answers = await asyncio.gather(*map(crowd.process, range(RUNS)))
    ids: dict[str, int] = {}
    for run, answer in enumerate(answers):
        own = word_of(f"run {run}")
        assert only(answer, run), answer
        assert f"answer {own}" in answer
        (run_id,) = set(re.findall(r'"run_id": ?"([^"]+)"', answer))
        ids[run_id] = run
        for path in (f"/runs/{run_id}", f"/runs/{run_id}/state", f"/runs/{run_id}/events", f"/threads/t{run}/messages"):
            assert only(shown := await crowd.ask(run, "GET", path), run), (path, shown)
        events = await crowd.ask(run, "GET", f"/runs/{run_id}/events", accept="text/event-stream")
        assert only(events, run)
        assert {f"{what} {own}" for what in ("input", "asking", "result", "failure", "answer")} <= _said(events)
    assert len(ids) == RUNS
    live = {what.split()[0] for answer in answers for what in _said(answer)}  # of one run it may be lost
    assert {"saying", "progress"} <= live

    for asked in crowd.model.requests:
        text = " ".join(message.text for message in asked.messages)
        assert len(set(_WORD.findall(text))) == 2, text
        assert any(only(text, run) for run in range(RUNS))
    _check_log(crowd.lines, ids)


def _said(text: str) -> set[str]:
    return set(re.findall(rf"[a-z]+ {_WORD.pattern}", text))


def _check_log(lines: list[str], ids: dict[str, int]) -> None:
    """Each line with a word is its run's; each run has written and failed."""
    told: dict[str, set[str]] = {}
    for line in lines:
        fields = msgspec.json.decode(line)
        run = ids.get(fields.get("run_id", ""))
        assert run is not None or not _WORD.search(line), line
        if run is not None and _WORD.search(line):
            assert only(line, run), line
            assert (fields["thread_id"], fields["principal"]) == (f"t{run}", f"key:p{run % PRINCIPALS}"), line
            said = _said("\n".join(map(str, fields.values())))
            told.setdefault(fields["run_id"], set()).update(what.split()[0] for what in said)
    assert told.keys() == ids.keys()
    assert all({"log", "stdout", "failure"} <= words for words in told.values())
