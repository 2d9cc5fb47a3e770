"""Threads and agents in a real browser: an export holds the conversation, and a rollback asks first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.harness.browser_page import browser_page
from tests.harness.scripted_replies import reply_script
from tests.harness.server_environment import server_environment

pytestmark = [pytest.mark.long, pytest.mark.timeout(120)]

AGENT = "type: react_agent\nname: clerk\ndescription: {}\nprompt: Write.\nmodel: {{name: fake}}\ntools: [look]\n"


async def test_an_export_holds_the_messages_and_the_runs(tmp_path: Path) -> None:
    async with server_environment(tmp_path) as env, browser_page(env.server.url) as page:
        run = await env.client.start(reply_script("kept", "The ink is blue."), "kept", thread_id="letters:7")
        await env.settle(run)
        await page.goto("threads")
        async with page.page.expect_download() as started:
            await page.page.get_by_role("button", name="Export").click()
        saved = json.loads(Path(await (await started.value).path()).read_text("utf-8"))
        assert saved["thread"]["thread_id"] == "letters:7"
        assert [each["run_id"] for each in saved["runs"]] == [run]
        assert "The ink is blue." in json.dumps(saved["messages"])
        assert len(saved["messages"]) == 2


async def test_a_reload_says_what_changed_or_where_the_mistake_is(tmp_path: Path) -> None:
    async with server_environment(tmp_path, agents={"clerk": AGENT.format("Writes slowly")}) as env:
        file = env.effects_log.agents / "clerk.yaml"
        async with browser_page(env.server.url) as page:
            await page.goto("agents/clerk")
            await page.has("Writes slowly")
            file.write_text(AGENT.format("Writes fast") + "wrong: 1\n")
            await page.page.get_by_role("button", name="Read the files anew").click()
            await page.has("Nothing has changed, since the files have problems:")
            await page.has("clerk.yaml:7", ".problems code")
            file.write_text(AGENT.format("Writes fast"))
            await page.page.get_by_role("button", name="Read the files anew").click()
            await page.has("New runs use what has changed:")
            await page.has("Writes fast")
            await page.page.get_by_role("button", name="Serve this one…").click()
            assert await page.findings() == []
            await page.page.get_by_role("button", name="Serve it").click()
            await page.has("Writes slowly")
            await page.has("rolled back")
