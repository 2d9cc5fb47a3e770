"""The chat in a real browser before a real server: the three paths that matter most."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.browser_page import PHONE, browser_page
from tests.harness.scripted_replies import reply_script
from tests.harness.server_environment import server_environment


async def test_a_message_is_answered_with_its_tool_calls_in_sight(tmp_path: Path) -> None:
    script = reply_script("harbour", [["look", {"label": "quay-7"}]], "The ship is at **quay-7**.")
    async with server_environment(tmp_path) as env, browser_page(env.server.url) as page:
        await page.goto("")
        await page.page.get_by_label("Message").fill(script)
        await page.page.keyboard.press("Enter")
        await page.has("The ship is at quay-7.", ".answered")
        assert await page.page.locator(".answered strong").inner_text() == "quay-7", "Markdown"
        await page.page.locator(".tool-step summary").click()
        await page.has("look quay-7 done", ".tool-step")
        await page.has("56 tokens", ".answered footer")
        [thread] = (await env.client.get("/threads"))["items"]
        assert page.page.url.endswith(f"/ui/chat/{thread['thread_id']}"), "the address is the conversation's"
        await page.page.reload()
        await page.has("The ship is at quay-7.", ".answered")


async def test_an_approval_is_answered_in_the_conversation(tmp_path: Path) -> None:
    script = reply_script("rope", [["guarded", {"label": "rope-12"}]], "Paid rope-12.")
    async with server_environment(tmp_path) as env, browser_page(env.server.url, PHONE) as page:
        await page.goto("")
        await page.page.get_by_label("Message").fill(script)
        await page.page.get_by_role("button", name="Send").click()
        await page.has("It waits for a human.", ".answered footer")
        await page.page.get_by_role("textbox", name="Arguments of guarded").fill('{"label": "rope-13"}')
        await page.page.get_by_role("button", name="Approve").click()
        await page.has("Paid rope-12.", ".answered")
        await page.page.locator(".tool-step summary").click()
        await page.has("guarded rope-13 done", ".tool-step")
        assert env.effects_log.happened("guarded", "rope-13")
        assert await page.width_beyond() == 0


@pytest.mark.alone
async def test_a_stream_goes_on_after_the_server_was_killed(tmp_path: Path) -> None:
    text = "".join(f"word{number:03d} " for number in range(60)) + "end of the tale"
    script = reply_script("tale", [["put", {"label": "tale"}]], {"text": text, "chunks": 30, "hold_after": 15})
    async with server_environment(tmp_path) as env, browser_page(env.server.url) as page:
        page.lost_connections_allowed = True
        await page.goto("")
        await page.page.get_by_label("Message").fill(script)
        await page.page.keyboard.press("Enter")
        await env.gateway.reached("tale")
        await page.has("word000", ".answered")
        await env.server.kill()
        await page.has("The connection is lost. It is opened again…", ".answered")
        env.gateway.release("tale")
        await env.server.start()
        await page.has("end of the tale", ".answered")
        said = await page.page.locator(".answered .markdown").all_inner_texts()
        assert " ".join(said).split() == text.split(), "no gap and no repeat"
        assert await page.page.locator(".tool-step").count() == 1
        assert await page.page.get_by_text("The connection is lost").count() == 0
