"""Requirement: OpenAPI tools match real APIs: forms, several credentials, no operationIds, from `check` to the wire.

The documents are of the kinds of Twilio's (a form, Basic, no operationId), Stripe's (deep objects) and a file store's.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import pytest
from aiohttp import BasicAuth, ClientSession, web
from aiohttp.test_utils import TestServer

from tests.harness.planted_secrets import writings
from tests.harness.real_server import ROOT, RealServer

AGENT = """\
type: react_agent
name: clerk
model: script:turns.yaml
openapi:
  sms:
    document: sms.yaml
    operations: ["POST /2010-04-01/Accounts/{AccountSid}/Messages.json"]
    server: "${SMS_URL}"
    auth: {basic: {user: "${SMS_USER}", password: "${SMS_PASSWORD}"}}
  pay:
    document: pay.json
    operations: [PostSubscriptions]
    server: "${PAY_URL}"
    auth:
      - {bearer: "${PAY_TOKEN}"}
      - {query: tenant, value: "${PAY_TENANT}"}
      - {header: X-Partner, value: "${PAY_PARTNER}"}
  store:
    document: store.yaml
    operations: [upload]
    server: "${STORE_URL}"
tools:
  - {name: pay__PostSubscriptions, effects: idempotent, retries: 2}
"""
SMS = """\
openapi: 3.0.1
info: {title: SMS, version: 1.0.0}
paths:
  /2010-04-01/Accounts/{AccountSid}/Messages.json:
    post:
      description: Send a message
      parameters:
        - {name: AccountSid, in: path, required: true, schema: {type: string, pattern: '^AC[0-9a-f]{4}$'}}
      requestBody:
        content:
          application/x-www-form-urlencoded:
            schema:
              type: object
              required: [To]
              properties:
                To: {type: string}
                Body: {type: string}
                MediaUrl: {type: array, items: {type: string}}
                ValidityPeriod: {type: integer, maximum: 9223372036854775808}
"""
PAY = {
    "openapi": "3.0.0",
    "info": {"title": "Pay", "version": "1"},
    "paths": {
        "/v1/subscriptions": {
            "post": {
                "operationId": "PostSubscriptions",
                "parameters": [{"name": "tenant", "in": "query", "required": True, "schema": {"type": "string"}}],
                "requestBody": {
                    "content": {
                        "application/x-www-form-urlencoded": {
                            "encoding": {
                                "items": {"explode": True, "style": "deepObject"},
                                "expand": {"explode": True, "style": "deepObject"},
                                "metadata": {"explode": True, "style": "deepObject"},
                            },
                            "schema": {"type": "object", "properties": {"customer": {"type": "string"}}},
                        }
                    }
                },
            }
        }
    },
}
STORE = """\
openapi: 3.1.0
info: {title: Store, version: 1.0.0}
paths:
  /files:
    post:
      operationId: upload
      requestBody:
        required: true
        content:
          multipart/form-data:
            schema:
              type: object
              properties:
                purpose: {type: string}
                labels: &labels {type: array, items: {type: string}}
                more: *labels
                about: {type: object}
                file: {type: string, format: binary}
            encoding:
              file: {contentType: application/jsonl}
"""
SMS_TOOL = "sms__POST__2010-04-01_Accounts__AccountSid__Messages_json"
MESSAGE = {"To": "+4912", "Body": "a&b=c é", "MediaUrl": ["https://m/1", "https://m/2"], "ValidityPeriod": 60}
SUBSCRIPTION = {
    "customer": "cus_1",
    "expand": ["latest_invoice"],
    "items": [{"price": "p1", "quantity": 2}, {"price_data": {"currency": "eur"}}],
    "metadata": {"order id": "7"},
}
FILE = {"purpose": "batch", "labels": ["a", "b"], "about": {"n": 1}, "file": '{"line": 1}\n{"line": 2}\n'}
CALLS = [
    (SMS_TOOL, {"AccountSid": "AC00ff", "body": MESSAGE}),
    ("pay__PostSubscriptions", {"body": SUBSCRIPTION}),
    ("store__upload", {"body": FILE}),
]
SECRETS = {
    "SMS_USER": "sms-user-0123456789",
    "SMS_PASSWORD": "sms-password-/+0123456789",
    "PAY_TOKEN": "pay-token-0123456789",
    "PAY_TENANT": "pay-tenant-&=/0123456789",
    "PAY_PARTNER": "pay-partner-0123456789",
}


class Seen(NamedTuple):
    """A request as it came over the wire."""

    line: str
    headers: dict[str, str]
    body: bytes


class Api:
    """One API: it keeps each request, repeats it in its answer, and fails first as often as `failures` says."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.failures: list[int | None] = []  # a status; None: the connection is cut

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = dict(request.headers)
        self.seen.append(Seen(f"{request.method} {request.raw_path}", headers, body))
        if self.failures:
            status = self.failures.pop(0)
            if status is None:
                assert request.transport is not None
                request.transport.abort()
            return web.Response(status=status or 500, text="busy")
        return web.json_response({"headers": headers, "path": request.raw_path, "body": body.decode()})


class Place(NamedTuple):
    server: RealServer
    apis: dict[str, Api]

    async def journeyman(self, *words: str) -> str:
        """Return what a command prints. It must end well."""
        argv = [sys.executable, "-m", "journeyman", *words]
        env = {**self.server.env, "JOURNEYMAN_URL": self.server.url, "COLUMNS": "200"}
        child = await asyncio.create_subprocess_exec(
            *argv, cwd=ROOT, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        output, _ = await child.communicate()
        assert child.returncode == 0, output.decode()
        return output.decode()

    async def run(self) -> tuple[dict[str, Any], str]:
        """Make a run and return its answer, and its events as a client reads them."""
        async with ClientSession(self.server.url) as session:
            async with session.post("/process", json={"user_input": "Go."}) as response:
                answer = await response.json()
            async with session.get(f"/runs/{answer['run_id']}/events?limit=1000") as response:
                return answer, await response.text()


def turns(calls: list[tuple[str, dict[str, Any]]]) -> str:
    asked = [{"name": name, "arguments": arguments} for name, arguments in calls]
    return json.dumps([{"tool_calls": asked}, {"text": "done"}])


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    apis, servers, settings = {name: Api() for name in ("SMS", "PAY", "STORE")}, [], dict(SECRETS)
    for name, api in apis.items():
        application = web.Application()
        application.router.add_route("*", "/{tail:.*}", api.answer)
        servers.append(TestServer(application))
        await servers[-1].start_server()
        settings[f"{name}_URL"] = f"http://127.0.0.1:{servers[-1].port}"
    files = {"agent.yaml": AGENT, "sms.yaml": SMS, "pay.json": json.dumps(PAY), "store.yaml": STORE}
    for name, text in {**files, "turns.yaml": turns(CALLS)}.items():
        (tmp_path / name).write_text(text)
    server = RealServer(tmp_path, tmp_path / "agent.yaml", {**settings, "LOG_LEVEL": "DEBUG"}, preloaded=True)
    await server.start()
    yield Place(server, apis)
    await server.close()
    for each in servers:
        await each.close()


async def test_from_check_to_the_wire(place: Place) -> None:
    path = str(place.server.path)
    assert "error" not in await place.journeyman("check", path)
    listed = json.loads(await place.journeyman("tools", "list", path, "--json"))["items"]
    effects = {tool["name"]: tool["effects"] for tool in listed if "__" in tool["name"]}
    assert effects == dict.fromkeys((SMS_TOOL, "pay__PostSubscriptions", "store__upload"), "once")

    answer, events = await place.run()
    assert answer["response"] == "done", events
    (sms,), (pay,), (store,) = (api.seen for api in place.apis.values())
    assert sms.line == "POST /2010-04-01/Accounts/AC00ff/Messages.json"
    assert sms.body == (
        b"To=%2B4912&Body=a%26b%3Dc%20%C3%A9&MediaUrl=https%3A%2F%2Fm%2F1&MediaUrl=https%3A%2F%2Fm%2F2&ValidityPeriod=60"
    )
    assert sms.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert sms.headers["Idempotency-Key"]
    assert BasicAuth.decode(sms.headers["Authorization"]) == (SECRETS["SMS_USER"], SECRETS["SMS_PASSWORD"], "latin1")
    assert pay.line == "POST /v1/subscriptions?tenant=pay-tenant-%26%3D%2F0123456789"
    assert parse_qsl(pay.body.decode()) == [
        ("customer", "cus_1"),
        ("expand[0]", "latest_invoice"),
        ("items[0][price]", "p1"),
        ("items[0][quantity]", "2"),
        ("items[1][price_data][currency]", "eur"),
        ("metadata[order id]", "7"),
    ]
    assert (pay.headers["Authorization"], pay.headers["X-Partner"]) == (
        f"Bearer {SECRETS['PAY_TOKEN']}",
        SECRETS["PAY_PARTNER"],
    )
    boundary = store.headers["Content-Type"].removeprefix("multipart/form-data; boundary=")
    assert store.body.decode().count(f"--{boundary}") == 6
    assert (
        'Content-Disposition: form-data; name="file"; filename="file"\r\nContent-Type: application/jsonl\r\n\r\n'
        f"{FILE['file']}\r\n--{boundary}--\r\n"
    ) in store.body.decode()
    assert "Authorization" not in store.headers
    for seen in (sms, pay, store):
        print(
            seen.line, *(f"{name}: {value}" for name, value in seen.headers.items()), "", seen.body.decode(), sep="\n"
        )


async def test_each_secret_is_sent_to_its_own_origin_and_shown_nowhere(place: Place) -> None:
    answer, events = await place.run()
    called = await place.journeyman(
        "tools", "call", "pay__PostSubscriptions", "--agent", "clerk", "--json", '{"body": {"customer": "c"}}'
    )
    assert "[secret]" in events, "the APIs repeat what they were sent"
    assert "[secret]" in called
    sent = {name: str([(*each.headers.items(), each.line) for each in api.seen]) for name, api in place.apis.items()}
    basic = base64.b64encode(f"{SECRETS['SMS_USER']}:{SECRETS['SMS_PASSWORD']}".encode()).decode()
    assert basic in sent["SMS"]
    stored = b"".join(file.read_bytes() for file in place.server.folder.glob("journal.db*"))
    shown = {
        "answer": json.dumps(answer),
        "events": events,
        "command": called,
        "log": place.server.tail(10_000_000),
        "journal": stored.decode(errors="replace"),
    }
    for name, secret in SECRETS.items():
        owner = name.partition("_")[0]
        for form in writings(secret):
            assert not [where for where, text in shown.items() if form in text], name
            assert not [api for api, text in sent.items() if form in text and api != owner], name
    assert not [where for where, text in shown.items() if basic in text]


async def test_a_form_has_the_effects_and_retries_of_a_body_of_json(place: Place) -> None:
    sms, pay, store = place.apis.values()
    sms.failures, pay.failures, store.failures = [None], [503, None], [503]
    _, events = await place.run()
    assert "outcome_unknown" in events  # once: the connection was cut after the form was sent
    assert (len(sms.seen), len(pay.seen), len(store.seen)) == (1, 3, 1)
    assert "the API answered 503 Service Unavailable: busy" in events  # once: the answer is final
    first, *later = pay.seen  # idempotent: sent again with the same bytes and the same key
    assert all(each.body == first.body and each.line == first.line for each in later)
    assert len({each.headers["Idempotency-Key"] for each in pay.seen}) == 1


async def test_check_names_an_optional_body_that_cannot_be_sent(tmp_path: Path) -> None:
    document = SMS.replace("application/x-www-form-urlencoded", "application/octet-stream")
    (tmp_path / "sms.yaml").write_text(document)
    entry = (
        '{document: sms.yaml, operations: ["POST /2010-04-01/Accounts/{AccountSid}/Messages.json"], server: "http://h"}'
    )
    (tmp_path / "agent.yaml").write_text(f"type: react_agent\nmodel: offline\nopenapi:\n  sms: {entry}\n")
    argv = [sys.executable, "-m", "journeyman", "check", str(tmp_path)]
    child = await asyncio.create_subprocess_exec(*argv, cwd=ROOT, env=os.environ, stdout=asyncio.subprocess.PIPE)
    output, _ = await child.communicate()
    assert child.returncode != 0
    assert "sms.yaml:11:11: error: " in output.decode()
    assert "the request's body is application/octet-stream, and only JSON and forms are supported" in output.decode()
