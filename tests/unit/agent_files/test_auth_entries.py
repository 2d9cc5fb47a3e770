from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from journeyman.agent_files.definition import LoadContext
from journeyman.agent_files.folder import load_agents
from journeyman.errors import Problem
from journeyman.tools.openapi.credential import Credential

DOCUMENT = """\
openapi: 3.1.0
servers: [{url: https://h.example}]
paths:
  /a:
    get:
      operationId: a
      parameters: [{name: key, in: query, required: true, schema: {type: string}}]
"""
VALUES = {"K": "key-4711-secret", "T": "token-4711", "U": "user-4711", "C": "a:b", "BAD": "line\nbreak"}

Load = Callable[[str], tuple[Any, list[Problem]]]


@pytest.fixture
def load(tmp_path: Path, load_context: Callable[..., LoadContext]) -> Load:
    """Return what loads an agent with this `auth`: its only tool, and the problems."""

    def loaded(auth: str) -> tuple[Any, list[Problem]]:
        (tmp_path / "api.yaml").write_text(DOCUMENT)
        entry = f"{{document: api.yaml, operations: [a], auth: {auth}}}"
        (tmp_path / "agent.yaml").write_text(f"type: react_agent\nopenapi:\n  api: {entry}\n")
        found = load_agents(tmp_path / "agent.yaml", load_context(environment=VALUES))
        return next((agent.openapi[0] for agent in found.agents), None), list(found.problems)

    return loaded


def basic(text: str) -> Credential:
    return Credential(name="Authorization", value=f"Basic {base64.b64encode(text.encode()).decode()}")


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        ('{header: X-Key, value: "${K}"}', [Credential(name="X-Key", value="key-4711-secret")]),
        ('[{bearer: "${T}"}]', [Credential(name="Authorization", value="Bearer token-4711")]),
        ('{query: key, value: "${K}"}', [Credential(place="query", name="key", value="key-4711-secret")]),
        ('{basic: {user: AC1, password: "${T}"}}', [basic("AC1:token-4711")]),
        ('{basic: {user: "${U}"}}', [basic("user-4711:")]),
        ('[{basic: {user: x, password: "${T}"}}, {header: X-Key, value: "${K}"}, {query: key, value: "${K}"}]',
         [basic("x:token-4711"), Credential(name="X-Key", value="key-4711-secret"),
          Credential(place="query", name="key", value="key-4711-secret")]),
    ],
)  # fmt: skip
def test_one_credential_or_a_list_of_them(load: Load, auth: str, expected: list[Credential]) -> None:
    tool, problems = load(auth)
    assert not problems
    assert list(tool.credentials) == expected


def test_a_query_parameter_that_is_a_credential_is_no_argument(load: Load) -> None:
    assert "key" in load('{header: key, value: "${K}"}')[0].spec.parameters["properties"]
    parameters = load('[{query: key, value: "${K}"}]')[0].spec.parameters
    assert parameters == {"type": "object", "properties": {}, "additionalProperties": False}


def test_the_version_depends_on_the_places_and_not_on_the_values(load: Load) -> None:
    first, second = load('[{query: k, value: "${K}"}]')[0], load('[{query: k, value: "${T}"}]')[0]
    other, more = load('[{query: l, value: "${K}"}]')[0], load('[{query: k, value: "${K}"}, {bearer: "${T}"}]')[0]
    hashes = [tool.spec.code_hash for tool in (first, second, other, more)]
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3
    mapping, listed = load('{bearer: "${T}"}')[0], load('[{bearer: "${T}"}]')[0]
    assert mapping == listed


@pytest.mark.parametrize(
    ("auth", "place", "message"),
    [
        ("[{bearer: abc}]", "abc", "`openapi.api.auth[0].bearer`: `bearer` holds a literal credential"),
        ("{query: k, value: abc}", "abc", "`value` holds a literal credential"),
        ("{basic: {user: u, password: abcd}}", "abcd", "`password` holds a literal credential"),
        ("{basic: {user: abcd}}", "abcd", "`user` holds a literal credential"),
        ('[{header: X, bearer: "${T}"}]', "{header", "`openapi.api.auth[0]`: `auth` is not complete"),
        ('{query: k, header: X, value: "${K}"}', "{query", "not complete"),
        ('[{bearer: "${T}"}, {basic: {user: u, password: "${K}"}}]', "{basic", "are the header 'Authorization'"),
        ('[{query: k, value: "${T}"}, {query: k, value: "${K}"}]', '{query: k, value: "${K}', "are the query 'k'"),
        ('[{hedder: X, value: "${K}"}]', "hedder", "the key `openapi.api.auth[0].hedder` is unknown (did you mean"),
        ('{basic: {usr: x, user: y, password: "${K}"}}', "usr", "did you mean `user`?"),
        ('{basic: {password: "${K}"}}', "{password", "`openapi.api.auth.basic.user` is missing"),
        ("[]", "[]", "`openapi.api.auth` cannot be used"),
        ("5", "5", "`openapi.api.auth` must be a mapping, not a whole number"),
        ("[5]", "5]", "`openapi.api.auth[0]` must be a mapping, not a whole number"),
        ('[{header: Host, value: "${K}"}]', "Host", "cannot be set"),
        ('[{bearer: "${BAD}"}]', "{bearer", "cannot carry"),
        ('{basic: {user: "${C}", password: "${K}"}}', '"${C}', "no colon"),
        ('{basic: {user: u, password: "${BAD}"}}', "{user", "cannot carry"),
    ],
)
def test_every_problem_has_its_place(load: Load, auth: str, place: str, message: str) -> None:
    tool, problems = load(auth)
    assert tool is None
    found = [problem for problem in problems if message in str(problem)]
    assert found, problems
    line = Path(str(found[0].file)).read_text().splitlines()[(found[0].line or 0) - 1]
    assert line[(found[0].column or 0) - 1 :].startswith(place)
    assert not [value for value in VALUES.values() if value in str(problems)]
