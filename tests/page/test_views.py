"""Each view in a real browser, in both themes and sizes: it shows what this journal holds, and axe finds nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from tests.harness.browser_page import DESKTOP, PHONE, BrowserPage, browser_page
from tests.harness.scripted_replies import reply_script
from tests.harness.server_environment import ServerEnvironment, server_environment

pytestmark = [pytest.mark.long, pytest.mark.timeout(120)]

GRAPH = """\
type: custom_react_agent
name: letters
description: Drafts a letter & judges it
prompt: Write.
model: {name: fake}
tools: [look]
graph:
  start: draft
  nodes:
    draft: {type: llm}
    act: {type: tools}
    send: {type: approval, message: "Send the letter?"}
  edges:
    - {from: draft, to: act, when: "state.tool_calls.size() > 0"}
    - {from: draft, to: send}
    - {from: act, to: draft}
    - {from: send, to: end}
"""
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script> \u202egnp.exe \u001b[31mred \u200bzero"


async def _work(env: ServerEnvironment) -> dict[str, str]:
    """Leave runs of each kind behind: finished, waiting, of a graph. Returns their ids by name."""
    done = await env.client.start(reply_script("lamp", [["look", {"label": "lamp-3"}]], "The lamp is lit."), "lamp")
    await env.settle(done)
    asking = await env.client.start(reply_script("coin", [["guarded", {"label": "coin-9"}]], "Paid."), "coin")
    await env.client.until(asking, ("paused",))
    graph = await env.client.start(
        reply_script("letter", [["look", {"label": "ink-5"}]], "Dear Ada"), "letter", agent="letters"
    )
    await env.client.until(graph, ("paused",))
    hostile = await env.client.start(f"{HOSTILE} ![x](https://evil.example/x.png)", "trap")
    await env.settle(hostile)
    return {"done": done, "asking": asking, "graph": graph, "hostile": hostile}


def _views(runs: dict[str, str], thread: str) -> list[tuple[str, str]]:
    """Return each view with a text that only this journal holds."""
    return [
        (f"chat/{thread}", "The lamp is lit."),
        ("threads", "lamp-3"),
        ("runs", "lamp-3"),
        (f"runs/{runs['done']}", "look"),
        (f"runs/{runs['done']}?step=m1.0", "look lamp-3 done"),
        (f"runs/{runs['asking']}?tab=why", "may run, since each call of this tool asks."),
        (f"runs/{runs['done']}?tab=state&at=4", "What the event changed"),
        (f"runs/{runs['done']}?tab=events&at=4", "lamp-3"),
        (f"runs/{runs['done']}?with={runs['asking']}", "They were asked different questions."),
        (f"graph/letters?run={runs['graph']}", "approval"),
        ("approvals", "Send the letter?"),
        ("tools", "Pay somebody after a human said yes."),
        ("tools/slow", "Take a while."),
        ("reference/explain_run", "Why the run asked, waited, retried, stopped, and what it cost"),
        ("agents", "Drafts a letter & judges it"),
        ("agents/letters", "Drafts a letter & judges it"),
        ("overview", "Runs that ended"),
        ("settings", "Ready for work"),
        ("settings?tab=keys", "There is no key yet"),
    ]


@pytest.mark.parametrize(("size", "theme"), [(DESKTOP, "light"), (DESKTOP, "dark"), (PHONE, "light"), (PHONE, "dark")])
async def test_each_view_shows_its_data_and_has_no_serious_finding(
    tmp_path: Path, size: tuple[int, int], theme: Literal["light", "dark"]
) -> None:
    async with server_environment(tmp_path, agents={"letters": GRAPH}) as env:
        runs = await _work(env)
        thread = (await env.client.get(f"/runs/{runs['done']}"))["thread_id"]
        async with browser_page(env.server.url, size, theme) as page:
            for path, text in _views(runs, thread):
                await page.goto(path)
                await page.has(text)
                assert await page.findings() == [], path
                assert await page.width_beyond() == 0, path
                assert "\u202e" not in await page.page.locator("#view").inner_text(), path


async def test_text_of_others_stays_text(tmp_path: Path) -> None:
    async with server_environment(tmp_path) as env:
        run = await env.client.start(f"{HOSTILE} ![x](https://evil.example/x.png)", "trap")
        await env.settle(run)
        thread = (await env.client.get(f"/runs/{run}"))["thread_id"]
        async with browser_page(env.server.url) as page:
            for path in (f"chat/{thread}", "runs", f"runs/{run}", f"runs/{run}?step=m1", f"runs/{run}?tab=state"):
                await page.goto(path)
                await page.has("onerror=alert(1)")
                view = page.page.locator("#view")
                assert await view.locator("img, script, iframe, object").count() == 0, path
                shown = await view.inner_text()
                assert "\u202e" not in shown, path
                assert "\\u{202e}gnp.exe" in shown, path


async def test_a_line_of_a_megabyte_breaks_nothing(tmp_path: Path) -> None:
    script = reply_script("wide", {"text": "w" * 1000, "repeat": 1000})
    async with server_environment(tmp_path) as env:
        run = await env.client.start(script, "wide")
        await env.settle(run)
        thread = (await env.client.get(f"/runs/{run}"))["thread_id"]
        async with browser_page(env.server.url, PHONE) as page:
            for path in (f"chat/{thread}", f"runs/{run}?step=m1", f"runs/{run}?tab=events&at=4"):
                await page.goto(path)
                await page.has("characters.")
                assert await page.width_beyond() == 0, path
                assert len(await page.page.content()) < 100_000, path


async def test_a_fork_begins_at_the_step_that_was_chosen(tmp_path: Path) -> None:
    async with server_environment(tmp_path) as env, browser_page(env.server.url) as page:
        run = await env.client.start(reply_script("fork", [["look", {"label": "first"}]], "Once."), "fork")
        await env.settle(run)
        await page.goto(f"runs/{run}?step=m1.0")
        await page.page.get_by_role("button", name="Fork from here").click()
        assert await page.page.get_by_label("After event").input_value() == "6"
        await page.page.get_by_role("dialog").get_by_role("button", name="Fork", exact=True).click()
        await page.has("forked at event 6 of its parent")
        fork = page.page.url.rsplit("/", 1)[1]
        assert fork != run
        assert (await env.client.get(f"/runs/{fork}"))["forked_from"] == run


async def test_a_form_says_what_is_wrong_before_it_sends(tmp_path: Path) -> None:
    async with server_environment(tmp_path) as env, browser_page(env.server.url) as page:
        await page.goto("tools/slow")
        await page.page.get_by_label("seconds").fill("soon")
        await page.page.get_by_role("button", name="Run").click()
        await page.has("This is required.")
        await page.has("This is not a number.")
        assert (await env.client.get("/runs"))["items"] == [], "nothing was sent"
        await page.page.get_by_label("label").fill("form-4")
        await page.page.get_by_label("seconds").fill("0.10")
        await page.page.get_by_role("button", name="Run").click()
        await page.has("slow form-4 done")


async def test_an_operation_is_tried_where_it_is_described(tmp_path: Path) -> None:
    async with server_environment(tmp_path) as env, browser_page(env.server.url) as page:
        run = await env.client.start(reply_script("api", "Told."), "api")
        await env.settle(run)
        await page.page.goto(f"{env.server.url}/docs")
        await page.page.get_by_role("link", name="GET /runs/{run_id}/why").click()
        await page.page.get_by_label("run_id (required)").fill(run)
        await page.page.get_by_role("button", name="Send").click()
        await page.has("It ended, since the agent had its answer.")
        await page.goto("reference/erase_thread")
        assert await page.page.get_by_role("button", name="Send").is_disabled(), "it asks first"


async def _key(env: ServerEnvironment, admin: str, *scopes: str) -> str:
    body = {"name": "-".join(scopes), "scopes": list(scopes)}
    headers = {"authorization": f"Bearer {admin}"}
    async with env.client.http.post(f"{env.server.url}/keys", json=body, headers=headers) as answer:
        return str((await answer.json())["key"])


async def _sign_in(page: BrowserPage, key: str) -> None:
    await page.page.get_by_label("Key or token").fill(key)
    await page.page.get_by_role("button", name="Sign in").click()


async def test_a_key_shows_what_it_may_do_and_no_more(tmp_path: Path) -> None:
    admin = "k" * 40
    settings = {"AUTH_MODE": "required", "API_KEY": admin}
    async with server_environment(tmp_path, settings) as env, browser_page(env.server.url) as page:
        page.expected_statuses = {401}
        reader = await _key(env, admin, "read")
        await page.goto("runs")
        await page.page.get_by_label("Key or token").fill("jm_wrong")
        await page.page.get_by_role("button", name="Sign in").click()
        await page.has("The server does not accept this key.", "main")
        await _sign_in(page, reader)
        await page.has("There is no run yet")
        await page.goto("approvals")
        await page.has("This needs the scope “approve”")
        await page.goto("chat")
        await page.has("This needs the scope “run”")
        assert await page.page.get_by_label("Message").is_disabled()
        stored = await page.page.evaluate("JSON.stringify([document.cookie, Object.keys(localStorage)])")
        assert stored == '["",[]]', "the key stays in the tab"
        await page.page.get_by_role("button", name="Sign out").click()
        await page.has("Key or token", "main")


async def test_a_key_is_made_rotated_and_revoked_and_its_secret_is_shown_once(tmp_path: Path) -> None:
    admin = "k" * 40
    settings = {"AUTH_MODE": "required", "API_KEY": admin}
    async with server_environment(tmp_path, settings) as env, browser_page(env.server.url) as page:
        page.expected_statuses = {401}
        button = page.page.get_by_role("dialog").get_by_role("button", name="Make the key")
        await page.goto("settings?tab=keys")
        await _sign_in(page, admin)
        await page.page.get_by_role("button", name="Make a key…").click()
        await button.click()
        await page.has("Give the key a name.")
        await page.page.get_by_label("Name").fill("pier-key")
        await button.click()
        await page.has("Copy the key now.")
        secret = await page.page.get_by_role("dialog").locator("pre").inner_text()
        async with env.client.http.get(
            f"{env.server.url}/whoami", headers={"authorization": f"Bearer {secret}"}
        ) as answer:
            assert (await answer.json())["scopes"] == ["run", "read"]
        await page.page.get_by_role("button", name="I have it").click()
        assert secret not in await page.page.content()
        await page.page.get_by_role("button", name="Rotate… pier-key").click()
        await page.page.get_by_role("dialog").get_by_role("button", name="Rotate", exact=True).click()
        await page.has("Copy the key now.")
        await page.page.get_by_role("button", name="I have it").click()
        for _ in range(2):
            await page.page.get_by_role("button", name="Revoke… pier-key").first.click()
            await page.page.get_by_role("dialog").get_by_role("button", name="Revoke", exact=True).click()
            await page.page.get_by_role("dialog").wait_for(state="detached")
            await page.has("revoked")
            assert await page.findings() == []
        assert await page.page.get_by_role("button", name="Revoke… pier-key").count() == 0
