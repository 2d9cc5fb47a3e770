from __future__ import annotations

import logging

import pytest

from journeyman.server.serving.connection_places import QUIET_SECONDS, ConnectionPlaces, PlaceLimits, Reason

LIMITS = PlaceLimits(connections=4, per_address=2, probes=1)


class Connection:
    def __init__(self, name: str) -> None:
        self.name = name
        self.closed = False

    def make_room(self) -> None:
        self.closed = True


class Clients:
    """Connections of addresses, and what became of them."""

    def __init__(self, exempt: str = "") -> None:
        self.told: list[Reason] = []
        self.places = ConnectionPlaces(LIMITS, lambda address: address == exempt, self.told.append)

    def busy(self, host: str) -> Connection:
        """A connection with a request."""
        connection = self.idle(host)
        assert self.places.begin(connection, probe=False) is None
        return connection

    def refusal(self, host: str) -> Reason | None:
        """Why a request of one more connection is refused."""
        return self.places.begin(self.idle(host), probe=False)

    def idle(self, host: str) -> Connection:
        connection = Connection(host)
        assert self.places.take(connection, host) is None
        return connection


def test_an_address_has_its_share_and_others_theirs() -> None:
    clients = Clients()
    mine = [clients.busy("192.0.2.1") for _ in range(2)]
    assert clients.refusal("192.0.2.1") == "address"
    clients.busy("192.0.2.2")
    clients.places.leave(mine[0])
    clients.busy("192.0.2.1")
    assert clients.told == ["address"]


def test_of_its_own_connections_an_address_loses_the_one_that_is_idle_longest() -> None:
    clients = Clients()
    other, first, second = clients.idle("192.0.2.2"), clients.idle("192.0.2.1"), clients.idle("192.0.2.1")
    clients.places.begin(first, probe=False)
    clients.places.rest(first)
    clients.idle("192.0.2.1")
    assert [each.closed for each in (other, first, second)] == [False, False, True]
    assert clients.told == ["idle"]


def test_when_all_places_are_taken_the_one_that_is_idle_longest_makes_room() -> None:
    clients = Clients()
    clients.busy("192.0.2.1")
    first = clients.idle("192.0.2.2")
    rest = [clients.idle(f"192.0.2.{number}") for number in range(3, 5)]
    clients.busy("192.0.2.9")
    assert first.closed
    assert not any(each.closed for each in rest)


def test_beyond_the_limit_there_are_places_for_probes_alone() -> None:
    clients = Clients()
    held = [clients.busy(f"192.0.2.{number}") for number in range(4)]
    probe = clients.idle("192.0.2.9")
    assert clients.places.begin(probe, probe=False) == "full"
    assert clients.places.begin(probe, probe=True) is None
    assert clients.places.take(Connection("more"), "192.0.2.10") == "full"
    clients.places.leave(held[0])
    assert clients.places.begin(probe, probe=False) is None


def test_probes_are_answered_where_the_share_of_their_address_is_used_up() -> None:
    clients = Clients()
    for _ in range(2):
        clients.busy("192.0.2.1")
    probe = clients.idle("192.0.2.1")
    assert clients.places.begin(probe, probe=True) is None
    clients.places.rest(probe)
    assert clients.places.begin(probe, probe=False) == "address"


def test_a_place_for_probes_is_no_share_of_its_address() -> None:
    clients = Clients()
    held = [clients.busy("192.0.2.1") for _ in range(2)]
    waiting = clients.idle("192.0.2.1")
    clients.places.leave(held[0])
    assert clients.places.begin(waiting, probe=False) is None
    assert clients.refusal("192.0.2.1") == "address"


def test_what_was_told() -> None:
    clients = Clients()
    for number in range(4):
        clients.busy(f"192.0.2.{number}")
    assert clients.refusal("192.0.2.9") == "full"
    assert clients.places.take(Connection("more"), "192.0.2.10") is None
    assert clients.told == ["full", "idle"]


def test_a_silent_connection_does_not_keep_its_place_for_probes() -> None:
    clients = Clients()
    for number in range(4):
        clients.busy(f"192.0.2.{number}")
    silent, probe = clients.idle("192.0.2.9"), clients.idle("192.0.2.10")
    assert silent.closed
    assert clients.places.begin(probe, probe=True) is None


@pytest.mark.parametrize("host", ["192.0.2.1", ""])
def test_a_proxy_and_a_unix_socket_have_no_share(host: str) -> None:
    clients = Clients(exempt="192.0.2.1")
    for _ in range(4):
        clients.busy(host)
    assert len(clients.places) == 4


@pytest.mark.parametrize(
    ("one", "another", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("fe80::1%eth0", "fe80::2%eth0", True),
    ],
)
def test_a_client_is_an_address_or_a_network_of_64_bits(one: str, another: str, same: bool) -> None:
    clients = Clients()
    clients.busy(one)
    clients.busy(one)
    assert (clients.refusal(another) == "address") is same


def test_a_place_is_left_once() -> None:
    clients = Clients()
    connection = clients.idle("192.0.2.1")
    clients.places.leave(connection)
    clients.places.leave(connection)
    clients.places.rest(connection)
    assert clients.places.begin(connection, probe=False) is None
    assert len(clients.places) == 0


def test_refusals_are_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    clients = Clients()
    for _ in range(2):
        clients.busy("192.0.2.1")
    for now in (0.0, 1.0, QUIET_SECONDS):
        assert clients.refusal("192.0.2.1") == "address"
        clients.places.warn(now)
    assert len(caplog.messages) == 2
    assert "TRUSTED_PROXIES" in caplog.messages[0]
