"""Ten tasks that a newcomer does within a minute each, walked by keyboard alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.harness.browser_page import BrowserPage, browser_page
from tests.harness.scripted_replies import reply_script
from tests.harness.server_environment import ServerEnvironment, server_environment

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]
SECONDS = 60


@contextmanager
def task(name: str) -> Iterator[None]:
    """Do a task, and print how long it took."""
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    print(f"{name}: {took:.1f} s")
    assert took < SECONDS


async def _keys(page: BrowserPage, *keys: str) -> None:
    for key in keys:
        await page.page.keyboard.press(key)


async def _type(page: BrowserPage, text: str) -> None:
    await page.page.keyboard.insert_text(text)


async def test_ten_tasks_without_a_mouse(tmp_path: Path) -> None:
    async with server_environment(tmp_path) as env, browser_page(env.server.url) as page:
        await page.goto("")
        await page.has("What shall the agent do?")
        with task("1: learn the keys"):
            await _keys(page, "?")
            await page.has("Go to Runs", "dialog")
            await _keys(page, "Escape")
        with task("2: ask the agent something"):
            await _keys(page, "i")
            await _type(page, reply_script("one", [["look", {"label": "pier-1"}]], "It is at pier-1."))
            await _keys(page, "Enter")
            await page.has("It is at pier-1.", ".answered")
        with task("3: approve a call with another argument"):
            await _type(page, reply_script("two", [["guarded", {"label": "buoy-2"}]], "Done with the buoy."))
            await _keys(page, "Enter")
            await page.has("May this call run?")
            await page.tab_to("Approve")
            await _keys(page, "Enter")
            await page.has("Done with the buoy.", ".turn:last-child .answered")
            assert env.effects_log.happened("guarded", "buoy-2")
        with task("4: find the run of a tool"):
            await _keys(page, "g", "r")
            await page.has("Compare two")
            await page.tab_to("Tool")
            await _type(page, "guarded")
            await _keys(page, "Enter")
            await page.page.wait_for_url("**/runs?tool=guarded")
            await page.has("buoy-2")
        with task("5: see what a step took and returned"):
            await page.until("document.querySelectorAll('td.question a').length === 1")
            await page.page.evaluate("document.querySelector('#view').focus()")
            await _to_first_run(page)
            await page.has("Timeline")
            await _keys(page, "j", "j")
            await page.has("guarded buoy-2 done", ".step-details")
        with task("6: learn why it asked"):
            await _keys(page, "2")
            await page.has("since each call of this tool asks.")
        with task("7: walk back through its states"):
            await _keys(page, "3")
            await page.has("What the event changed")
            await _keys(page, "ArrowLeft", "ArrowLeft", "ArrowLeft")
            await page.page.wait_for_url("**at=*")
        with task("8: fork it"):
            await _keys(page, "f")
            await page.has("Fork the run", "dialog")
            await page.tab_to("Fork", "button")
            await _keys(page, "Enter")
            await page.has("of its parent")
        with task("9: try a tool"):
            await _keys(page, "g", "o")
            await page.has("Look at something.")
            await page.tab_to("look")
            await _keys(page, "Enter")
            await page.has("Try it")
            await page.tab_to("label required")
            await _type(page, "mast-9")
            await page.tab_to("Run")
            await _keys(page, "Enter")
            await page.has("look mast-9 done")
        with task("10: delete the conversation"):
            await _keys(page, "g", "t")
            await page.has("New conversation")
            before = len((await env.client.get("/threads"))["items"])
            await page.tab_to("Delete…")
            await _keys(page, "Enter")
            await page.has("This cannot be undone.", "dialog")
            await page.tab_to("Delete")
            await _keys(page, "Enter")
            await _fewer_threads(env, before)


async def _to_first_run(page: BrowserPage) -> None:
    """Press Tab until a run's question has the focus, and follow it."""
    for _ in range(60):
        await page.page.keyboard.press("Tab")
        if await page.page.evaluate("!!document.activeElement.closest('td.question')"):
            await page.page.keyboard.press("Enter")
            return
    raise AssertionError("Tab does not come to the run")


async def _fewer_threads(env: ServerEnvironment, before: int) -> None:
    end = time.monotonic() + 10
    while len((await env.client.get("/threads"))["items"]) >= before:
        assert time.monotonic() < end, "the thread is still there"
