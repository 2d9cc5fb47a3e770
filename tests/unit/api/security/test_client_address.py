from __future__ import annotations

import pytest

from journeyman.api.security.client_address import TrustedProxies

TRUSTED = ("10.0.0.0/8", "127.0.0.1", "fd00::/8")


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.9", "1.1.1.1", "203.0.113.9"),  # an untrusted peer may send any header
        ("10.0.0.1", "1.1.1.1", "1.1.1.1"),
        ("10.0.0.1", "6.6.6.6, 1.1.1.1", "1.1.1.1"),  # what the client wrote itself is not believed
        ("10.0.0.1", "6.6.6.6, 1.1.1.1, 10.2.3.4", "1.1.1.1"),
        ("10.0.0.1", "10.9.9.9, 10.2.3.4", "10.9.9.9"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", "6.6.6.6, nonsense", "10.0.0.1"),
        ("10.0.0.1", "1.1.1.1:4711", "1.1.1.1"),
        ("10.0.0.1", "[2001:db8::1]:443", "2001:db8::1"),
        ("10.0.0.1", '"[2001:db8::1]"', "2001:db8::1"),
        ("10.0.0.1", "fe80::1%eth0", "fe80::1%eth0"),
        ("fd00::1", "1.1.1.1", "1.1.1.1"),
        ("::ffff:10.0.0.1", "1.1.1.1", "1.1.1.1"),
        ("", "1.1.1.1", ""),
        ("unix", "1.1.1.1", "unix"),
    ],
)
def test_the_first_from_the_right_that_is_no_proxy_of_ours(peer: str, forwarded: str | None, client: str) -> None:
    header = None if forwarded is None else forwarded.encode()
    assert TrustedProxies(TRUSTED).client(peer, header) == client


def test_without_trusted_proxies_the_peer_is_the_client() -> None:
    assert TrustedProxies(()).client("127.0.0.1", b"1.1.1.1") == "127.0.0.1"


def test_a_long_header_is_not_read_to_its_end() -> None:
    long = b"6.6.6.6, " + b"10.0.0.1, " * 10_000 + b"10.0.0.1"
    assert TrustedProxies(TRUSTED).client("10.0.0.1", long) == "10.0.0.1"


def test_which_peers_are_proxies() -> None:
    trusted = TrustedProxies(TRUSTED)
    assert [trusted.includes(peer) for peer in ("10.1.2.3", "::ffff:10.1.2.3", "203.0.113.9", "")] == [
        True,
        True,
        False,
        False,
    ]
    assert not TrustedProxies(()).includes("10.1.2.3")
