"""The inbox of approvals in a real browser: what would run, what an edit changes, one answer and many."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.browser_page import BrowserPage, browser_page
from tests.harness.scripted_replies import reply_script
from tests.harness.server_environment import ServerEnvironment, server_environment

pytestmark = [pytest.mark.long, pytest.mark.timeout(120)]


async def _asking(env: ServerEnvironment, label: str, key: str) -> str:
    """Start a run that asks before a call with this label."""
    run = await env.client.start(reply_script(key, [["guarded", {"label": label}]], "Paid."), key)
    await env.client.until(run, ("paused",))
    return run


async def _until_gone(page: BrowserPage, name: str) -> None:
    await page.page.get_by_role("button", name=name).wait_for(state="hidden")


async def test_hidden_characters_show_and_edits_are_told_apart(tmp_path: Path) -> None:
    async with server_environment(tmp_path) as env, browser_page(env.server.url) as page:
        run = await _asking(env, "to-\u202eadA", "hidden")
        await page.goto("approvals")
        field = page.page.get_by_label("Arguments of guarded")
        shown = await field.input_value()
        assert "to-\\u202eadA" in shown, "marks that turn text around are seen"
        await page.page.get_by_label("Mark all").wait_for(state="hidden")
        await field.fill(shown.replace("to-\\u202eadA", "to-Ada"))
        await page.has("You change:")
        await page.has("to-\\u{202e}adA")
        await field.fill("{")
        await page.has("The arguments are not valid JSON.")
        await page.page.get_by_role("button", name="Undo").click()
        assert await field.input_value() == shown
        await field.fill(shown.replace("to-\\u202eadA", "to-Ada"))
        await page.page.get_by_role("button", name="Approve", exact=True).click()
        await page.has("approved.")
        await env.client.until(run)
        assert env.effects_log.happened("guarded", "to-Ada")
        await page.page.get_by_role("link", name="What has become of it").click()
        await page.has("approved by local")
        await page.has("guarded to-Ada done")


async def test_marked_ones_are_answered_together(tmp_path: Path) -> None:
    async with server_environment(tmp_path) as env, browser_page(env.server.url) as page:
        runs = [await _asking(env, f"coin-{number}", f"coin-{number}") for number in range(3)]
        await page.goto("approvals?kind=node")
        await page.has("None that waits fits.")
        await page.page.get_by_role("link", name="Show all").click()
        await page.page.get_by_label("Mark all that are shown").check()
        await page.has("3 marked approvals")
        await page.page.get_by_role("checkbox").nth(1).uncheck()
        await page.has("2 marked approvals")
        await page.page.get_by_role("button", name="Deny them").click()
        await _until_gone(page, "Deny them")
        await page.has("denied.")
        ended = [(await env.client.get(f"/runs/{run}"))["status"] for run in runs]
        assert ended[0] == "paused", "what was not marked still waits"
        for number, run in enumerate(runs[1:], 1):
            await env.client.until(run)
            assert not env.effects_log.happened("guarded", f"coin-{number}"), "what was denied did not run"
        assert await page.findings() == []
