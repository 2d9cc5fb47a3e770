from __future__ import annotations

from collections.abc import Callable

from journeyman.agent_files.definition import LoadContext
from journeyman.egress.services import ServiceSpec
from journeyman.resilience.rate_limit import Rate
from tests.harness.agent_texts import define

LoadContextFactory = Callable[..., LoadContext]


def test_services_are_read_and_are_no_part_of_the_version(load_context: LoadContextFactory) -> None:
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
    agent, problems = define(text, load_context())
    plain, _ = define("type: react_agent\n", load_context())
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
