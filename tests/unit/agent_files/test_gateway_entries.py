from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from journeyman.agent_files.definition import LoadContext
from journeyman.agent_files.folder import load_agents
from journeyman.llm.gateway.gateway_spec import GatewaySpec, SettingNames
from tests.harness.agent_texts import define, defined

LoadContextFactory = Callable[..., LoadContext]
AZURE = """gateways:
  azure: {url: "https://azure.example/o?api-version=1", key: "${AZURE_KEY}", header: api-key}
"""


def test_a_gateway_is_read_and_is_no_part_of_the_definition(load_context: LoadContextFactory) -> None:
    context = load_context(environment={"AZURE_KEY": "sk-of-the-environment"})
    agent = defined(f"type: react_agent\n{AZURE}", context)
    assert agent.gateways == (
        GatewaySpec(
            name="azure",
            url="https://azure.example/o?api-version=1",
            key="sk-of-the-environment",
            header="api-key",
            setting_names=SettingNames("gateways.azure.url", "gateways.azure.key"),
        ),
    )
    assert "sk-of-the-environment" in agent.secrets
    assert agent.spec.version == defined("type: react_agent\n", load_context()).spec.version
    assert b"azure" not in agent.spec.encode()


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("default: {url: 'https://h/v1'}", "cannot be default"),
        ("azure: {url: 'h/v1'}", "`url` cannot be used"),
        ("azure: {url: 'https://h/v1#x'}", "`url` cannot be used"),
        ("azure: {url: 'https://u:p@h/v1', key: '${KEY}'}", "`url` cannot be used"),
        ("azure: {}", "`gateways.azure.url` is missing"),
        ("azure: {url: 'https://h', adress: x}", "the key `gateways.azure.adress` is unknown"),
        ("azure: {url: 'https://h', key: none}", "`key` is not a variable"),
        ("azure: {url: 'https://h', key: '${LINES}'}", "characters that cannot be sent"),
        ("azure: {url: 'https://h', key: '${KEY}', header: a, query: b}", "sent in one place"),
        ("azure: {url: 'https://h', key: '${KEY}', header: Host}", "cannot carry a key"),
        ("azure: {url: 'https://h', key: '${KEY}', header: 'a: b'}", "cannot carry a key"),
        ("azure: {url: 'https://h', header: api-key}", "there is none"),
        ("Azure: {url: 'https://h'}", "characters that are not allowed"),
    ],
)
def test_what_cannot_be_used_is_reported(load_context: LoadContextFactory, entry: str, message: str) -> None:
    context = load_context(environment={"KEY": "sk-1", "LINES": "a\nb"})
    agent, problems = define(f"type: react_agent\ngateways:\n  {entry}\n", context)
    assert agent is None
    assert message in " ".join(problem.message for problem in problems)


def folder_of(tmp_path: Path, **files: str) -> Path:
    for name, text in files.items():
        (tmp_path / f"{name}.yaml").write_text(f"type: react_agent\n{text}")
    return tmp_path


def test_one_file_defines_what_the_others_name(tmp_path: Path, load_context: LoadContextFactory) -> None:
    context = load_context(environment={"AZURE_KEY": "sk-1"})
    folder = folder_of(tmp_path, a=AZURE, b="model: {name: big, gateway: azure}\n", c=AZURE)
    assert not load_agents(folder, context).errors


def test_one_name_with_two_meanings_is_refused(tmp_path: Path, load_context: LoadContextFactory) -> None:
    context = load_context(environment={"AZURE_KEY": "sk-1", "OTHER_KEY": "sk-2"})
    folder = folder_of(tmp_path, a=AZURE, b=AZURE.replace("AZURE_KEY", "OTHER_KEY"))
    (problem,) = load_agents(folder, context).errors
    assert problem.message.startswith("the gateway azure is defined differently in ")
    assert (problem.file or "").endswith("b.yaml")


def test_an_unknown_gateway_is_named_with_its_line(tmp_path: Path, load_context: LoadContextFactory) -> None:
    context = load_context(environment={"AZURE_KEY": "sk-1"})
    folder = folder_of(tmp_path, a=AZURE, b="model:\n  name: big\n  gateway: azur\n")
    (problem,) = load_agents(folder, context).errors
    assert (problem.message, problem.line, problem.remedy) == ("the gateway azur is unknown", 4, "did you mean azure?")
