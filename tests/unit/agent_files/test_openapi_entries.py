from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from journeyman.agent_files.definition import LoadContext, LoadedAgent
from journeyman.agent_files.folder import load_agents
from journeyman.errors import Problem

LoadContextFactory = Callable[..., LoadContext]

CRM = """\
openapi: 3.0.3
info: {title: CRM, version: 1.0.0}
servers:
  - url: https://crm.example/v1
paths:
  /customers/{id}:
    parameters:
      - {name: id, in: path, required: true, schema: {type: string}}
    get:
      operationId: getCustomer
      summary: One customer
      responses:
        200: {description: The customer}
        404: {description: no}
    delete:
      operationId: removeCustomer
      parameters:
        - {name: session, in: cookie, schema: {type: string}}
  /customers:
    post:
      operationId: addCustomer
      requestBody:
        content:
          application/json:
            schema: {$ref: 'other.yaml#/Customer'}
  /notes:
    post:
      operationId: addNote
      requestBody:
        content: {application/json: {schema: {type: object, properties: {text: {type: string, pattern: '('}}}}}
    put:
      operationId: putNote
  /nodes:
    patch: {summary: A node}
"""


@pytest.fixture
def load(tmp_path: Path, load_context: LoadContextFactory) -> Callable[..., tuple[LoadedAgent | None, list[Problem]]]:
    def loaded(agent: str, document: str = CRM, name: str = "crm.yaml", **environment: str):
        (tmp_path / name).write_text(document)
        (tmp_path / "agent.yaml").write_text(f"type: react_agent\n{agent}\n")
        found = load_agents(tmp_path / "agent.yaml", load_context(environment=environment))
        return next(iter(found.agents), None), list(found.problems)

    return loaded


def test_chosen_operations_are_tools_of_the_agent(load) -> None:
    agent, problems = load(
        'openapi: {crm: {document: crm.yaml, operations: [getCustomer, putNote], auth: {bearer: "${CRM}"}}}',
        CRM="s3cret-key",
    )
    assert not problems
    assert agent is not None
    get, put = agent.spec.tools
    assert (get.name, get.description, get.source) == ("crm__getCustomer", "One customer", "crm.yaml:9")
    assert (get.policy.effects, get.policy.declared) == ("none", True)
    assert (put.name, put.policy.effects) == ("crm__putNote", "idempotent")
    assert b"s3cret" not in agent.spec.encode()
    assert "s3cret-key" in agent.secrets
    assert [tool.base for tool in agent.openapi] == ["https://crm.example/v1"] * 2
    assert [each.value for each in agent.openapi[0].credentials] == ["Bearer s3cret-key"]


def test_the_version_follows_the_operation_and_not_its_credential(load) -> None:
    text = 'openapi: {crm: {document: crm.yaml, operations: [getCustomer], auth: {header: X-Key, value: "${CRM}"}}}'
    first, second = (load(text, CRM=key)[0].spec.version for key in ("a", "b"))
    moved = load(text, CRM.replace("v1", "v2"), CRM="a")[0].spec.version
    assert first == second != moved


def test_an_entry_of_tools_overrides_one(load) -> None:
    agent, problems = load("""\
openapi: {crm: {document: crm.yaml, operations: [getCustomer], server: "http://127.0.0.1:9/x"}}
tools: [{name: crm__getCustomer, effects: once, approval: always, timeout_seconds: 3}]""")
    assert not problems
    assert agent is not None
    (spec,) = agent.spec.tools
    policy = spec.policy
    assert (policy.effects, policy.approval.when, policy.timeout_seconds) == ("once", "always", 3)
    assert agent.openapi[0].base == "http://127.0.0.1:9/x"


def test_an_agent_without_openapi_has_the_bytes_it_had(load) -> None:
    agent, _ = load("")
    assert agent is not None
    assert b"openapi" not in agent.spec.encode()


def test_json_with_everything_that_json_has(load) -> None:
    data = {
        "openapi": "3.1.0",
        "servers": [{"url": "https://h.example"}],
        "paths": {"/a": {"get": {"operationId": "a", "summary": "smile \U0001f600"}}},
    }
    text = json.dumps(data, indent="\t").replace("https://", "https:\\/\\/")
    agent, problems = load("openapi: {api: {document: api.json, operations: [a]}}", text, "api.json")
    assert not problems
    assert agent is not None
    assert agent.spec.tools[0].description == "smile \U0001f600"


@pytest.mark.parametrize(
    ("entry", "place", "message"),
    [
        ("{document: crm.yaml, operations: [getCustomr]}", "getCustomr", "'getCustomr' (did you mean getCustomer,"),
        ("{document: crm.yaml, operations: [getCustomer, getCustomer]}", "getCustomer]", "listed twice"),
        ("{document: crm.yaml, operations: []}", "[]", "`openapi.crm.operations` cannot be used"),
        ("{operations: [a]}", "{operations", "`openapi.crm.document` is missing"),
        ("{document: crm.yaml, operations: [a], sever: x}", "sever", "did you mean `server`?"),
        ("{document: ../crm.yaml, operations: [a]}", "../crm", "lies outside"),
        ("{document: no.yaml, operations: [a]}", "no.yaml", "there is no file"),
        ("{document: agent.yaml, operations: [a]}", "crm", "not OpenAPI 3.0 or 3.1"),
        ("{document: crm.yaml, operations: [putNote], server: /v1}", "/v1", "not an absolute http"),
        ("{document: crm.yaml, operations: [putNote], auth: {header: X}}", "{header", "not complete"),
        ("{document: crm.yaml, operations: [putNote], auth: {bearer: abc}}", "abc", "literal credential"),
        ('{document: crm.yaml, operations: [putNote], auth: {header: Host, value: "${K}"}}', "Host", "cannot be set"),
        ('{document: crm.yaml, operations: [putNote], auth: {bearer: "${BAD}"}}', "{bearer", "cannot carry"),
        ('{document: crm.yaml, operations: [putNote], auth: {hedder: "${K}"}}', "hedder", "did you mean `header`?"),
        ("{document: crm.yaml, operations: [removeCustomer]}", "{name: session", "is a cookie"),
        ("{document: crm.yaml, operations: [addCustomer]}", "'other.yaml", "leads out of the document"),
        ("{document: crm.yaml, operations: [addNote]}", "operationId: addNote", "is no JSON Schema"),
        ("{document: crm.yaml, operations: [getCustomer, 'GET /customers/{id}']}", "'GET", "listed twice"),
        ("{document: crm.yaml, operations: [PATCH /notes]}", "PATCH", "'PATCH /notes' (did you mean PATCH /nodes?)"),
    ],
)  # fmt: skip
def test_every_problem_has_its_place(load, entry: str, place: str, message: str) -> None:
    agent, problems = load(f"openapi:\n  crm: {entry}", K="key", BAD="line\nbreak")
    assert agent is None
    assert len(problems) == 1, problems
    assert message in str(problems[0])
    line = Path(str(problems[0].file)).read_text().splitlines()[(problems[0].line or 0) - 1]
    assert line[(problems[0].column or 0) - 1 :].startswith(place)


def test_all_problems_come_at_once_and_no_tool_is_reported_twice(load) -> None:
    agent, problems = load("""\
openapi:
  crm: {document: crm.yaml, operations: [nothing, removeCustomer, addCustomer]}
  Bad: {document: crm.yaml, operations: [putNote]}
  cut: {document: 5, operations: [putNote]}
tools: [crm__nothing, cut__putNote, other]""")
    assert agent is None
    lines = sorted((Path(str(each.file)).name, each.line) for each in problems)
    assert lines == [
        ("agent.yaml", 3),
        ("agent.yaml", 4),
        ("agent.yaml", 5),
        ("agent.yaml", 6),
        ("crm.yaml", 18),
        ("crm.yaml", 25),
    ]


def test_an_operation_is_named_by_its_method_and_path(load) -> None:
    agent, problems = load("openapi: {crm: {document: crm.yaml, operations: [PATCH /nodes]}}")
    assert not problems
    assert agent is not None
    (spec,) = agent.spec.tools
    assert (spec.name, spec.description, spec.policy.effects) == ("crm__PATCH__nodes", "A node", "once")


def test_a_path_in_another_file_is_named(load) -> None:
    document = CRM.replace("components:", "") + "  /users: {$ref: 'paths/users.yaml'}\n"
    _, problems = load("openapi: {crm: {document: crm.yaml, operations: [getUser]}}", document)
    assert [each.message for each in problems] == [
        "`openapi.crm.operations[0]`: the document has no operation 'getUser'",
        "the reference 'paths/users.yaml' leads out of the document",
    ]


def test_anchors_and_bounds_of_any_size_in_a_document(load) -> None:
    document = """\
openapi: 3.1.0
servers: [{url: https://h.example}]
paths:
  /a:
    get:
      operationId: a
      parameters:
        - &n {name: n, in: query, schema: &big {type: integer, minimum: -9223372036854775809, maximum: 1e30}}
        - {<<: *n, name: m}
        - {name: u, in: query, schema: {type: integer, maximum: 18446744073709551616}}
"""
    agent, problems = load("openapi: {api: {document: api.yaml, operations: [a]}}", document, "api.yaml")
    assert not problems
    assert agent is not None
    spec = type(agent.spec).decode(agent.spec.encode(), {})
    bounds = {"type": "integer", "minimum": -9223372036854775809, "maximum": 1e30}
    assert spec.tools[0].parameters["properties"] == {
        "n": bounds,
        "m": bounds,
        "u": {"type": "integer", "maximum": 18446744073709551616},
    }
    assert spec.version == agent.spec.version


def test_two_entries_may_not_make_one_tool(load) -> None:
    document = (
        CRM.replace("removeCustomer", "get.Note").replace("putNote", "get_Note").replace("in: cookie", "in: query")
    )
    agent, problems = load("openapi: {crm: {document: crm.yaml, operations: [get.Note, get_Note]}}", document)
    assert agent is None
    assert "two operations would be the tool crm__get_Note" in str(problems[0])


def test_a_call_of_an_api_has_no_process(load) -> None:
    _, problems = load("""\
openapi: {crm: {document: crm.yaml, operations: [putNote]}}
tools: [{name: crm__putNote, isolation: process}]""")
    assert [(each.line, each.message) for each in problems] == [
        (3, "crm__putNote is an API operation and has no process")
    ]


def test_a_large_document_in_a_folder_is_no_agent(tmp_path: Path, load_context: LoadContextFactory) -> None:
    large = CRM + "components:\n  schemas:\n" + "".join(f"    S{n}:\n      type: object\n" for n in range(9000))
    (tmp_path / "crm.yaml").write_text(large)
    (tmp_path / "agent.yaml").write_text(
        "type: react_agent\nopenapi:\n  crm:\n    document: crm.yaml\n    operations: [getCustomer]\n"
    )
    found = load_agents(tmp_path, load_context())
    assert not found.problems
    assert [agent.spec.name for agent in found.agents] == ["agent"]
