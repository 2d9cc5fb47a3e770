from __future__ import annotations

from collections.abc import Callable

import pytest

from journeyman.agent_files.definition import LoadContext
from tests.harness.agent_texts import define

LoadContextFactory = Callable[..., LoadContext]


LOOP = "{start: a, nodes: {a: {type: llm}}, edges: [{from: a, to: end}]}"


def test_all_problems_come_at_once_with_their_places(load_context: LoadContextFactory) -> None:
    text = """\
type: react_agnt
nam: x
limits: {steps: many}
tools:
  - get_usrname
  - {name: refund, approval: "amount > 5", efects: none}
  - {effects: none}
  - refund
model: gpt-5
prompt: |
  Hello
  {{ name }}
output: {schema: {type: nope}}
quota: {concurrent_runs: 0}
"""
    agent, problems = define(text, load_context())
    assert agent is None
    assert sorted((problem.line, problem.column) for problem in problems) == sorted(
        [(1, 7), (2, 1), (3, 17), (5, 5), (6, 30), (6, 44), (7, 5), (8, 5), (9, 8), (12, 1), (13, 18), (14, 26)]
    )
    assert all(problem.file == "agent.yaml" for problem in problems)


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        ("nam: x", "the key `nam` is unknown", "did you mean `name`?"),
        ("xyz: x", "the key `xyz` is unknown", "known here: type, name"),
        ("limits: {stps: 1}", "`limits.stps` is unknown", "did you mean `steps`?"),
        ("limits: {steps: '5'}", "`limits.steps` must be a whole number, not text", "write a whole number"),
        ("limits: {steps: true}", "must be a whole number, not true or false", ""),
        ("limits: {steps: 1.5}", "must be a whole number", ""),
        ("limits: {steps: 0}", "greater than or equal to 1", ""),
        ("limits: 5", "`limits` must be a mapping, not a whole number", ""),
        ("limits:", "`limits` must be a mapping, not nothing", ""),
        ("tools:", "`tools` must be a list, not nothing", "write [] for none"),
        ("tools: get_username", "`tools` must be a list, not text", ""),
        ("tools: [5]", "`tools[0]` must be a name or a mapping with `name`", ""),
        ("tools: [get_usrname]", "the tool get_usrname is unknown", "did you mean get_username?"),
        ("tools: [zzz]", "the tool zzz is unknown", "known tools: asked, cached, get_order"),
        ("tools: [refund, refund]", "the tool refund is listed twice", "remove one"),
        ("tools: [{name: refund, arguments: {nope: {}}}]", "refund has no argument nope", ""),
        (
            "tools: [{name: refund, effects: no}]",
            "`tools[0].effects` cannot be this",
            "use 'none', 'idempotent', 'once'",
        ),
        ("description: 5", "`description` must be text, not a whole number", "put it in quotes"),
        ("name: Big Name", "characters that are not allowed", "use a-z"),
        ("prompt: '{{ x'", "not a Jinja2 template", ""),
        ("output: {}", "`output.schema` is missing", "add `schema: …`"),
        ("output: {schema: {type: nope}}", "not a JSON Schema", ""),
        ("model: {temperature: 1}", "`model.name` is missing", ""),
        ("model: [a]", "`model` must be a name or a mapping with `name`, not a list", ""),
        ("model: 'replay:'", "replay names no run", ""),
        (f"graph: {LOOP}", "a react_agent takes no `graph`: its graph is llm <-> tools", "custom_react_agent"),
        ("openapi: []", "`openapi` must be a mapping, not a list", "write a mapping"),
        ("services: {shop: {}}", "`services.shop.match` is missing", "add `match: …`"),
        ("services: {shop: {match: 'ftp://x'}}", "`match` cannot be used: match is an origin", ""),
        ("services: {shop: {match: 'https://x/y'}}", "match is an origin alone", ""),
        ("services: {shop: {match: gateway, rate_limit: often}}", "a rate is written like 10/second", "50/second"),
        ("services: {shop: {match: gateway, breaker: {failure: 1}}}", "`services.shop.breaker.failure` is", "failures"),
        ("services: {a: {match: gateway}, b: {match: gateway}}", "a and b have the same match", "keep one"),
        ("mcp_servers: {a__b: {url: 'http://x/'}}", "'a__b' cannot be used", "single _"),
        ("mcp_servers: {a: {}}", "either a `command` or a `url`", ""),
        ("mcp_servers: {a: {url: 'ftp://x'}}", "no http or https address", ""),
        ("mcp_servers: {a: {uri: x}}", "the key `mcp_servers.a.uri` is unknown", "did you mean `url`?"),
        ("mcp_servers: {a: {url: 'http://x/', headers: {Mcp-Name: y}}}", "'Mcp-Name' cannot be sent", ""),
        ("mcp_servers: {a: {command: [/no/such-thing]}}", "the command /no/such-thing is not found", ""),
        ("mcp_servers: {a: {command: [sh], cwd: ..}}", "`cwd` is no folder within that of the agent file", ""),
        ("mcp_servers: {a: {command: 'sh -c x'}}", "`mcp_servers.a.command` must be a list", ""),
        ("quota: {usd_a_day: 1}", "the key `quota.usd_a_day` is unknown", "did you mean `usd_per_day`?"),
        ("quota: {concurrent_runs: 0}", "`quota.concurrent_runs` cannot be used", ""),
        ("model: {name: offline, fallbacks: one}", "`model.fallbacks` must be a list, not text", ""),
        ("history: {when_full: burst}", "`history.when_full` cannot be this", "use 'trim', 'summarize'"),
        ("tools: [{name: refund, cache_ttl: soon}]", "`tools[0].cache_ttl` must be a number, not text", ""),
        ("tools: [{name: refund, cache_ttl: -1}]", "`tools[0].cache_ttl` cannot be used: it is from 0 to", ""),
        ("tools: [{name: refund, permissions: {net: []}}]", "`tools[0].permissions.net` is unknown", "`network`"),
        ("tools: [{name: refund, permissions: {env: [a-b]}}]", "env: 'a-b' is not the name of a variable", ""),
        ("tools: [{name: refund, rate_limit: fast}]", "`rate_limit` cannot be used", "write 10/second"),
        ("tools: [{name: refund, approval: {when: a}}]", "uses the unknown name 'a'", ""),
        ("tools: [{name: refund, approval: {by: me}}]", "`tools[0].approval.by` cannot be this", "'anyone', 'other'"),
        ("tools: [{name: refund, approval: 3}]", "`tools[0].approval` must be never, always, a condition", ""),
        ("tools: [{name: refund, approval: {default: deny}}]", "`default` has no meaning here", "deadline_seconds"),
        ("tools: [{name: refund, approval: {whem: always}}]", "`tools[0].approval.whem` is unknown", "`when`"),
    ],
)
def test_each_mistake_has_its_sentence(text: str, message: str, remedy: str, load_context: LoadContextFactory) -> None:
    agent, problems = define(f"type: react_agent\n{text}\n", load_context())
    assert agent is None
    assert [problem for problem in problems if message in problem.message and remedy in (problem.remedy or "")]
    assert len(problems) == 1
    assert problems[0].line == 2
