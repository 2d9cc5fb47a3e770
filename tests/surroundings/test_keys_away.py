"""Keys of callers and of gateways are missing, changed or revoked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from journeyman.errors import ConfigurationError, ServiceError
from journeyman.runtime.use_cases.requests import RetryRun
from journeyman.server.serving.app import App
from journeyman.settings import Settings
from tests.harness.asgi_client import Answer, request
from tests.harness.incomplete_runtime import UNREACHABLE, desk, incomplete
from tests.surroundings.table import cell

KEY, OTHER = "k" * 43, "o" * 43
AGENT = "type: react_agent\nname: desk\nmodel: offline\ntools: [{name: calculator, approval: always}]\n"


@asynccontextmanager
async def served(folder: Path, **settings: Any) -> AsyncIterator[App]:
    (folder / "agent.yaml").write_text(AGENT)
    database = f"sqlite:///{folder / 'j.db'}"
    read = Settings.read(env_file=None, database_url=database, auth_mode="required", **settings)
    app = App(read, folder / "agent.yaml")
    try:
        await app.start()
        yield app
    finally:
        await app.stop()


async def ask(app: App, method: str, path: str, key: str, json: Any = None) -> Answer:
    return await request(app, method, path, json=json, headers={"authorization": f"Bearer {key}"})


async def key_of_ann(app: App) -> tuple[str, str]:
    """Return the id of a key, and the key."""
    body = {"name": "ann", "principal": "ann", "scopes": ["run", "read", "approve"]}
    made = (await ask(app, "POST", "/keys", KEY, body)).json()
    return made["id"], made["key"]


async def asking(app: App, key: str) -> tuple[str, dict[str, Any]]:
    """Start a run that asks a human. Returns the path of the run and the body of the answer that lets it go on."""
    run = (await ask(app, "POST", "/process", key, {"user_input": "What is 2 + 3?"})).json()
    [asked] = run["approvals"]
    return f"/runs/{run['run_id']}", {"answers": [{"approval": asked["approval"], "decision": "approve"}]}


async def finished(app: App, path: str) -> None:
    assert app.application is not None
    assert (await app.application.runs.wait(path.removeprefix("/runs/"), 10.0)).status == "finished"


@cell("key", "before the start", "The start ends with exit code 3 and says how to make the first key.", case="no key")
async def test_there_is_no_key_before_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="make the first key with"):
        async with served(tmp_path):
            pass


@cell("key", "at resume", "Its runs go on. The old key gets 401, the new one answers for them.", case="another API_KEY")
@pytest.mark.long
async def test_the_first_key_is_another_one_at_the_next_start(tmp_path: Path) -> None:
    async with served(tmp_path, api_key=KEY) as app:
        path, approve = await asking(app, KEY)
    async with served(tmp_path, api_key=OTHER) as app:
        assert (await ask(app, "POST", f"{path}/resume", KEY, approve)).status == 401
        assert (await ask(app, "POST", f"{path}/resume", OTHER, approve)).status in (200, 202)
        await finished(app, path)


@cell(
    "key",
    "in a pause",
    "The key gets 401; the run keeps waiting, and another key with `approve:any` answers.",
    case="revoked",
)
async def test_a_key_is_revoked_in_a_pause(tmp_path: Path) -> None:
    async with served(tmp_path, api_key=KEY) as app:
        id, key = await key_of_ann(app)
        path, approve = await asking(app, key)
        assert (await ask(app, "POST", f"/keys/{id}/revoke", KEY)).status == 200
        assert (await ask(app, "POST", f"{path}/resume", key, approve)).status == 401
        assert (await ask(app, "POST", f"{path}/resume", KEY, approve)).status in (200, 202)
        await finished(app, path)


@cell("key", "in a call", "The run goes on and finishes; the next request of the key gets 401.", case="revoked")
@pytest.mark.long
async def test_a_key_is_revoked_in_a_call(tmp_path: Path) -> None:
    async with served(tmp_path, api_key=KEY) as app:
        id, key = await key_of_ann(app)
        body = {"user_input": "Hello", "background": True}
        run = (await ask(app, "POST", "/process", key, body)).json()
        assert (await ask(app, "POST", f"/keys/{id}/revoke", KEY)).status == 200
        assert (await ask(app, "GET", "/runs", key)).status == 401
        await finished(app, f"/runs/{run['run_id']}")


WRONG = ServiceError("the gateway refuses the key", code="gateway_auth", status=401)


@cell(
    "key",
    "at resume",
    "The run fails with `gateway_auth`; with the right key, `journeyman runs retry` goes on from before the failure.",
    case="of the gateway",
)
async def test_the_key_of_the_gateway_is_wrong_at_the_next_start() -> None:
    async with incomplete(desk()) as runtime:
        runtime.gateway.failure = UNREACHABLE
        run_id = await runtime.start("a")
        await runtime.stop()
        runtime.gateway.failure = WRONG
        await runtime.boot(desk())
        await runtime.pass_time(3)
        state = await runtime.state(run_id)
        assert state.error is not None
        assert state.error.code == "gateway_auth"
        runtime.gateway.failure = None
        again = await runtime.runtime.forks.retry("local", RetryRun(run_id=run_id))
        await runtime.pass_time(2)
        assert (await runtime.state(again.run_id)).status == "finished"
