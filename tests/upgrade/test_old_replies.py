"""Threads, open runs and exported tests of 0.1 whose replies had opaque fields, were empty or cut go on today."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.harness.cli_runner import shell_of, without_our_variables
from tests.harness.real_server import RealServer
from tests.upgrade.old_house import differing_events
from tests.upgrade.record_cut_replies import CUT, EXPORTS
from tests.upgrade.record_replies import HERE, STORED
from tests.upgrade.replying_gateway import CUT_REPLIES, ReplyingGateway

RUNS: dict[str, str] = json.loads(STORED.with_name("replies.json").read_text())
CUT_RUNS: dict[str, str] = json.loads(CUT.with_name("cut.json").read_text())


class Client:
    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self.http, self.url = http, url

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        async with self.http.request(method, self.url + path, json=body) as answer:
            return json.loads(await answer.text())

    async def more(self, thread: str) -> str:
        answer = await self.ask("POST", "/process", {"user_input": "more", "thread_id": thread})
        assert answer["status"] == "finished", answer
        return str(answer["response"])

    async def finished(self, run: str) -> Any:
        for _ in range(500):
            if (shown := await self.ask("GET", f"/runs/{run}"))["status"] == "finished":
                return shown
            await asyncio.sleep(0.02)
        raise TimeoutError(f"the run is {shown['status']}")


async def test_threads_with_replies_of_0_1_go_on(tmp_path: Path) -> None:
    shutil.copytree(HERE / "agents" / "replies", tmp_path / "replies")
    async with ReplyingGateway() as gateway, aiohttp.ClientSession(trust_env=False) as http:
        settings = {"LITELLM_GATEWAY_URL": gateway.url, "AUTH_MODE": "off"}
        server = RealServer(tmp_path, tmp_path / "replies", settings, preloaded=True)
        shutil.copyfile(STORED, server.database)
        try:
            await server.start()
            client = Client(http, server.url)
            await _opaque_fields(client, gateway)
            await _a_call_under_way(client, gateway)
            assert await client.more("empty") == "done"
            assert gateway.requests["empty"] == [[{"role": "user", "content": "empty\n\nmore"}]]
        finally:
            await server.close()


async def _opaque_fields(client: Client, gateway: ReplyingGateway) -> None:
    """They go back to the model that the reply names, and with a name of another they are left out."""
    assert await client.more("think") == await client.more("alias") == "done"
    thought = {"role": "assistant", "content": "thought"}
    assert gateway.requests["think"][-1][1] == {**thought, "reasoning_content": "hm"}
    assert gateway.requests["alias"][-1][1] == thought
    run = f"/runs/{RUNS['refund']}"
    [approval] = (await client.ask("GET", run))["approvals"]
    answers = [{"approval": approval["approval"], "decision": "approve"}]
    await client.ask("POST", f"{run}/resume", {"answers": answers})
    assert (await client.finished(RUNS["refund"]))["response"] == "done"
    _, asked, result = gateway.requests["refund"][-1]
    assert (asked["reasoning_content"], result["content"]) == ("hm", "refunded 5")


async def _a_call_under_way(client: Client, gateway: ReplyingGateway) -> None:
    """It had started when 0.1 was killed, so it runs again with the arguments that 0.1 gave it."""
    assert (await client.finished(RUNS["purge"]))["response"] == "done"
    assert gateway.requests["purge"][-1][-1]["content"] == "purged everything"


async def test_a_call_of_a_cut_reply_that_waited_does_not_run(tmp_path: Path) -> None:
    """0.1 asked for its approval. Given today, the call gets `reply_cut`; its reasoning goes back to the model."""
    shutil.copytree(HERE / "agents" / "replies", tmp_path / "replies")
    async with ReplyingGateway(CUT_REPLIES) as gateway, aiohttp.ClientSession(trust_env=False) as http:
        settings = {"LITELLM_GATEWAY_URL": gateway.url, "AUTH_MODE": "off"}
        server = RealServer(tmp_path, tmp_path / "replies", settings, preloaded=True)
        shutil.copyfile(CUT, server.database)
        try:
            await server.start()
            client, run = Client(http, server.url), f"/runs/{CUT_RUNS['asked']}"
            shown = await client.ask("GET", run)
            assert (shown["status"], shown["finish_reason"]) == ("paused", "length")
            answers = [{"approval": shown["approvals"][0]["approval"], "decision": "approve"}]
            await client.ask("POST", f"{run}/resume", {"answers": answers})
            assert (await client.finished(CUT_RUNS["asked"]))["response"] == "done"
            _, asked, result = gateway.requests["asked"][-1]
            assert asked["reasoning_content"] == "hm"
            assert json.loads(result["content"])["error"]["code"] == "reply_cut"
            assert await client.more("ran") == "done"
        finally:
            await server.close()


def test_exported_tests_differ_only_where_a_cut_reply_was_acted_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    without_our_variables(monkeypatch)
    monkeypatch.setenv("DEFAULT_MODEL", "offline")
    monkeypatch.chdir(tmp_path)
    shutil.copytree(HERE / "agents" / "replies", tmp_path / "replies", ignore=shutil.ignore_patterns("__pycache__"))
    for name in EXPORTS:
        shutil.copyfile(CUT.with_name(f"{name}.yaml"), tmp_path / f"{name}.agent-test.yaml")
    with shell_of(capsys) as shell:
        _, said = shell("test", ".", "--json")
    tests = {Path(each["file"]).name.partition(".")[0]: each for each in json.loads(said)["tests"]}
    found = {name: None if each["passed"] else differing_events(each["difference"]) for name, each in tests.items()}
    acted_on = [
        "event 5 does not happen any more: tool_call_started m1.0",
        "event 6, tool_call_finished m1.0, differs:",
    ]
    assert found == {"think": None, "ran": acted_on}
