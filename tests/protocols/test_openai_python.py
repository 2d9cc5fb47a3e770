"""The `openai` package and `llm-comply` against a real server. `make test-protocols` installs them."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.harness.real_server import ROOT, RealServer

CLIENT = ROOT / "build" / "protocols" / "openai-python" / "bin"
AGENT = "type: react_agent\nname: guide\nprompt: You help visitors.\nmodel: offline\n"
SECONDS = 60

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not (CLIENT / "python").exists() and "CI" not in os.environ, reason="run `make test-protocols`"),
]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RealServer]:
    (tmp_path / "agent.yaml").write_text(AGENT)
    made = RealServer(tmp_path, tmp_path / "agent.yaml", {})
    await made.start()
    try:
        yield made
    finally:
        await made.close()


async def output_of(program: str, *arguments: str) -> str:
    """Run a program of the client's environment. Returns what it prints."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        str(CLIENT / program), *arguments, stdout=pipe, stderr=sys.stderr, env={"PATH": "/usr/bin:/bin"}
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
    return out.decode()


async def test_the_openai_package_talks_to_an_agent(server: RealServer) -> None:
    script = Path(__file__).parent / "clients" / "openai_chat.py"
    seen = json.loads(await output_of("python", str(script), f"{server.url}/v1"))
    assert (seen["models"], seen["owner"]) == (["guide"], "journeyman")
    first, second = seen["first"], seen["second"]
    assert (first["reason"], bool(first["text"]), first["tokens"] > 0) == ("stop", True, True)
    assert (second["thread"], bool(second["text"]), second["tokens"] > 0) == (first["thread"], True, True)
    assert seen["errors"] == [
        ["NotFoundError", 404, "model_not_found", "model"],
        ["BadRequestError", 400, "invalid_request", "messages"],
        ["BadRequestError", 400, "unsupported_parameter", "n"],
    ]


async def test_llm_comply_finds_no_fault_but_tools_of_the_caller(server: RealServer) -> None:
    arguments = ("-u", f"{server.url}/v1", "-k", "any", "-m", "guide", "--format", "openai-chat", "--timeout", "20")
    out = await output_of("llm-comply", *arguments)
    failed = [line.strip() for line in out.splitlines() if "❌" in line]
    assert [line for line in failed if "Tool Calling" not in line] == [], out
    assert "7/9 passed" in out, out
