"""Large answers that are not read yet are bounded for each principal."""

from __future__ import annotations

from journeyman.api.security.unread_bytes import UnreadBytes


def test_a_principal_with_too_much_unread_is_refused_and_others_are_not() -> None:
    unread = UnreadBytes(100)
    assert unread.add("ada", 60)
    assert not unread.add("ada", 41)
    assert unread.add("bob", 100)
    assert unread.add("ada", 40)


def test_what_was_read_makes_room() -> None:
    unread = UnreadBytes(100)
    assert unread.add("ada", 100)
    unread.remove("ada", 100)
    assert unread.add("ada", 100)


def test_one_answer_may_be_larger_than_the_limit() -> None:
    unread = UnreadBytes(100)
    assert unread.add("ada", 1000)
    assert not unread.add("ada", 1)
    unread.remove("ada", 1000)
    assert unread._bytes == {}  # nothing is kept of a principal whose answers are read
