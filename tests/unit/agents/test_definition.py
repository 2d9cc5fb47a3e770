from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jsonschema_rs
import pytest

from journeyman.agent_files.assembly import assemble
from journeyman.agent_files.definition import LoadContext, LoadedAgent, define_agent
from journeyman.agent_files.file_model import agent_file_schema
from journeyman.agent_files.yaml_reader import read_document
from journeyman.agents.react import ReactAgent
from journeyman.egress.services import ServiceSpec
from journeyman.errors import Problem
from journeyman.events.fold import AgentState
from journeyman.resilience.rate_limit import Rate

Around = Callable[..., LoadContext]


def define(text: str, surroundings: LoadContext) -> tuple[LoadedAgent | None, list[Problem]]:
    document, problems = read_document(text.encode(), "agent.yaml")
    assert document is not None
    agent, found = define_agent(document, surroundings, default_name="support")
    return agent, [*problems, *found]


def defined(text: str, surroundings: LoadContext) -> LoadedAgent:
    agent, problems = define(text, surroundings)
    assert not problems
    assert agent is not None
    return agent


FULL = """
type: react_agent
name: support
description: Answers account questions
prompt: |
  You help {{ context.thread.name | default("the customer") }}.
model: {name: gpt-5-mini, temperature: 0.5, max_tokens: 100, timeout_seconds: 10, extra: {seed: 1}}
tools:
  - get_username
  - name: refund
    description: Refund an order
    arguments: {order_id: {type: string}, amount: {type: number, maximum: 100}}
    required: [order_id, amount]
    effects: once
    approval: "args.amount > 50"
    timeout_seconds: 10
    isolation: process
    on_unknown: ask
limits: {steps: 5, tool_calls: 6, seconds: 7, tokens: 800, cost_usd: 0.5}
history: {max_messages: 20, max_tokens: 6000, when_full: summarize}
output: {schema: {type: object}, retries: 1}
"""


LOOP = "{start: a, nodes: {a: {type: llm}}, edges: [{from: a, to: end}]}"


def test_every_key_of_this_release(around: Around) -> None:
    agent = defined(FULL, around(gateway_configured=True))
    spec = agent.spec
    assert (spec.type, spec.name, spec.description) == ("react_agent", "support", "Answers account questions")
    assert (spec.model.name, spec.model.temperature, spec.model.extra) == ("gpt-5-mini", 0.5, {"seed": 1})
    assert [tool.name for tool in spec.tools] == ["get_username", "refund"]
    refund = spec.tools[1]
    assert (refund.description, refund.policy.timeout_seconds) == ("Refund an order", 10)
    assert (refund.policy.isolation, refund.policy.approval.when) == ("process", "args.amount > 50")
    assert refund.parameters["required"] == ["order_id", "amount"]
    assert (spec.limits.steps, spec.limits.seconds, spec.limits.cost_usd) == (5, 7, 0.5)
    assert (spec.history.max_messages, spec.history.max_tokens) == (20, 6000)
    assert spec.output is not None
    assert spec.output.schema == {"type": "object"}
    assert spec.encode() == defined(FULL, around(gateway_configured=True)).spec.encode()


def test_the_system_prompt_of_a_run(around: Around) -> None:
    agent = defined("type: react_agent\nprompt: '{{ agent.name }} {{ agent.model }} {{ context.thread.x }}'", around())
    assert assemble(agent.spec, ReactAgent, {}).prompt(AgentState(thread_context={"x": 1})) == "support offline 1"


def test_a_file_of_one_line_is_enough(around: Around) -> None:
    spec = defined("type: react_agent", around()).spec
    assert (spec.name, spec.model.name, spec.tools, spec.limits.steps, spec.limits.repeats) == (
        "support", "offline", (), 25, 10,
    )  # fmt: skip


def test_all_problems_come_at_once_with_their_places(around: Around) -> None:
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
    agent, problems = define(text, around())
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
def test_each_mistake_has_its_sentence(text: str, message: str, remedy: str, around: Around) -> None:
    agent, problems = define(f"type: react_agent\n{text}\n", around())
    assert agent is None
    assert [problem for problem in problems if message in problem.message and remedy in (problem.remedy or "")]
    assert len(problems) == 1
    assert problems[0].line == 2


def test_references_become_values_that_are_secret(around: Around) -> None:
    text = """\
type: react_agent
description: "${COLOUR:-blue} $${COLOUR}"
model: {name: "${MODEL}", max_tokens: "${TOKENS}", extra: {api_key: "${KEY}"}}
"""
    environment = {"MODEL": "gpt-5", "TOKENS": "100", "KEY": "sk-123456789012345678", "COLOUR": ""}
    agent = defined(text, around(environment=environment, gateway_configured=True))
    assert agent.spec.description == "blue ${COLOUR}"
    assert (agent.spec.model.name, agent.spec.model.max_tokens) == ("gpt-5", 100)
    assert agent.secrets == {"gpt-5", "100", "sk-123456789012345678"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("description: ${NOPE}", "the environment variable NOPE is not set"),
        ("description: ${EMPTY}", "the environment variable EMPTY is not set"),
        ("description: 'a ${1x} b'", "does not begin a reference"),
        ("description: 'a ${ABC'", "does not begin a reference"),
        ("limits: {steps: '${SECRET}'}", "must be a whole number"),
        ("limits:\n  steps: ${SECRET}", "must be a whole number"),
        ("tools: ['${SECRET}']", "the tool ${SECRET} is unknown"),
        ("tools: [{name: '${SECRET}'}]", "the tool ${SECRET} is unknown"),
        ("model: ${SECRET}", "the model ${SECRET} needs a gateway"),
        ("name: ${SECRET}!", "characters that are not allowed"),
        ("tools: [{name: refund, approval: '${SECRET} >'}]", "*** >"),
    ],
)
def test_the_value_of_a_reference_is_in_no_problem(text: str, message: str, around: Around) -> None:
    environment = {"SECRET": "hunter2-hunter2", "EMPTY": ""}
    _, problems = define(f"type: react_agent\n{text}\n", around(environment=environment))
    assert message in problems[0].message
    assert "hunter2" not in "".join(map(str, problems))
    assert problems[0].line in (2, 3)


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
def test_a_literal_credential_is_refused(text: str, around: Around) -> None:
    agent, problems = define(f"type: react_agent\n{text}\n", around(gateway_configured=True, default_model="m"))
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
def test_what_is_no_credential(text: str, around: Around) -> None:
    surroundings = around(gateway_configured=True, default_model="m", environment={"KEY": "abc12345"})
    defined(f"type: react_agent\n{text}\n", surroundings)


def test_the_default_model_and_offline(around: Around) -> None:
    assert defined("type: react_agent", around(default_model="m", gateway_configured=True)).spec.model.name == "m"
    agent = defined("type: react_agent\nmodel: {name: m, temperature: 1}", around(offline=True))
    assert (agent.spec.model.name, agent.spec.model.temperature) == ("offline", 1)
    _, problems = define("type: react_agent", around(gateway_configured=True))
    assert "no model is named" in problems[0].message


def test_the_schema_for_editors_accepts_what_loads() -> None:
    schema: Any = agent_file_schema()
    json.dumps(schema)
    check = jsonschema_rs.validator_for(schema)
    document, _ = read_document(FULL.encode(), "agent.yaml")
    assert document is not None
    assert check.is_valid(document.data)
    assert check.is_valid({"type": "react_agent", "model": "m", "tools": ["a", {"name": "b"}]})
    assert not check.is_valid({"type": "react_agent", "tool": []})
    assert not check.is_valid({"type": "react_agent", "model": {"nam": "x"}})


def test_fallbacks_are_models_of_the_gateway(around: Around) -> None:
    agent, problems = define(
        "type: react_agent\nmodel: {name: big, fallbacks: [small, offline, big]}\n", around(gateway_configured=True)
    )
    assert agent is None
    assert [problem.message for problem in problems] == [
        "offline is no model of the gateway",
        "the model big is named twice",
    ]


def test_services_are_read_and_are_no_part_of_the_version(around: Around) -> None:
    text = """type: react_agent
services:
  shop:
    match: https://Shop.example:443/
    max_connections: 7
    rate_limit: 50/second
    retries: 1
    timeout: {connect: 3, first_byte: 20, idle: 10, total: 60}
    breaker: {failures: 9, open_seconds: 4}
"""
    agent, problems = define(text, around())
    plain, _ = define("type: react_agent\n", around())
    assert agent is not None
    assert plain is not None
    assert not problems
    assert agent.services == (
        ServiceSpec(
            name="shop",
            match="https://shop.example",
            max_connections=7,
            rate=Rate(50, 1.0),
            retries=1,
            connect=3,
            first_byte=20,
            idle=10,
            total=60,
            failures=9,
            open_seconds=4,
        ),
    )
    assert agent.spec.version == plain.spec.version
