"""Requirement: with `DEBUG` the process shows its inside, secrets masked; without, there is nothing to see."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from journeyman.server.serving.app import App
from journeyman.settings import Settings
from tests.harness.asgi_client import request

SECRETS = {
    "api_key": "key-that-nobody-sees-in-any-debug-page",
    "jwt_secret_key": "a" * 40,
    "redis_url": "redis://:hunter2222@cache:6379",
}


async def shown(app: App, path: str) -> Any:
    answer = await request(app, "GET", path)
    assert answer.status == 200, answer.text
    return answer.json()


async def served(folder: Path, **settings: Any) -> App:
    (folder / "agent.yaml").write_text("type: react_agent\nname: sums\nmodel: offline\ntools: [calculator]\n")
    app = App(Settings.read(database_url="memory://", **settings), folder / "agent.yaml")
    await app.start()
    return app


@pytest.mark.parametrize("path", ["/debug/state", "/debug/services", "/debug/tasks", "/debug"])
async def test_without_debug_there_is_nothing(tmp_path: Path, path: str) -> None:
    app = await served(tmp_path)
    answer = await request(app, "GET", path)
    await app.stop()
    assert answer.status == 404


async def test_the_state_of_the_process(tmp_path: Path) -> None:
    url = "http://ann:hunter2222@gateway.example/v1"
    tokens = {"jwt_audience": "journeyman", "jwt_issuer": "https://issuer.example"}
    app = await served(tmp_path, debug=True, litellm_gateway_url=url, **tokens, **SECRETS)
    text = (await request(app, "GET", "/debug/state")).text
    state, services = await shown(app, "/debug/state"), await shown(app, "/debug/services")
    await app.stop()

    assert not any(secret in text for secret in (*SECRETS.values(), "hunter2222"))
    assert state["settings"]["API_KEY"] == "[secret]"
    assert state["settings"]["LITELLM_GATEWAY_URL"] == "http://[secret]@gateway.example/v1"
    assert set(state["settings"]) == {name.upper() for name in Settings.model_fields}
    assert (state["epoch"], state["runs"]["running"], list(state["agents"])) == (1, 0, ["sums"])
    (gateway,) = services["items"]
    assert (gateway["name"], gateway["breakers"], gateway["policy"]["failures"]) == ("gateway", {}, 5)


async def test_a_run_under_way_is_seen_with_its_task(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "slow.py").write_text(
        "import asyncio\nfrom journeyman import tool\n\n"
        "@tool(effects='none')\nasync def linger() -> str:\n    'Linger.'\n    await asyncio.sleep(30)\n    return ''\n"
    )
    app = await served(tmp_path, debug=True)
    waiting = asyncio.create_task(request(app, "POST", "/execute_tool", json={"tool_name": "linger", "arguments": {}}))
    run: dict[str, Any] = {}
    async with asyncio.timeout(10):
        while not run.get("open_calls"):
            active = (await shown(app, "/debug/state"))["runs"]["active"]
            run = active[0] if active else {}
    tasks = (await shown(app, "/debug/tasks"))["items"]
    cancelled = await request(app, "POST", f"/runs/{run['run_id']}/cancel", json={})
    await waiting
    await app.stop()

    assert run["open_calls"] == ["d.0 linger: started"]
    assert cancelled.status == 200
    driving = next(task for task in tasks if task["name"] == run["run_id"])
    assert driving["code"] == "RunScheduler._run"
    assert driving["age"] >= 0
    assert any(frame.endswith("Runner._next_messages") for frame in driving["stack"])
    (call,) = [task for task in tasks if task["parent"] == run["run_id"]]
    assert any(frame.endswith(" Executor._run") for frame in call["stack"])


async def test_events_are_dumped_into_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "journeyman")
    for debug in (False, True):
        caplog.clear()
        app = await served(tmp_path, debug=debug)
        answer = await request(app, "POST", "/process", json={"user_input": "What is 6 * 7?"})
        await app.stop()
        lines = [record.getMessage() for record in caplog.records if record.name.endswith("logs.formatters")]
        assert ("event run_finished" in lines) is debug
        if debug:
            assert {record.run_id for record in caplog.records if hasattr(record, "event")} == {answer.json()["run_id"]}
