"""Every server plays three rounds of calls with reasoning, a typed answer, a cut reply and an error, in both forms."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.harness.source_tree import ROOT
from tests.wires import matrix
from tests.wires.mutations import MUTATIONS, mutated_source
from tests.wires.player import Form
from tests.wires.rounds import Server
from tests.wires.server_shapes import servers

ALL = servers()
PLAYS = [(server, name, form) for server in ALL for name in matrix.PLAYS for form in matrix.FORMS]
PLAYED = (
    "OpenAI (chat)",
    "OpenAI (Responses)",
    "Azure OpenAI (chat)",
    "Azure OpenAI (Responses)",
    "Gemini",
    "Anthropic",
    "Mistral",
    "DeepSeek",
    "Groq",
    "Cerebras",
    "xAI",
    "Qwen",
    "Kimi",
    "Cohere",
    "OpenRouter",
    "LiteLLM proxy",
    "vLLM",
    "SGLang",
    "TGI",
    "Ollama",
    "llama.cpp",
    "LM Studio",
    "Cloudflare",
    "Bedrock",
)


@pytest.mark.parametrize(
    ("server", "name", "form"), PLAYS, ids=[f"{s['name']}-{name}-{form}" for s, name, form in PLAYS]
)
async def test_a_server_is_understood(server: Server, name: str, form: Form) -> None:
    assert await matrix.PLAYS[name](server, form) == []


@pytest.mark.parametrize("name", PLAYED)
def test_the_server_is_in_the_matrix(name: str) -> None:
    assert [server["name"] for server in ALL if server["name"].startswith(name)]


def test_every_server_has_a_name_of_its_own_and_sources() -> None:
    names = [server["name"] for server in ALL]
    assert len(set(names)) == len(names)
    assert [server["name"] for server in ALL if not server["sources"]] == []
    assert [source for server in ALL for source in server["sources"] if not source.startswith("https://")] == []


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_the_line_of_a_mutation_is_in_the_source(mutation: int) -> None:
    """If this fails after a change of the source: choose another one-line mutation of the same behaviour."""
    assert mutated_source(MUTATIONS[mutation])


@pytest.mark.long
@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_mutation_fails_a_row(mutation: int) -> None:
    env = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    argv = [sys.executable, "-m", "tests.wires.mutations", str(mutation)]
    played = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
    assert played.returncode == 1, f"no row fails with {MUTATIONS[mutation]}"
    assert any(played.stdout.startswith(server["name"]) for server in ALL), played.stderr
