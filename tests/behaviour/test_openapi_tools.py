"""An API's operations as tools of an agent, over a real socket (SPEC 3 `openapi`, SPEC 7)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from journeyman import AgentFactory
from journeyman.errors import ConfigurationError
from journeyman.journal.memory import MemoryJournal
from journeyman.testing import ScriptedModel

AGENT = """\
type: react_agent
model: offline
openapi:
  crm:
    document: crm.yaml
    operations: [getCustomer, addNote]
    server: ${CRM_URL}
    auth: {header: X-Key, value: "${CRM_KEY}"}
"""
CRM = """\
openapi: 3.1.0
info: {title: CRM, version: 1.0.0}
paths:
  /customers/{id}:
    get:
      operationId: getCustomer
      parameters:
        - {name: id, in: path, required: true, schema: {type: string}}
        - {name: fields, in: query, schema: {type: array, items: {type: string}}}
  /notes:
    post:
      operationId: addNote
      requestBody:
        required: true
        content: {application/json: {schema: {$ref: '#/components/schemas/Note'}}}
components:
  schemas:
    Note: {type: object, required: [text], properties: {text: {type: string}, of: {$ref: '#/components/schemas/Note'}}}
"""
KEY = "crm-key-4711-secret"


class Api:
    """Remembers the requests as they came over the wire."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str, dict[str, str]]] = []

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.text()
        self.seen.append((request.method, request.raw_path, body, dict(request.headers)))
        if request.method == "GET":
            return web.json_response({"name": "Ada", "key": request.headers.get("X-Key")})
        return web.json_response({"reason": "locked"}, status=409)


@pytest.fixture
async def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Api]:
    api = Api()
    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", api.answer)
    server = TestServer(application)
    await server.start_server()
    monkeypatch.setenv("CRM_URL", f"http://127.0.0.1:{server.port}/v1/")
    monkeypatch.setenv("CRM_KEY", KEY)
    (tmp_path / "agent.yaml").write_text(AGENT)
    (tmp_path / "crm.yaml").write_text(CRM)
    yield api
    await server.close()


def turns(*calls: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"tool_calls": [{"name": name, "arguments": arguments} for name, arguments in calls]}, {"text": "done"}]


async def test_a_run_calls_the_api_and_the_journal_holds_no_key(api: Api, tmp_path: Path) -> None:
    journal = MemoryJournal()
    model = ScriptedModel(
        turns(
            ("crm__getCustomer", {"id": "..;/a?b#c%2e", "fields": ["a&b", "c"]}),
            ("crm__addNote", {"body": {"text": "hello", "of": {"text": "x"}}}),
            ("crm__addNote", {"body": {"of": {}}}),
        )
    )
    agent = await AgentFactory(tmp_path / "agent.yaml", journal=journal, models=model).create_agent()
    result = await agent.run("Who is it?")
    events = str(await journal.read(result.run_id))
    await agent.aclose()

    assert result.response == "done"
    by_method = {method: (path, body, headers) for method, path, body, headers in api.seen}
    assert len(api.seen) == 2
    assert by_method["GET"][0] == "/v1/customers/..%3B%2Fa%3Fb%23c%252e?fields=a%26b&fields=c"
    assert by_method["POST"][:2] == ("/v1/notes", '{"text":"hello","of":{"text":"x"}}')
    assert by_method["POST"][2]["X-Key"] == KEY
    assert by_method["POST"][2]["Idempotency-Key"]
    assert "Ada" in events
    assert "the API answered 409 Conflict" in events
    assert "invalid_arguments" in events
    assert KEY not in events


async def test_a_name_that_a_python_tool_has_is_refused(api: Api, tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "crm.py").write_text(
        "from journeyman import tool\n\n\n@tool\nasync def crm__addNote() -> str:\n    '''Mine.'''\n    return 'x'\n"
    )
    with pytest.raises(
        ConfigurationError,
        match=r"defines the tool .crm__addNote., but another agent defines it differently",
    ):
        await AgentFactory(tmp_path / "agent.yaml").create_agent()
