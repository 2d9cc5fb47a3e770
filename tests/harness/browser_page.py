"""The page in Chromium: opened at a size and in a theme, with everything that it complains about on the way."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.async_api import Page, async_playwright

ROOT = Path(__file__).parents[2]
DESKTOP, PHONE = (1280, 800), (360, 740)
WAIT_MS = 10_000
_AXE = ROOT / "ui/node_modules/axe-core/axe.min.js"


@dataclass
class BrowserPage:
    """`complaints` are errors of scripts, of the console and of the content policy. The test's end checks them."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    lost_connections_allowed: bool = False
    expected_statuses: set[int] = field(default_factory=set)  # refusals that the browser notes in its console

    async def goto(self, path: str) -> None:
        await self.page.goto(f"{self.url}/ui/{path}")

    async def has(self, text: str, within: str = "#view") -> None:
        """Wait until a part of the page shows a text. Raises AssertionError with what it shows instead."""
        part = self.page.locator(within).first
        try:
            await part.get_by_text(text).filter(visible=True).first.wait_for(state="visible", timeout=WAIT_MS)
        except Exception as exc:
            raise AssertionError(f"{text!r} is not in {await part.inner_text()!r}; {self.complaints}") from exc

    async def until(self, expression: str) -> None:
        """Wait until an expression of JavaScript is true. Playwright's own wait breaks the page's policy."""
        async with asyncio.timeout(WAIT_MS / 1000):
            while not await self.page.evaluate(expression):
                await asyncio.sleep(0.05)

    async def tab_to(self, name: str, role: str = "", most: int = 60) -> None:
        """Press Tab until the control with this name has the focus: a person without a mouse gets there."""
        for _ in range(most):
            await self.page.keyboard.press("Tab")
            focused = await self.page.evaluate(_FOCUSED)
            if focused["name"] == name and (not role or focused["role"] == role):
                return
        raise AssertionError(f"Tab does not come to {name!r}")

    async def findings(self) -> list[str]:
        """Return the serious and critical findings of axe-core."""
        await self.page.evaluate(_AXE.read_text("utf-8"))
        found = await self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{each['id']}: {each['help']}: {[node['html'][:200] for node in each['nodes']]}"
            for each in found["violations"]
            if each["impact"] in ("serious", "critical")
        ]

    async def width_beyond(self) -> int:
        """Return by how many pixels the page is wider than the screen."""
        wider = await self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return int(wider)


_FOCUSED = """() => {
  const at = document.activeElement;
  if (!at || at === document.body) return {name: "", role: ""};
  const label = at.labels && at.labels.length ? at.labels[0].innerText : "";
  const name = at.getAttribute("aria-label") || label || at.innerText || at.getAttribute("placeholder") || "";
  return {name: name.trim().split("\\n")[0], role: at.getAttribute("role") || at.tagName.toLowerCase()};
}"""


def chromium() -> str:
    """Return the path of Chromium. Skips the test if there is none, but fails it in CI."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        reason = "There is no Chromium here. `make test` installs Debian's."
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path


@asynccontextmanager
async def browser_page(
    url: str,
    size: tuple[int, int] = DESKTOP,
    theme: Literal["light", "dark"] = "light",
    **context: Any,
) -> AsyncIterator[BrowserPage]:
    """Open the page of a server. On exit, everything that it complained about fails the test."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        try:
            viewport = {"width": size[0], "height": size[1]}
            page = await browser.new_page(viewport=viewport, color_scheme=theme, **context)
            page.set_default_timeout(WAIT_MS)
            opened = BrowserPage(page, url)
            page.on("console", lambda message: _note(opened, message.type, message.text))
            page.on("pageerror", lambda error: opened.complaints.append(f"script: {error}"))
            page.on("request", lambda request: _foreign(opened, request.url))
            yield opened
            assert not opened.complaints, "\n".join(opened.complaints)
        finally:
            await browser.close()


def _note(opened: BrowserPage, kind: str, text: str) -> None:
    lost = opened.lost_connections_allowed and "net::ERR_" in text
    expected = any(f"status of {status}" in text for status in opened.expected_statuses)
    if kind in ("error", "warning") and not lost and not expected:
        opened.complaints.append(f"{kind}: {text}")


def _foreign(opened: BrowserPage, url: str) -> None:
    if not url.startswith((opened.url, "data:", "blob:")):
        opened.complaints.append(f"asked another host: {url}")
