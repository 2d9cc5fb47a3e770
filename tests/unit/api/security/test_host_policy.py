from __future__ import annotations

import pytest

from journeyman.api.security.host_policy import HostPolicy

POLICY = HostPolicy(["api.example", "*.corp.example", "[::2]"], ["https://app.example"])


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:8000",
        "127.0.0.1:80",
        "[::1]:8000",
        "api.example",
        "a.corp.example:1",
        "[::2]",
        "localhost.",
    ],
)
def test_known_hosts(host: str) -> None:
    assert POLICY.host_allowed(host.encode())
    assert POLICY.host_allowed(host.encode())  # remembered


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "api.example.evil.example",
        "corp.example",
        "localhost/?#",
        "a@localhost",
        "localhost:x",
        "*",
        "127.0.0.1.evil.example",
    ],
)
def test_strange_hosts(host: str) -> None:
    assert not POLICY.host_allowed(host.encode())


def test_any_host_by_choice() -> None:
    assert HostPolicy(["*"], []).host_allowed(b"whatever.example")
    assert not HostPolicy(["*"], []).host_allowed(b"a b")


def test_the_memory_of_hosts_is_bounded() -> None:
    policy = HostPolicy([], [])
    for number in range(1000):
        policy.host_allowed(b"h%d.example" % number)
    assert len(policy._judged) == 256


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True),
        ("http://localhost:8000", True),
        ("https://app.example", True),
        ("null", False),
        ("http://localhost", False),
        ("https://evil.example", False),
        ("", False),
    ],
)
def test_origins(origin: str | None, allowed: bool) -> None:
    assert POLICY.origin_allowed(None if origin is None else origin.encode(), b"localhost:8000") is allowed
