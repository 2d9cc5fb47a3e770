from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from journeyman.errors import ToolValidationError
from journeyman.tools.permissions import Permissions, covers_host, covers_path
from journeyman.tools.schema.describe import describe
from journeyman.tools.tool import tool

HOSTS = st.sampled_from(
    ["*", "*.a.example", "a.example", "b.a.example", "b.a.example:80", "*.a.example:80", "[::1]:80"]
)
PATHS = st.sampled_from([".", "data", "data/", "data/x", "./data/x/y", "database", "/", "/tmp", "/tmp/x"])


@given(HOSTS, HOSTS, HOSTS)
def test_covering_hosts_is_an_order(one: str, two: str, three: str) -> None:
    assert covers_host(one, one)
    assert covers_host("*", one)
    assert not (covers_host(one, two) and covers_host(two, three)) or covers_host(one, three)


@given(PATHS, PATHS, PATHS)
def test_covering_paths_is_an_order(one: str, two: str, three: str) -> None:
    assert covers_path(one, one)
    assert not (covers_path(one, two) and covers_path(two, three)) or covers_path(one, three)


@pytest.mark.parametrize(
    ("allowed", "path", "covered"),
    [
        ("data", "data/../secret", False),
        ("data", "data/x/../y", True),
        (".", "../x", False),
        (".", "/etc", False),
        ("/", "/etc", True),
    ],
)
def test_a_path_is_covered_where_it_leads(allowed: str, path: str, covered: bool) -> None:
    assert covers_path(allowed, path) is covered


@given(st.lists(HOSTS, max_size=3), st.lists(HOSTS, max_size=3), HOSTS)
@example(["b.a.example"], ["*.a.example:80"], "b.a.example:80")
def test_what_both_allow_is_what_each_allows(one: list[str], two: list[str], host: str) -> None:
    both = Permissions(network=tuple(one)).within(Permissions(network=tuple(two))).network
    assert both is not None
    allowed = all(any(covers_host(each, host) for each in entries) for entries in (one, two))
    assert any(covers_host(each, host) for each in both) == allowed


def test_a_tool_declares_what_it_reaches() -> None:
    @tool(effects="none", permissions={"network": ["a.example"], "files": [], "env": ["KEY"]}, cache_ttl="default")
    async def ask() -> str:
        """Ask."""
        return ""

    spec = describe(ask).spec
    assert spec.policy.permissions == Permissions(network=("a.example",), files=(), env=("KEY",))
    assert (spec.policy.cache_ttl, spec.policy.cache_scope, spec.policy.may_wait) == ("default", "principal", True)


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ({"permissions": {"network": "a.example"}}, "network is a list"),
        ({"permissions": {"network": ["https://a.example/"]}}, "is not a host such as"),
        ({"permissions": {"files": ["../x"]}}, r"a path without \.\."),
        ({"permissions": {"net": []}}, "has no 'net'"),
        ({"permissions": ["a"]}, "is a mapping"),
        ({"cache_ttl": 5}, "cache_ttl needs effects none"),
        ({"effects": "none", "cache_ttl": "long"}, "a number of seconds"),
        ({"effects": "none", "cache_scope": "world"}, "cache_scope is one of"),
    ],
)
def test_what_cannot_be_meant_is_refused(policy: dict[str, Any], said: str) -> None:
    with pytest.raises(ToolValidationError, match=said):
        tool(**policy)(test_what_cannot_be_meant_is_refused)
