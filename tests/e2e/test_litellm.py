"""A real LiteLLM proxy as the gateway, in front of `journeyman fake-llm` and of the servers of the matrix."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from benchmarks.child import Child, free_port
from benchmarks.servers import ROOT, environment
from tests.harness.api_client import ApiClient
from tests.harness.real_server import RealServer
from tests.harness.sse_client import process
from tests.wires.matrix import FORMS, PLAYS
from tests.wires.player import Form, RecordingTransport, play
from tests.wires.rounds import TYPED
from tests.wires.rounds import rounds as rounds_of
from tests.wires.server_shapes import loop, servers

VENV = ROOT / ".venv-litellm"
KEY = "sk-proxy-for-tests"
AGENT = """\
type: react_agent
name: helper
prompt: Help.
model: house-model
tools: [add]
"""
TOOL = '''\
from __future__ import annotations

from journeyman import tool


@tool(effects="none")
async def add(a: int, b: int) -> int:
    """Add two numbers.

    Args:
        a: The first number.
        b: The second number.
    """
    return a + b
'''
CONFIG = """\
model_list:
  - model_name: house-model
    litellm_params: {{model: openai/offline, api_base: "{upstream}/v1", api_key: sk-upstream}}
{models}
general_settings: {{master_key: {key}}}
litellm_settings: {{telemetry: false, drop_params: true, num_retries: 0}}
router_settings: {{num_retries: 0, disable_cooldowns: true}}
"""
MODEL = """\
  - model_name: {number}-{play}
    litellm_params:
      model: {provider}/m
      api_base: "{upstream}/{number}/{play}/v1"
      api_key: sk-upstream
      max_retries: 0
"""
# Servers of the matrix, and LiteLLM's provider for each. Mistral is left out: LiteLLM does not pass on its thinking
# parts and `model_length`.
PROVIDERS = {
    "OpenAI (chat)": "openai",
    "DeepSeek": "deepseek",
    "Groq": "groq",
    "Cerebras": "cerebras",
    "xAI": "xai",
    "Qwen (DashScope)": "dashscope",
    "Kimi (Moonshot)": "moonshot",
    "OpenRouter": "openrouter",
    "vLLM": "hosted_vllm",
    "Fireworks": "openai",
}
NUMBERS = {server["name"]: number for number, server in enumerate(servers())}
ROUNDS = [(name, play, form) for name in PROVIDERS for play in PLAYS for form in FORMS]

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def proxy_command() -> str:
    """The proxy's own environment, made once; where packages cannot be had, a reason, and under CI a failure."""
    command = VENV / "bin" / "litellm"
    if not command.exists():
        made = [sys.executable, "-m", "venv", str(VENV)]
        uv = Path(sys.executable).with_name("uv")  # a fifth of the time that pip takes
        install = [str(uv), "pip", "install", "-q", "--python", str(VENV / "bin" / "python"), "litellm[proxy]", "mcp"]
        try:
            for argv in (made, install):
                subprocess.run(argv, check=True, capture_output=True, timeout=400)
        except subprocess.SubprocessError as exc:
            text = f"LiteLLM could not be installed: {getattr(exc, 'stderr', b'')!r}"
            if os.environ.get("CI", "").lower() in ("1", "true"):
                pytest.fail(text, pytrace=False)
            pytest.skip(text)
    return str(command)


@pytest.fixture(scope="module")
def rounds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the servers of the matrix."""
    port = free_port()
    argv = [sys.executable, "-m", "tests.wires.upstream", str(port)]
    path = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    child = Child("upstream", argv, tmp_path_factory.mktemp("upstream"), environment(**path), cwd=ROOT)
    try:
        child.wait_http(f"http://127.0.0.1:{port}/0/loop", 30)
        yield f"http://127.0.0.1:{port}"
    finally:
        child.kill_group()


@pytest.fixture(scope="module")
def proxy(proxy_command: str, rounds: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`fake-llm` and the servers of the matrix, and LiteLLM in front of them: the URL of LiteLLM."""
    folder = tmp_path_factory.mktemp("litellm")
    port, upstream = free_port(), free_port()
    config = folder / "config.yaml"
    models = "".join(
        MODEL.format(number=NUMBERS[name], play=play, provider=provider, upstream=rounds)
        for name, provider in PROVIDERS.items()
        for play in PLAYS
    )
    config.write_text(CONFIG.format(upstream=f"http://127.0.0.1:{upstream}", models=models, key=KEY))
    argv = [sys.executable, "-m", "journeyman", "fake-llm", "--port", str(upstream)]
    fake = Child("fake-llm", argv, folder, environment(), cwd=ROOT)
    settings = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False", "NO_PROXY": "127.0.0.1"}
    argv = [proxy_command, "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    child = Child("litellm", argv, folder, environment(**settings), cwd=folder)
    try:
        fake.wait_http(f"http://127.0.0.1:{upstream}/v1/models", 30)
        child.wait_http(f"http://127.0.0.1:{port}/health/liveliness", 120, 0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        child.kill_group()
        fake.kill_group()


@pytest.fixture
def deployed(proxy_command: str, tmp_path: Path) -> Iterator[str]:
    """LiteLLM with the files of the deployment: its URL."""
    for name in ("litellm.yaml", "litellm_auth.py"):
        (tmp_path / name).write_text((ROOT / "deploy" / name).read_text())
    (tmp_path / "gateway-key").write_text(f"{KEY}\n")
    port = free_port()
    settings = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "NO_PROXY": "127.0.0.1",
        "LITELLM_MASTER_KEY": "sk-master",
        "GATEWAY_KEY_FILE": str(tmp_path / "gateway-key"),
    }
    argv = [proxy_command, "--config", "litellm.yaml", "--host", "127.0.0.1", "--port", str(port)]
    child = Child("litellm", argv, tmp_path, environment(**settings), cwd=tmp_path)
    try:
        child.wait_http(f"http://127.0.0.1:{port}/health/liveliness", 120, 0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        child.kill_group()


async def test_the_key_of_the_server_opens_models_alone(deployed: str) -> None:
    async with aiohttp.ClientSession(trust_env=False) as http:

        async def status(key: str, method: str, path: str) -> int:
            headers = {"Authorization": f"Bearer {key}"}
            async with http.request(method, deployed + path, headers=headers, json={}) as answer:
                return answer.status

        assert await status(KEY, "GET", "/v1/models") == 200
        assert await status(KEY, "POST", "/v1/chat/completions") != 401
        changes = (
            ("POST", "/key/generate"),
            ("POST", "/model/new"),
            ("GET", "/model/info"),
            ("POST", "/config/update"),
        )
        assert {await status(KEY, *change) for change in changes} == {401}
        assert {await status(key, "GET", "/v1/models") for key in ("", "sk-other", KEY[:-1])} == {401}


def _agents(folder: Path) -> Path:
    agents = folder / "agents"
    (agents / "tools").mkdir(parents=True)
    (agents / "helper.yaml").write_text(AGENT)
    (agents / "tools" / "add.py").write_text(TOOL)
    return agents


def _results(events: list[dict[str, Any]]) -> list[str]:
    return [event["data"]["result"] for event in events if event["type"] == "tool_call_finished"]


async def test_a_run_through_litellm(proxy: str, tmp_path: Path) -> None:
    settings = {"LITELLM_GATEWAY_URL": proxy, "LITELLM_GATEWAY_API_KEY": KEY}
    server = RealServer(tmp_path, _agents(tmp_path), settings)
    try:
        await server.start()
        async with ApiClient(server) as client:
            body = {"user_input": "Please add 17 and 25.", "agent": "helper"}
            plain = (await client.post("/process", body)).must(200)
            assert plain["status"] == "finished", plain
            assert _results(await client.events(plain["run_id"])) == ["42"]
            assert "42" in plain["response"]
            assert plain["usage"]["input_tokens"] > 0
            async with process(client, body) as stream:
                frames = [frame async for frame in stream.frames()]
            assert frames[-1].type == "run_finished", frames[-1]
            assert "42" in frames[-1].data["data"]["output"]
            assert any(frame.type == "delta" for frame in frames), "nothing was streamed"
            assert _results([frame.data for frame in frames if frame.id]) == ["42"]
    finally:
        await server.close()


async def test_a_wrong_key_is_refused_and_never_shown(proxy: str, tmp_path: Path) -> None:
    settings = {"LITELLM_GATEWAY_URL": proxy, "LITELLM_GATEWAY_API_KEY": "sk-wrong-key-here", "MAX_RETRIES": "0"}
    server = RealServer(tmp_path, _agents(tmp_path), settings)
    try:
        await server.start()
        async with ApiClient(server) as client:
            answer = await client.post("/process", {"user_input": "Please add 17 and 25.", "agent": "helper"})
            assert answer.status == 502, answer
            # without a database the proxy calls an unknown key a bad request
            assert answer.body["code"] in ("gateway_auth", "gateway_rejected"), answer.body
            assert "sk-wrong-key-here" not in json.dumps(answer.body)
    finally:
        await server.close()


@pytest.mark.parametrize(("name", "case", "form"), ROUNDS, ids=[f"{name}-{case}-{form}" for name, case, form in ROUNDS])
async def test_the_rounds_of_a_server_behind_litellm(proxy: str, rounds: str, name: str, case: str, form: Form) -> None:
    """As in the matrix: the calls that run, the answer, and what comes back to the server, through the proxy."""
    server = servers()[NUMBERS[name]]
    shape = loop(server, form) | {"questions": ["go", "again"] if case == "loop" else ["go"]}
    shape["model"] = {"name": f"{NUMBERS[name]}-{case}", **shape["model"]}
    async with aiohttp.ClientSession(trust_env=False) as http, RecordingTransport() as transport:
        seen = f"{rounds}/{NUMBERS[name]}/{case}"
        await http.delete(seen)
        played = await play(shape, form, transport, proxy, KEY)
        requests = await (await http.get(seen)).json()
    assert (played.result.response, played.result.error) == (TYPED, None)
    calls = [call for round_ in rounds_of(server) for call in round_.calls] if case == "loop" else []
    assert played.calls == [[tool, json.loads(arguments)] for tool, arguments in calls]
    assert played.failures == (["reply_cut", "reply_cut"] if case == "cut" else [])
    assert case != "error" or len(requests) == 2
    if case == "loop" and "thought" in server["plain"]:
        said = [message for message in requests[-1]["messages"] if message["role"] == "assistant"]
        thoughts = [message.get("reasoning_content", message.get("reasoning")) for message in said]
        assert thoughts == [round_.thought for round_ in rounds_of(server)[:-1]]


def test_the_proxy_itself_answers(proxy: str) -> None:
    request = urllib.request.Request(f"{proxy}/v1/models", headers={"Authorization": f"Bearer {KEY}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert "house-model" in [item["id"] for item in json.load(answer)["data"]]
