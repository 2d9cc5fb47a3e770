"""Another tenant's things are what does not exist: for every route, by the same answer and the same queries.

The requests are made from the OpenAPI document: a route or a parameter that is new fails here until a test
covers it.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from journeyman.api.security.scopes import ROUTES
from tests.harness.asgi_client import Answer, request, socket
from tests.harness.key_service import BOUNDED
from tests.harness.multi_tenant_app import MultiTenantApp, multi_tenant_app

SCOPES = "run fork read tools approve"
MARKER = "marker-of-ann"
NEVER = {"thread_id": "thread-that-never-was", "run_id": "run_that_never_was", "file_id": "file_that_never_was"} | {
    "approval_id": "appr_that_never_was"
}
NO_TENANTS = {"name", "key_id", "model"}  # path parameters that name agents, tools and keys: the same for everybody
BODIES: dict[str, Any] = {
    "process": {"user_input": "hello"},
    "execute_tool": {"tool_name": "get_username", "arguments": {}},
    "create_chat_completion": {"model": "support", "messages": [{"role": "user", "content": "hello"}]},
    "create_thread": {"title": "mine"},
    "rename_thread": {"title": "bob's"},
    "add_message": {"content": "hello"},
    "patch_thread_context": {"a": 1},
    "patch_context": {"a": 1},
    "cancel_run": None,
    "resume_run": {"answers": [{"approval": "APPROVAL", "decision": "approve"}]},
    "fork_run": {"at": 1},
    "retry_run": None,
    "release_run": None,
    "prune": {"threads": 1000},
    "create_key": {"name": "mine", "scopes": ["read"]},
    "rotate_key": {},
    "revoke_key": None,
}
QUERY = {"after", "cursor", "limit", "format", "at", "status", "agent", "thread", "tool", "error_code", "error_id"} | {
    "parent",
    "request_id",
    "trace_id",
    "since",
    "until",
    "name",
    "id",
    "order",
    "q",
    "version",
    "hours",
    "points",
    "wait",
}


class Tenants:
    """Ann has a paused run on a thread with a context; Bob has nothing, and every scope that Ann has."""

    def __init__(self, made: MultiTenantApp) -> None:
        self.api = made
        self.ids: dict[str, str] = {}
        self.approval = ""
        self.document: dict[str, Any] = {}

    async def open(self) -> Tenants:
        ask = self.api.ask
        headers = {"idempotency-key": "ann-1", "x-request-id": "req-ann", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
        body = {"user_input": f"ask {MARKER}", "thread_id": "ann-thread", "context": {"secret": MARKER}}
        run = (await ask("ann", "POST", "/process", body, headers)).json()
        assert run["status"] == "paused", run
        broken = await ask("ann", "POST", "/process", {"user_input": f"break {MARKER}", "thread_id": "ann-broken"})
        assert broken.status >= 500
        await ask("ann", "PATCH", "/context", {"secret": MARKER})
        await ask("ann", "POST", "/threads", {"thread_id": "ann-second", "title": MARKER})
        file = (await ask("ann", "POST", "/files?name=ann.json", {"secret": MARKER})).json()
        self.ids = {"run_id": run["run_id"], "thread_id": "ann-thread", "file_id": file["file_id"]}
        self.approval = self.ids["approval_id"] = run["approvals"][0]["approval"]
        await ask("bob", "GET", "/threads")  # his key is known now: it is looked up once
        self.document = (await request(self.api.app, "GET", "/openapi.json")).json()
        return self

    def operations(self) -> list[tuple[str, str, dict[str, Any]]]:
        return [
            (method.upper(), path, operation)
            for path, methods in self.document["paths"].items()
            for method, operation in methods.items()
        ]

    def body(self, operation: dict[str, Any]) -> Any:
        body = BODIES[operation["operationId"]]
        return None if body is None else _put(body, self.approval)

    async def whole(self) -> str:
        """All that Ann can see of hers."""
        paths = ["/threads", "/runs", "/approvals", "/context", "/threads/ann-thread/messages", "/threads/ann-thread"]
        paths += [f"/runs/{self.ids['run_id']}/events", "/threads/ann-thread/context", f"/files/{self.ids['file_id']}"]
        return "\n".join([(await self.api.ask("ann", "GET", path)).text for path in paths])


def _put(body: Any, approval: str) -> Any:
    if isinstance(body, dict):
        return {key: _put(value, approval) for key, value in body.items()}
    return (
        [_put(each, approval) for each in body]
        if isinstance(body, list)
        else (approval if body == "APPROVAL" else body)
    )


@pytest.fixture
async def tenants(tmp_path: Path) -> AsyncIterator[Tenants]:
    async with multi_tenant_app(tmp_path, {"ann": SCOPES, "bob": SCOPES, "boss": f"{SCOPES} approve:any"}) as made:
        yield await Tenants(made).open()


def filled(path: str, ids: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda match: ids.get(match[1], "get_username"), path)


def plain(answer: Answer, ids: dict[str, str]) -> tuple[int, str]:
    """The answer without what differs by nature."""
    text = re.sub(r"err_[0-9a-f]+", "ERR", answer.text)
    for value in ids.values():
        text = text.replace(value, "ID")
    return answer.status, text


async def test_another_tenants_ids_are_ids_of_nothing(tenants: Tenants) -> None:
    before = await tenants.whole()
    tried = 0
    for method, path, operation in tenants.operations():
        parameters = set(re.findall(r"\{(\w+)\}", path))
        assert parameters <= NEVER.keys() | NO_TENANTS, f"{path}: whose are these?"
        if not parameters & NEVER.keys():
            continue
        body = tenants.body(operation) if method in ("POST", "PATCH", "PUT") else None
        theirs, asked = await tenants.api.queries("bob", method, filled(path, tenants.ids), body)
        nothing, asked_of_nothing = await tenants.api.queries("bob", method, filled(path, NEVER), body)
        refused = 403 if ROUTES[method, path] == "admin" else 404  # none of these tenants is an admin
        assert theirs.status == refused, (method, path, theirs.text)
        assert plain(theirs, tenants.ids) == plain(nothing, NEVER), (method, path)
        assert asked == asked_of_nothing, (method, path)
        assert len(asked) <= 2, (method, path, asked)
        tried += 1
    assert tried >= 14
    assert await tenants.whole() == before


async def test_lists_and_searches_hold_nothing_of_anothers(tenants: Tenants) -> None:
    run = (await tenants.api.ask("ann", "GET", f"/runs/{tenants.ids['run_id']}")).json()
    failed = (await tenants.api.ask("ann", "GET", "/runs?status=failed")).json()["items"][0]
    values = {
        "thread": "ann-thread",
        "request_id": "req-ann",
        "trace_id": "a" * 32,
        "status": "paused",
        "agent": "agent",
        "parent": tenants.ids["run_id"],
        "tool": "get_username",
        "error_id": failed["error_id"],
        "error_code": failed["error_code"],
        "since": run["accepted_at"],
        "until": "2999-01-01T00:00:00Z",
        "id": run["run_id"][:12],
        "order": "newest",
        "q": "thread",
    }
    for method, path, operation in tenants.operations():
        names = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"}
        assert names <= QUERY, f"{path}: what do these find?"
        if method != "GET" or "{" in path or path in ("/metrics", "/livez", "/readyz"):
            continue
        here = values | ({"status": "ended"} if path == "/approvals" else {})
        for query in ["", *(f"?{name}={value}" for name, value in here.items() if name in names)]:
            answer = await tenants.api.ask("bob", "GET", path + query)
            if answer.status == 403:  # for admins
                continue
            assert answer.status == 200, (path, query, answer.text)
            assert MARKER not in answer.text, (path, query)
            assert "ann" not in answer.text, (path, query)
    assert (await tenants.api.ask("ann", "GET", "/threads?id=ann-")).json()["items"]
    assert (await tenants.api.ask("bob", "GET", "/threads?id=ann-")).json()["items"] == []


async def test_a_cursor_of_anothers_leads_nowhere(tenants: Tenants) -> None:
    await tenants.api.ask("ann", "POST", "/process", {"user_input": "hello", "thread_id": "ann-third"})
    for path in ("/threads", "/runs", "/threads/ann-thread/messages", f"/runs/{tenants.ids['run_id']}/events"):
        page = (await tenants.api.ask("ann", "GET", f"{path}?limit=1")).json()
        assert page["next_cursor"], path
        answer = await tenants.api.ask("bob", "GET", f"{path}?limit=1&cursor={page['next_cursor']}")
        assert answer.status == 404 or answer.json() == {"items": [], "next_cursor": None}, (path, answer.text)


async def test_metrics_name_no_tenant(tenants: Tenants) -> None:
    text = (await tenants.api.ask("bob", "GET", "/metrics")).text
    assert MARKER not in text
    assert not re.search(r"\bann\b", text)


async def test_an_approval_of_anothers_cannot_be_answered_through_ones_own_run(tenants: Tenants) -> None:
    ask = tenants.api.ask
    own = (await ask("bob", "POST", "/process", {"user_input": "ask"})).json()
    path = f"/runs/{own['run_id']}/resume"
    before = await tenants.whole()
    answers = []
    for approval in (tenants.approval, "appr_that_never_was"):
        body = {"answers": [{"approval": approval, "decision": "approve"}]}
        answer, asked = await tenants.api.queries("bob", "POST", path, body)
        answers.append((plain(answer, {"approval": approval}), asked))
    assert answers[0] == answers[1]
    assert answers[0][0][0] == 404
    assert await tenants.whole() == before


async def test_a_thread_id_names_a_thread_of_ones_own(tenants: Tenants) -> None:
    ask, before = tenants.api.ask, await tenants.whole()
    own = (await ask("bob", "POST", "/process", {"user_input": "hello", "thread_id": "ann-thread"})).json()
    assert (own["thread_id"], own["status"]) == ("ann-thread", "finished")
    assert MARKER not in (await ask("bob", "GET", "/threads/ann-thread/messages")).text
    assert (await ask("bob", "DELETE", "/threads/ann-thread")).status == 204
    assert await tenants.whole() == before


async def test_an_idempotency_key_is_ones_own(tenants: Tenants) -> None:
    key = {"idempotency-key": "ann-1"}
    own = (await tenants.api.ask("bob", "POST", "/process", {"user_input": "hello"}, key)).json()
    assert own["run_id"] != tenants.ids["run_id"]
    body = {"user_input": f"ask {MARKER}", "thread_id": "ann-thread", "context": {"secret": MARKER}}
    again = await tenants.api.ask("bob", "POST", "/process", body, key)
    assert (again.status, again.json()["code"]) == (422, "idempotency_mismatch")  # with his own first body


async def test_sockets_see_no_more(tenants: Tenants) -> None:
    run_id = tenants.ids["run_id"]
    headers = {"authorization": f"Bearer {tenants.api.keys['bob']}"}
    answers = [{"approval": tenants.approval, "decision": "approve"}]
    async with socket(tenants.api.app, headers=headers) as client:
        for command in ("subscribe", "cancel", "resume"):
            for each in (run_id, "run_that_never_was"):
                more = {"answers": answers} if command == "resume" else {}
                await client.send({"type": command, "id": command, "run_id": each, **more})
                refused = await client.receive()
                assert (refused["type"], refused["status"], refused["code"]) == ("error", 404, "not_found")


async def test_delegates_of_one_key_are_tenants_too(tenants: Tenants) -> None:
    keys = tenants.api.application.authentication.keys
    tenants.api.keys["desk"] = (await keys.create("desk", ["run", "read", "delegate"], limits=BOUNDED)).secret or ""
    ask = tenants.api.ask
    await ask("desk", "POST", "/threads", {"thread_id": "t"}, {"x-on-behalf-of": "carl"})
    seen = {
        other: len((await ask("desk", "GET", "/threads", headers=headers)).json()["items"])
        for other, headers in {"carl": {"x-on-behalf-of": "carl"}, "dora": {"x-on-behalf-of": "dora"}, "": {}}.items()
    }
    assert seen == {"carl": 1, "dora": 0, "": 0}


async def test_approve_any_sees_and_answers_everyones_and_nothing_else(tenants: Tenants) -> None:
    ask = tenants.api.ask
    waiting = (await ask("boss", "GET", "/approvals")).json()["items"]
    assert [(each["approval"], each["principal"]) for each in waiting] == [(tenants.approval, "key:ann")]
    assert (await ask("boss", "GET", f"/runs/{tenants.ids['run_id']}")).status == 404
    body = {"answers": [{"approval": tenants.approval, "decision": "approve"}]}
    assert (await ask("boss", "POST", f"/runs/{tenants.ids['run_id']}/resume", body)).status == 200
    events = (await ask("ann", "GET", f"/runs/{tenants.ids['run_id']}/events")).json()["items"]
    given = [event["data"] for event in events if event["type"] == "approval_given"]
    assert [each["by"] for each in given] == ["key:boss"]


async def test_an_approver_sees_what_became_of_his_answer_and_no_more_of_the_run(tenants: Tenants) -> None:
    ask, run_id = tenants.api.ask, tenants.ids["run_id"]
    path = f"/approvals/{tenants.approval}"
    waiting = (await ask("boss", "GET", path)).json()
    assert (waiting["status"], waiting["decision"], waiting["result"]) == ("paused", None, None)
    body = {"answers": [{"approval": tenants.approval, "decision": "approve"}]}
    answered = await ask("boss", "POST", f"/runs/{run_id}/resume", body, {"idempotency-key": "boss-1"})
    assert (answered.status, answered.json()["status"]) == (200, "running")
    outcome = (await ask("boss", "GET", f"{path}?wait=30")).json()
    assert outcome["decision"] == "approve"
    assert outcome["answered_by"] == "key:boss"
    assert (outcome["status"], outcome["tool"], outcome["error"]) == ("finished", "get_username", None)
    assert outcome["result"]
    again = (await ask("boss", "POST", f"/runs/{run_id}/resume", body, {"idempotency-key": "boss-1"})).json()
    assert (again["status"], again["response"]) == ("finished", ""), "the reply belongs to the run's principal"
    assert (await ask("ann", "GET", f"/runs/{run_id}")).json()["response"]
    for hidden in (f"/runs/{run_id}", f"/runs/{run_id}/events", f"/runs/{run_id}/state", "/threads/ann-thread"):
        assert (await ask("boss", "GET", hidden)).status == 404, hidden


async def test_an_answer_is_seen_by_who_gave_it_and_whose_run_asked(tenants: Tenants) -> None:
    ask, keys = tenants.api.ask, tenants.api.application.authentication.keys
    tenants.api.keys["other"] = (await keys.create("other", ["approve:any"])).secret or ""
    path = f"/approvals/{tenants.approval}"
    assert [(await ask(who, "GET", path)).status for who in ("ann", "boss", "other", "bob")] == [200, 200, 200, 404]
    body = {"answers": [{"approval": tenants.approval, "decision": "deny"}]}
    assert (await ask("other", "POST", f"/runs/{tenants.ids['run_id']}/resume", body)).status == 200
    assert [(await ask(who, "GET", path)).status for who in ("ann", "boss", "other", "bob")] == [200, 404, 200, 404]
    outcome = (await ask("other", "GET", f"{path}?wait=30")).json()
    assert (outcome["result"], outcome["error"]["code"]) == (None, "approval_denied")
    assert (await ask("other", "GET", "/runs")).status == 403, "it may approve, and nothing else"


async def test_the_history_of_approvals_is_for_who_gave_the_answer_and_whose_run_asked(tenants: Tenants) -> None:
    ask, keys = tenants.api.ask, tenants.api.application.authentication.keys
    tenants.api.keys["other"] = (await keys.create("other", ["approve:any"])).secret or ""
    body = {"answers": [{"approval": tenants.approval, "decision": "deny"}]}
    assert (await ask("other", "POST", f"/runs/{tenants.ids['run_id']}/resume", body)).status == 200
    for who, seen in (("ann", 1), ("other", 1), ("boss", 0), ("bob", 0)):
        items = (await ask(who, "GET", "/approvals?status=ended")).json()["items"]
        assert len(items) == seen, who
        for item in items:
            assert (item["status"], item["decision"], item["answered_by"]) == ("answered", "deny", "key:other")
            assert item["answered_at"] >= item["requested_at"]


async def test_a_tool_that_no_agent_lists_needs_admin(tenants: Tenants) -> None:
    body = {"tool_name": "calculator", "arguments": {"expression": "1+1"}}
    refused = await tenants.api.ask("bob", "POST", "/execute_tool", body)
    assert (refused.status, refused.json()["code"]) == (403, "missing_scope")
    assert "`admin`" in refused.json()["error"]
    assert (await tenants.api.ask("root", "POST", "/execute_tool", body)).status == 200
    unknown = await tenants.api.ask("bob", "POST", "/execute_tool", {**body, "tool_name": "nothing"})
    assert unknown.status == 404
