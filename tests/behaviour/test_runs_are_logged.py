"""Requirement: one log line a run, with its ids; logging never gets between a run and its answer."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from journeyman import AgentFactory
from journeyman.server.serving.app import App
from journeyman.settings import Settings
from tests.harness.asgi_client import request
from tests.harness.root_logger import json_lines

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    with json_lines() as sink:
        yield sink


async def test_a_run_is_logged_and_answered(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "journeyman")
    agent = await AgentFactory({"type": "react_agent", "model": "offline"}).create_agent()

    result = await agent.run("Hello", thread_id="greeting")
    await agent.aclose()

    lines = [record for record in caplog.records if getattr(record, "run_id", None) == result.run_id]
    assert [record.getMessage() for record in lines] == [f"run finished: /runs/{result.run_id}"]
    assert getattr(lines[0], "thread_id", None) == "greeting"


async def test_each_line_has_the_ids_of_its_own_request(lines: io.StringIO, tmp_path: Path) -> None:
    """The second run waits for the first, whose task starts it: its lines are not the first request's."""
    (tmp_path / "agent.yaml").write_text("type: react_agent\nname: support\nmodel: offline\n")
    app = App(Settings.read(database_url="memory://"), tmp_path / "agent.yaml")
    body = {"user_input": "hi", "thread_id": "shared"}
    sent = [
        request(app, "POST", "/process", json=body, headers={"x-request-id": f"req-{number}", **trace})
        for number, trace in enumerate(({"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}, {}, {}))
    ]
    answers = await asyncio.gather(*sent)
    await app.stop()

    written = map(json.loads, lines.getvalue().splitlines())
    ended = [line for line in written if line["message"].startswith("run finished")]
    told = {line["run_id"]: (line["request_id"], line["thread_id"], line["principal"]) for line in ended}
    assert told == {
        answer.json()["run_id"]: (f"req-{number}", "shared", "local") for number, answer in enumerate(answers)
    }
    assert [line.get("trace_id") for line in ended].count(TRACE) == 1
