"""What confines worker processes: asked for, missing, and shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from journeyman.tools.sandbox.detection import (
    AvailableIsolation,
    confinement,
    describe_isolation,
    describe_tool_isolation,
    exposed,
    shortcomings,
)
from journeyman.tools.spec import StoredTool, ToolSpec

ALL = AvailableIsolation(namespaces=True, system_calls=True, paths=True)
NOTHING = AvailableIsolation()


def spec(**policy: Any) -> ToolSpec:
    flat = {"name": "look", "description": "", "parameters": {"type": "object"}, "isolation": "process", **policy}
    return StoredTool(**flat).spec()


@pytest.mark.parametrize(
    ("kernel", "level"), [(ALL, "full"), (AvailableIsolation(paths=True), "partial"), (NOTHING, "none")]
)
def test_the_level_says_how_much_this_machine_has(kernel: AvailableIsolation, level: str) -> None:
    assert describe_isolation(kernel)["level"] == level


def test_a_tool_is_confined_by_what_there_is() -> None:
    closed = spec(permissions_network=(), permissions_files=("data/",), permissions_env=("KEY",))
    full, bare = confinement(closed, "/srv/tools", ALL), confinement(closed, "/srv/tools", NOTHING)
    assert (full.network, full.namespaces, full.system_calls, full.paths) == (False, True, True, True)
    assert (bare.network, bare.namespaces, bare.system_calls, bare.paths) == (False, False, False, False)
    assert "/srv/tools" in full.readable
    assert bare.readable == ()
    assert (full.files, full.environment, full.root) == (("data/",), ("KEY",), "/srv/tools")
    off = confinement(spec(sandbox="off", permissions_network=(), permissions_files=()), "", ALL)
    assert (off.network, off.files, off.namespaces) == (True, None, False)


def test_only_a_strict_tool_has_shortcomings() -> None:
    assert [*shortcomings(spec(sandbox="best"), NOTHING), *shortcomings(spec(sandbox="strict"), ALL)] == []
    problems = list(shortcomings(spec(sandbox="strict"), NOTHING))
    assert len(problems) == 3
    assert all("'look' asks for sandbox: strict" in problem.message and problem.remedy for problem in problems)


@pytest.mark.parametrize(
    ("policy", "kernel", "network", "files"),
    [
        ({}, ALL, "unrestricted", "unrestricted"),
        ({"permissions_network": (), "permissions_files": ()}, ALL, "kernel", "kernel"),
        ({"permissions_network": (), "permissions_files": ()}, NOTHING, "not enforced", "not enforced"),
        ({"permissions_network": ("x.example",)}, ALL, "not enforced", "unrestricted"),
    ],
)
def test_who_keeps_a_tool_from_the_network_and_from_files(
    policy: dict[str, Any], kernel: AvailableIsolation, network: str, files: str
) -> None:
    shown = describe_tool_isolation(spec(**policy), kernel)
    assert (shown["network"], shown["files"]) == (network, files)


def test_an_inline_tool_has_none() -> None:
    assert describe_tool_isolation(spec(isolation="inline"), ALL)["level"] == "inline"


@pytest.mark.parametrize(
    ("policy", "names"),
    [
        ({}, ["namespaces", "system_calls"]),
        ({"permissions_files": ()}, ["namespaces", "system_calls", "paths"]),
        ({"permissions_files": (), "sandbox": "off"}, []),
    ],
)
def test_what_is_shown_is_what_the_worker_gets(policy: dict[str, Any], names: list[str]) -> None:
    assert describe_tool_isolation(spec(**policy), ALL)["applied"] == names


@pytest.mark.parametrize(
    ("files", "root", "held"),
    [
        ((), "/srv/shop/tools", []),
        (("reports", "/var/data"), "/srv/shop/tools", []),
        (("data",), "/srv/shop/tools", ["/srv/shop/data/journeyman.db"]),
        ((".",), "/srv/shop/tools", ["/srv/shop/data/journeyman.db", "/srv/shop/.env"]),
        (("/srv/shop/.env",), "/srv/shop/tools", ["/srv/shop/.env"]),
        ((), "/srv/shop", ["/srv/shop/data/journeyman.db", "/srv/shop/.env"]),
    ],
)
def test_a_tool_with_declared_files_must_not_reach_those_of_the_server(
    files: tuple[str, ...], root: str, held: list[str]
) -> None:
    own = (Path("/srv/shop/data/journeyman.db"), Path("/srv/shop/.env"))
    problems = list(exposed(spec(permissions_files=files), root, (), own))
    assert [problem.message.split("'")[3] for problem in problems] == held
    assert list(exposed(spec(permissions_files=files, sandbox="off"), root, (), own)) == []


def test_a_tool_that_declares_no_files_is_not_looked_at() -> None:
    assert list(exposed(spec(), "/srv/shop", (), (Path("/srv/shop/.env"),))) == []
