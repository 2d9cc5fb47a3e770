"""Requirement: a run is found from any of request id, trace id, thread, principal and error id."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from journeyman import create_app
from journeyman.cli import main
from journeyman.server.serving.app import App
from journeyman.settings import Settings
from tests.harness.asgi_client import request
from tests.harness.root_logger import restored

KEY = "k" * 43
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SCRIPT = "- error: malformed_json\n- text: Fine.\n- text: Fine.\n"
Find = Callable[..., Awaitable[list[str]]]


@pytest.fixture
async def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[App]:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    (tmp_path / "agent.yaml").write_text("type: react_agent\nname: sums\nmodel: script:script.yaml\n")
    (tmp_path / "script.yaml").write_text(SCRIPT)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/j.db")
    made = create_app(tmp_path / "agent.yaml", auth_mode="required", api_key=KEY, max_retries=0)
    yield made
    await made.stop()


@pytest.fixture
def find(capsys: pytest.CaptureFixture[str]) -> Iterator[Find]:
    """The ids that `runs list` with these options prints, read from the file beside the server."""

    async def listed(*options: str) -> list[str]:
        assert await asyncio.to_thread(main, ["runs", "list", "--json", *options]) == 0
        return [item["run_id"] for item in json.loads(capsys.readouterr().out)["items"]]

    with restored():
        yield listed


async def made_key(app: App, name: str) -> dict[str, str]:
    body = {"name": name, "scopes": ["run", "read"]}
    answer = await request(app, "POST", "/keys", json=body, headers={"authorization": f"Bearer {KEY}"})
    return {"authorization": f"Bearer {answer.json()['key']}"}


async def told(app: App, who: dict[str, str], thread: str, **headers: str) -> Any:
    body = {"user_input": "Hello", "thread_id": thread}
    return (await request(app, "POST", "/process", json=body, headers={**who, **headers})).json()


async def test_every_way_to_a_run(app: App, find: Find) -> None:
    ann, bob = await made_key(app, "ann"), await made_key(app, "bob")
    trace = {"x-request-id": "order-7", "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    failed = await told(app, ann, "first", **trace)
    others = [(await told(app, ann, "second"))["run_id"], (await told(app, bob, "first"))["run_id"]]
    ways = {"request_id": "order-7", "trace_id": TRACE, "thread": "first", "error_id": failed["error_id"]}

    for name, value in ways.items():
        for who, seen in ((ann, [failed["run_id"]]), (bob, [others[1]] if name == "thread" else [])):
            answer = await request(app, "GET", f"/runs?{name}={value}", headers=who)
            assert [item["run_id"] for item in answer.json()["items"]] == seen, name
        options = [f"--{name.replace('_', '-')}", value, "--principal", "key:ann"]
        assert await find(*options) == [failed["run_id"]], name

    assert await find("--principal", "key:bob") == [others[1]]
    assert await find("--principal", "key:bob", "--error-id", failed["error_id"]) == []
    assert set(await find()) == {failed["run_id"], *others}
    assert await find("--until", "2020-01-01") == []
    assert len(await find("--since", "2020-01-01T00:00:00Z", "--principal", "key:ann")) == 2


def test_what_cannot_be_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "list", "--since", "yesterday"]) == 2
    assert main(["runs", "list", "--principal", "key:ann", "--url", "http://127.0.0.1:1"]) == 2
    assert "--principal" in capsys.readouterr().err
