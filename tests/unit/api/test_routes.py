"""The ordinary routes: agents, tools, threads, contexts, runs, approvals, probes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from journeyman.agents.graph.drawing import mermaid
from journeyman.agents.spec import EdgeSpec, GraphSpec, NodeSpec
from journeyman.api.app import build_app
from journeyman.errors import Problem
from journeyman.journal.journal import FailureRow
from journeyman.runtime.served.agents import AgentRegistry
from journeyman.runtime.served.reload_report import AgentChange, ReloadReport
from journeyman.web.pages import pages
from tests.harness.asgi_client import request
from tests.harness.fake_use_cases import fake_agent, make_ports


async def get(app: Any, path: str) -> Any:
    answer = await request(app, "GET", path)
    assert answer.status == 200, answer.text
    return answer.json()


async def test_agents() -> None:
    catalog = AgentRegistry({"b": fake_agent("b"), "a": fake_agent("a", "custom")}, default="b")
    app = build_app(make_ports(catalog=catalog))
    listed = await get(app, "/agents?limit=1")
    assert [(item["name"], item["default"]) for item in listed["items"]] == [("a", False)]
    rest = await get(app, f"/agents?cursor={listed['next_cursor']}")
    assert [(item["name"], item["default"]) for item in rest["items"]] == [("b", True)]
    agent = await get(app, "/agents/b")
    assert agent["tools"][0]["name"] == "get_username"
    assert agent["version"] == fake_agent("b").version
    assert agent["limits"]["steps"] == 25
    assert "hidden" not in str(agent)
    graph = await get(app, "/agents/b/graph")
    assert {"from": "tools", "to": "llm"} in graph["edges"]
    assert (await request(app, "GET", "/agents/b/graph?format=mermaid")).text.startswith("flowchart TD\n")
    assert (await request(app, "GET", "/agents/a/graph")).json()["code"] == "no_graph"
    for path in ("/agents/nope", "/agents/nope/graph"):
        assert (await request(app, "GET", path)).status == 404


async def test_the_graph_of_an_agent_that_has_its_own() -> None:
    graph = GraphSpec(
        start="ask",
        nodes=(
            NodeSpec(name="ask", type="llm"),
            NodeSpec(name="note", type="function"),
            NodeSpec(name="x", type="llm"),
        ),
        edges=(
            EdgeSpec(origins=("ask",), targets=("note", "x"), when="state.steps < 3"),
            EdgeSpec(origins=("note", "x"), targets=("end",)),
        ),
    )
    app = build_app(make_ports(catalog=AgentRegistry({"a": fake_agent("a", "custom_react_agent", graph)})))
    assert await get(app, "/agents/a/graph") == {
        "start": "ask",
        "nodes": [{"id": "ask", "type": "llm"}, {"id": "note", "type": "function"}, {"id": "x", "type": "llm"}],
        "edges": [
            {"from": "ask", "to": "note", "when": "state.steps < 3", "kind": "fan_out", "group": 0},
            {"from": "ask", "to": "x", "when": "state.steps < 3", "kind": "fan_out", "group": 0},
            {"from": "note", "to": "end", "kind": "join", "group": 1},
            {"from": "x", "to": "end", "kind": "join", "group": 1},
        ],
    }
    assert (await request(app, "GET", "/agents/a/graph?format=mermaid")).text == mermaid(graph)
    assert (await request(app, "GET", "/agents/a/graph?format=svg")).status == 422


async def test_tools() -> None:
    app = build_app(make_ports())
    (tool,) = (await get(app, "/tools"))["items"]
    assert tool == await get(app, "/tools/get_username")
    assert (tool["source"], tool["metrics"]) == ("tools/user.py:3", {"calls": 2})
    assert (await request(app, "GET", "/tools/nope")).json()["code"] == "tool_not_found"


async def test_errors() -> None:
    ports = make_ports()
    app = build_app(ports)
    row = FailureRow(
        code="gateway_timeout",
        agent="support",
        count=3,
        first_at=1_000_000,
        last_at=61_000_000,
        latest_run="run_3",
        error_id="err_1",
        last_seq=5,
    )
    others = [msgspec.structs.replace(row, agent=agent) for agent in (None, "sales")]
    ports.runs.failed = [(each, "It was silent.") for each in (row, *others)]  # type: ignore[attr-defined]
    listed = await get(app, "/errors?limit=3")
    first = listed["items"][0]
    assert len({item.pop("fingerprint") for item in listed["items"]}) == 3
    assert (first["first_at"], first["last_at"]) == ("1970-01-01T00:00:01.000000Z", "1970-01-01T00:01:01.000000Z")
    assert (first["count"], first["latest_run"], first["message"]) == (3, "run_3", "It was silent.")
    assert len((await get(app, "/errors?limit=1"))["items"]) == 1


async def test_a_thread_from_birth_to_end() -> None:
    app = build_app(make_ports())
    made = await request(app, "POST", "/threads", json={"thread_id": "a+b@c", "title": "T", "meta": {"k": [1]}})
    assert made.status == 201
    assert made.json() == await get(app, "/threads/a+b@c")
    again = await request(app, "POST", "/threads", json={"thread_id": "a+b@c"})
    assert (again.status, again.json()["code"]) == (409, "thread_exists")
    added = await request(app, "POST", "/threads/a+b@c/messages", json={"content": "hello"})
    assert (added.status, added.json()) == (201, {"no": 1})
    (message,) = (await get(app, "/threads/a+b@c/messages"))["items"]
    assert (message["no"], message["run_id"]) == (1, None)
    assert message["message"] == {"role": "user", "content": [{"type": "text", "text": "hello"}]}
    patched = await request(app, "PATCH", "/threads/a+b@c/context", json={"name": "Ada", "old": None})
    assert patched.json() == await get(app, "/threads/a+b@c/context") == {"name": "Ada"}
    assert (await request(app, "DELETE", "/threads/a+b@c")).status == 204
    assert (await request(app, "GET", "/threads/a+b@c")).status == 404


async def test_threads_by_page() -> None:
    app = build_app(make_ports())
    for number in range(5):
        await request(app, "POST", "/threads", json={"thread_id": f"t{number}"})
    seen, cursor = [], ""
    while cursor is not None:
        listed = await get(app, f"/threads?limit=2{cursor and '&cursor=' + cursor}")
        seen += [item["thread_id"] for item in listed["items"]]
        cursor = listed["next_cursor"]
    assert seen == ["t0", "t1", "t2", "t3", "t4"]


@pytest.mark.parametrize("bad", ["..", ".", "a b", "a%2Fb", "a%00", "a%0A", "%FF", "x" * 201])
async def test_thread_ids_that_are_none(bad: str) -> None:
    app = build_app(make_ports())
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/messages"), ("GET", "/context"), ("GET", "/runs")):
        answer = await request(app, method, f"/threads/{bad}{path}")
        assert answer.status in (404, 422)
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["/threads", "/runs", "/approvals", "/agents", "/tools", "/threads/a/messages", "/threads/a/runs"]
)
async def test_cursors_that_are_none(path: str) -> None:
    app = build_app(make_ports())
    await request(app, "POST", "/threads", json={"thread_id": "a"})
    for cursor in ("x", "%00", "e30", "cnVuczotMQ", "%F0%9F%98%80", "A" * 2000):
        answer = await request(app, "GET", f"{path}?cursor={cursor}")
        assert answer.status == 422, answer.text
        assert answer.headers["content-type"] == "application/problem+json"


async def test_the_global_context() -> None:
    app = build_app(make_ports())
    merge = {"content-type": "application/merge-patch+json"}
    answer = await request(app, "PATCH", "/context", body=b'{"plan": "pro"}', headers=merge)
    assert answer.json() == await get(app, "/context") == {"plan": "pro"}
    assert (await request(app, "PATCH", "/context", json=[1])).status == 422


async def test_runs() -> None:
    ports = make_ports()
    app = build_app(ports)
    for text in ("one", "two", "pause"):
        await request(app, "POST", "/process", json={"user_input": text, "thread_id": "t"})
    listed = await get(app, "/runs?limit=2")
    assert [item["run_id"] for item in listed["items"]] == ["run_3", "run_2"]
    rest = await get(app, f"/runs?limit=2&cursor={listed['next_cursor']}")
    assert [item["run_id"] for item in rest["items"]] == ["run_1"]
    assert [item["run_id"] for item in (await get(app, "/runs?status=paused"))["items"]] == ["run_3"]
    await get(app, "/runs?thread=t&tool=x&since=2026-01-01T00:00:00Z&until=2026-01-02")
    where = ports.runs.asked[-1]  # type: ignore[attr-defined]
    assert (where.thread, where.tool) == ("local/t", "x")
    assert where.until - where.since == 86_400_000_000
    run = await get(app, "/runs/run_1")
    assert (run["thread_id"], run["status"], run["response"]) == ("t", "finished", "echo: one")
    assert (await get(app, "/runs/run_1/state"))["output"] == "echo: one"
    assert (await get(app, "/runs/run_1/state?at=1"))["status"] == "queued"
    for path in (
        "/runs/run_1/state?at=0",
        "/runs?since=0.5",
        "/runs?until=1767225600",
        "/runs?status=odd",
        "/runs?since=x",
        "/runs?agent=%00",
    ):
        assert (await request(app, "GET", path)).status in (400, 422)
    for path in ("/runs/nope", "/runs/nope/state", "/runs/nope/events", "/runs/run_1/state?at=99"):
        assert (await request(app, "GET", path)).status == 404


async def test_an_approval_is_answered_once() -> None:
    app = build_app(make_ports())
    await request(app, "POST", "/process", json={"user_input": "pause"})
    (approval,) = (await get(app, "/approvals"))["items"]
    body = {"answers": [{"approval": approval["approval"], "decision": "approve", "arguments": {"amount": 1}}]}
    wrong = {"answers": [{"approval": approval["approval"], "decision": "done", "result": {"a": 1}}]}
    assert (await request(app, "POST", "/runs/run_1/resume", json=wrong)).status == 400
    assert (await request(app, "POST", "/runs/run_1/resume", json={"answers": []})).status == 422
    answered = await request(app, "POST", "/runs/run_1/resume", json=body)
    assert (answered.status, answered.json()["status"]) == (200, "running")
    again = await request(app, "POST", "/runs/run_1/resume", json=body)
    assert (again.status, again.json()["code"]) == (409, "approval_closed")
    assert (await get(app, "/approvals"))["items"] == []


async def test_cancel() -> None:
    app = build_app(make_ports())
    await request(app, "POST", "/process", json={"user_input": "hang", "background": True})
    assert (await request(app, "POST", "/runs/run_1/cancel")).json()["status"] == "cancelled"
    await request(app, "POST", "/process", json={"user_input": "hi"})
    ended = await request(app, "POST", "/runs/run_2/cancel")
    assert (ended.status, ended.json()["code"]) == (409, "run_ended")
    assert (await request(app, "POST", "/runs/nope/cancel")).status == 404


async def test_probes() -> None:
    assert (await get(build_app(make_ports()), "/livez"))["status"] == "alive"
    assert (await get(build_app(make_ports()), "/readyz"))["status"] == "ready"
    unready = await request(build_app(make_ports(ready=lambda: {"journal": "failed"})), "GET", "/readyz")
    assert (unready.status, unready.json()) == (
        503,
        {"status": "unready", "reasons": {"journal": "failed"}, "details": {}},
    )


async def test_pages_name_no_foreign_host() -> None:
    app = build_app(make_ports(pages=pages()))
    for path in ("/", "/docs", "/docs.js", "/style.css"):
        page = await request(app, "GET", path)
        assert page.status == 200
        assert "script-src 'self'" in page.headers["content-security-policy"]
        assert "https://" not in page.text
        assert "<script>" not in page.text
        assert "style=" not in page.text
    assert "curl" in (await request(app, "GET", "/")).text


async def test_a_fork_and_its_edits() -> None:
    ports = make_ports()
    app = build_app(ports)
    run = (await request(app, "POST", "/process", json={"user_input": "hello"})).json()["run_id"]
    body = {
        "at": 2,
        "edits": {"messages": [{"replace": 1, "content": "bye"}, {"content": "now"}], "version": "current"},
    }
    key = {"Idempotency-Key": "k"}
    forked = await request(app, "POST", f"/runs/{run}/fork", json=body, headers=key)
    assert (forked.status, forked.json()["thread_id"]) == (202, "fork")
    again = await request(app, "POST", f"/runs/{run}/fork", json=body, headers=key)
    assert again.json()["run_id"] == forked.json()["run_id"]
    (asked,) = ports.forks.asked  # type: ignore[attr-defined]
    assert (asked.at, asked.version, asked.prompt) == (2, "current", None)
    assert [(edit.replace, edit.role, edit.content[0].text) for edit in asked.messages] == [
        (1, "user", "bye"), (None, "user", "now"),
    ]  # fmt: skip
    for wrong, where in (({}, "at"), ({"at": 0}, "at"), ({"at": 2, "edits": {"tools": []}}, "edits")):
        refused = await request(app, "POST", f"/runs/{run}/fork", json=wrong)
        assert (refused.status, where in refused.json()["error"]) == (422, True)
    assert (await request(app, "POST", "/runs/nope/fork", json={"at": 1})).status == 404


async def test_versions_reload_and_rollback() -> None:
    wrong = Problem("syntax error", "/secret/place/agent.yaml", 3, 1, "correct it")
    outcomes = [
        ReloadReport(0, True, (AgentChange("support", "b", "a"), AgentChange("new", "c", ""))),
        ReloadReport(0, False, (), (wrong,)),
    ]
    left, asked = iter(outcomes), []

    async def reload() -> ReloadReport:
        return next(left)

    async def roll_back(agent: str, version: str | None) -> AgentChange:
        asked.append((agent, version))
        return AgentChange(agent, "a", "b")

    app = build_app(make_ports(reload=reload, roll_back=roll_back, last_reload=lambda: outcomes[1]))
    agent = await get(app, "/agents/support")
    assert agent["reload_problems"] == ["agent.yaml:3:1: syntax error (correct it)"]
    assert [(each["version"], each["current"]) for each in agent["versions"]] == [(agent["version"], True)]
    done = (await request(app, "POST", "/reload")).json()
    assert done["applied"]
    assert done["changes"][1] == {"agent": "new", "version": "c", "before": None}
    refused = (await request(app, "POST", "/reload")).json()
    assert (refused["applied"], refused["problems"]) == (False, agent["reload_problems"])
    for body in (None, {}, {"version": "a"}):
        answer = await request(app, "POST", "/agents/support/rollback", json=body)
        assert answer.json() == {"agent": "support", "version": "a", "before": "b"}
    assert asked == [("support", None), ("support", None), ("support", "a")]
    assert (await request(app, "POST", "/agents/support/rollback", json={"versoin": "a"})).status == 422
    given = build_app(make_ports())
    assert (await request(given, "POST", "/reload")).json()["code"] == "no_files"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/retention/prune", {"days": 1e308}),
        ("/retention/prune", {"threads": -1}),
        ("/retention/prune", {"megabytes": 1e308}),
        ("/retention/prune", {}),
        ("/keys", {"name": "a b", "scopes": ["run"]}),
        ("/keys", {"name": "a\n", "scopes": ["run"]}),
        ("/keys", {"name": "a", "scopes": ["run", "fly"]}),
        ("/keys", {"name": "a", "scopes": ["run"], "principal": ""}),
    ],
)
async def test_what_the_document_does_not_allow_is_refused_with_its_place(path: str, body: Any) -> None:
    answer = await request(build_app(make_ports()), "POST", path, json=body)
    assert (answer.status, answer.json()["errors"][0]["path"][:4]) == (422, "body"), answer.text
