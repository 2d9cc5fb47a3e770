from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.api.security.local_callers import FORWARDING_HEADERS, LocalCallers

LOCAL = LocalCallers(under_test=False)
HOST = {b"host": b"localhost", b"user-agent": b"curl"}


@pytest.mark.parametrize(
    "client", [("127.0.0.1", 1), ("127.0.0.9", 1), ("::1", 1), ("::ffff:127.0.0.1", 1), ["127.0.0.1", 1], None, ("", 0)]
)
def test_this_machine(client: object) -> None:
    assert LOCAL.is_local({"client": client}, HOST)
    assert LOCAL.is_local({}, HOST)


@pytest.mark.parametrize(
    "peer",
    ["10.0.0.1", "192.168.1.4", "203.0.113.9", "::2", "::ffff:10.0.0.1", "0.0.0.0", "testclient", "x"],
)
def test_another_machine(peer: str) -> None:
    assert not LOCAL.is_local({"client": (peer, 1)}, HOST)


def test_a_test_client_is_accepted_under_test_only() -> None:
    assert LocalCallers(under_test=True).is_local({"client": ("testclient", 50000)}, HOST)
    assert not LocalCallers(under_test=True).is_local({"client": ("10.0.0.1", 1)}, HOST)


@pytest.mark.parametrize("name", sorted(FORWARDING_HEADERS))
def test_a_proxy_on_this_machine_speaks_for_others(name: bytes) -> None:
    assert not LOCAL.is_local({"client": ("127.0.0.1", 1)}, {**HOST, name: b""})
    assert not LOCAL.is_local({"client": None}, {**HOST, name: b"127.0.0.1"})


@given(st.ip_addresses())
def test_an_address_is_local_if_it_is_loopback(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    mapped = getattr(address, "ipv4_mapped", None) or address
    assert LOCAL.is_local({"client": (str(address), 1)}, HOST) is mapped.is_loopback
