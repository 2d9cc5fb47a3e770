"""The forms of tools in a real browser: fields of nested types, what the server refuses, and an agent's policies."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.browser_page import browser_page
from tests.harness.server_environment import server_environment

pytestmark = [pytest.mark.long, pytest.mark.timeout(120)]

TOOLS = '''
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from journeyman import tool


@dataclass
class Stop:
    city: str
    nights: int = 1


@tool(effects="none", cache_ttl=60)
def plan(
    stops: list[Stop], code: Annotated[str, Field(pattern="^[A-Z]{3}$")], first: Stop | None = None
) -> str:
    """Plan a journey."""
    return f"planned {stops[0].city} {stops[0].nights} {code} {first}"
'''
AGENT = """\
type: react_agent
prompt: Travel.
model: {name: fake}
tools: [{name: plan, approval: always}]
"""


async def test_nested_fields_and_what_only_the_server_knows(tmp_path: Path) -> None:
    files = {"traveller": AGENT, "tools/travel.py": TOOLS}
    async with server_environment(tmp_path, agents=files) as env, browser_page(env.server.url) as page:
        page.expected_statuses = {400}
        await page.goto("tools/plan")
        await page.page.get_by_role("button", name="Add one").click()
        await page.page.get_by_role("button", name="Run").click()
        await page.has("This is required.")
        await page.page.get_by_label("city").fill("Oslo-7")
        await page.page.get_by_label("code").fill("x")
        await page.page.get_by_role("button", name="Run").click()
        await page.has("the value does not match")
        assert (await env.client.get("/runs"))["items"] == [], "nothing ran"
        await page.page.get_by_label("code").fill("NOK")
        await page.page.get_by_role("button", name="Run").click()
        await page.has("May plan run with these arguments?")
        await page.page.get_by_role("button", name="Approve", exact=True).click()
        await page.has("planned Oslo-7 1 NOK None")
        await page.page.get_by_role("button", name="Forget cached results").click()
        await page.has("forgotten.")
        await page.page.get_by_label("With the policies of").select_option("traveller")
        await page.has("always")
        assert page.page.url.endswith("?agent=traveller")
        assert await page.findings() == []
