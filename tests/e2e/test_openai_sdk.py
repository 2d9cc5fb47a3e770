"""OpenAI's own library as a client of the Responses API of `journeyman fake-llm`: plain and streamed, with tools."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from benchmarks.child import Child, free_port
from benchmarks.servers import ROOT, environment
from tests.wires.player import Form, play, shapes

VENV = ROOT / ".venv-openai"
CLIENT = ROOT / "tests" / "harness" / "openai_sdk_client.py"
TYPES = ROOT / "tests" / "harness" / "openai_sdk_types.py"
SCRIPT = """\
- text: "Let me look."
  tool_calls: [{name: lookup, arguments: {city: Paris}}, {name: now}]
  usage: {input_tokens: 20, output_tokens: 6, cached_tokens: 5}
- {when: "12:00", text: "It is sunny, at noon."}
"""

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def sdk() -> str:
    """The library's own environment, made once; where packages cannot be had, a reason, and under CI a failure."""
    python = VENV / "bin" / "python"
    if not (VENV / "made").exists():
        made = [sys.executable, "-m", "venv", "--clear", str(VENV)]
        uv = Path(sys.executable).with_name("uv")  # a fifth of the time that pip takes
        install = [str(uv), "pip", "install", "-q", "--python", str(python), "openai"]
        try:
            for argv in (made, install):
                subprocess.run(argv, check=True, capture_output=True, timeout=400)
        except subprocess.SubprocessError as exc:
            text = f"the library of OpenAI could not be installed: {getattr(exc, 'stderr', b'')!r}"
            if os.environ.get("CI", "").lower() in ("1", "true"):
                pytest.fail(text, pytrace=False)
            pytest.skip(text)
        (VENV / "made").touch()
    return str(python)


@pytest.fixture
def fake_llm(tmp_path: Path) -> Iterator[str]:
    """`journeyman fake-llm` with a script: its URL."""
    port = free_port()
    script = tmp_path / "turns.yaml"
    script.write_text(SCRIPT)
    argv = [sys.executable, "-m", "journeyman", "fake-llm", "--port", str(port), "--model", f"script:{script}"]
    child = Child("fake-llm", argv, tmp_path, environment(), cwd=ROOT)
    try:
        child.wait_http(f"http://127.0.0.1:{port}/v1/models", 30)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        child.kill_group()


@pytest.mark.parametrize("form", ["plain", "streamed"])
def test_a_tool_loop(sdk: str, fake_llm: str, form: str) -> None:
    done = subprocess.run([sdk, str(CLIENT), fake_llm, form], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    played: dict[str, Any] = json.loads(done.stdout)
    first, last = played["replies"]
    assert [item["type"] for item in first["output"]] == ["reasoning", "message", "function_call", "function_call"]
    assert first["output"][0]["encrypted_content"] == "sealed-1"
    assert [(item["name"], item["arguments"]) for item in first["output"][2:]] == [
        ("lookup", '{"city":"Paris"}'),
        ("now", "{}"),
    ]
    usage = first["usage"]
    assert (usage["input_tokens"], usage["input_tokens_details"]["cached_tokens"]) == (20, 5)
    assert (usage["output_tokens"], usage["output_tokens_details"]["reasoning_tokens"]) == (6, 3)
    assert last["output"][-1]["content"][0]["text"] == "It is sunny, at noon."
    assert (first["status"], last["status"]) == ("completed", "completed")
    assert played["streamed"] == ("Let me look.It is sunny, at noon." if form == "streamed" else "")


NOT_TYPED = ("responses_long_ids",)  # reasoning without an id, which the types demand and OpenAI does not


async def test_requests_of_all_shapes_fit_the_types(sdk: str) -> None:
    """What a server sent is sent back as it came, so this is about the shapes that are accepted too."""
    ours = [shape for shape in shapes() if "responses" in shape["name"] and shape["name"] not in NOT_TYPED]
    accepted = [shape for shape in ours if "refuses" not in shape]
    played = [await play(shape, form) for shape in accepted for form in get_args(Form) if form in shape]
    bodies = [body for each in played for body in each.requests if "input" in body]
    assert len(bodies) > 50
    lines = "\n".join(map(json.dumps, bodies)).encode()
    done = subprocess.run([sdk, str(TYPES)], input=lines, capture_output=True, timeout=120)
    assert (done.returncode, done.stdout.decode()) == (0, ""), done.stderr.decode()[-2000:]
