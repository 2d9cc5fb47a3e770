"""Secret values, and the parts that learn new ones."""

from __future__ import annotations

from journeyman.server.known_secrets import KnownSecrets


def test_new_values_are_passed_on_once() -> None:
    secrets, told = KnownSecrets(["a", "b", "a"]), list[tuple[str, ...]]()
    secrets.subscribe(told.append)
    secrets.learn(["b", "c", "c"])
    secrets.learn(["c"])
    assert (secrets.values, told) == (("a", "b", "c"), [("c",)])
