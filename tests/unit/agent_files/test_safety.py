from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from journeyman.agent_files.definition import LoadContext
from journeyman.agent_files.folder import load_agents
from journeyman.agent_files.safety import file_permissions
from tests.harness.agent_texts import define, defined

LoadContextFactory = Callable[..., LoadContext]


def write(folder: Path, **files: str) -> None:
    for stem, text in files.items():
        (folder / f"{stem}.yaml").write_text(text)
        (folder / f"{stem}.yaml").chmod(0o644)


def test_who_may_write_the_file(tmp_path: Path, load_context: LoadContextFactory) -> None:
    write(tmp_path, a="type: react_agent")
    file = tmp_path / "a.yaml"
    file.chmod(0o664)
    loaded = load_agents(file, load_context())
    assert [problem.severity for problem in loaded.problems] == ["warning"]
    assert loaded.agents
    file.chmod(0o666)
    loaded = load_agents(file, load_context())
    assert "every user" in loaded.errors[0].message
    assert not loaded.agents


def test_whose_file_it_is(tmp_path: Path) -> None:
    write(tmp_path, a="type: react_agent")
    file = tmp_path / "a.yaml"
    me = file.stat().st_uid
    assert file_permissions(file, owners={me}) == []
    file.chmod(0o664)
    strange = file_permissions(file, owners={me + 1})
    assert [problem.severity for problem in strange] == ["warning", "warning"]
    assert "neither root nor the one that runs the server" in strange[1].message


LoadContextFactory = Callable[..., LoadContext]


@pytest.mark.parametrize(
    "text",
    [
        "prompt: use sk-abcdefghijklmnop1234 please",
        "model: {name: m, extra: {headers: {Authorization: Bearer abcdefghij123456}}}",
        "model: {name: m, extra: {api_key: aB3dE6gH9}}",
        "model: {name: m, extra: {password: 'Tr0ub4dor&3'}}",
        "model: {name: m, extra: {api_key: '${KEY:-aB3dE6gH9}'}}",
        "description: postgres://user:geheim@host/db",
        "description: -----BEGIN RSA PRIVATE KEY-----",
    ],
)
def test_a_literal_credential_is_refused(text: str, load_context: LoadContextFactory) -> None:
    agent, problems = define(f"type: react_agent\n{text}\n", load_context(gateway_configured=True, default_model="m"))
    assert agent is None
    (problem,) = problems
    assert "literal credential" in problem.message
    assert problem.line == 2
    assert "aB3dE6" not in str(problem)


@pytest.mark.parametrize(
    "text",
    [
        "model: {name: m, extra: {headers: {Authorization: 'Bearer ${KEY}'}, max_tokens_key: none}}",
        "tools: [{name: refund, arguments: {order_id: {type: string, description: The order token}}}]",
        "model: {name: m, max_tokens: 60000}",
        "description: see https://example.com/a:b@c",
        "output: {schema: {type: object, properties: {password: {type: string}}, required: [password]}}",
    ],
)
def test_what_is_no_credential(text: str, load_context: LoadContextFactory) -> None:
    surroundings = load_context(gateway_configured=True, default_model="m", environment={"KEY": "abc12345"})
    defined(f"type: react_agent\n{text}\n", surroundings)
