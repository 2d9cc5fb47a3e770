"""Identifiers: their form, and that none comes twice."""

from __future__ import annotations

import re

import pytest

from journeyman.ids import THREAD_ID, RandomIds, RandomSecretSource, SequentialIds


def test_random_ids_have_a_kind_and_128_bits_and_never_repeat() -> None:
    ids = RandomIds()
    made = [ids.new("run") for _ in range(1000)]
    assert all(re.fullmatch(r"run_[0-9a-f]{32}", each) for each in made)
    assert len(set(made)) == len(made)


def test_ids_of_approvals_sort_as_they_were_made() -> None:
    ids = RandomIds()
    made = [ids.new("appr") for _ in range(1000)]
    assert all(re.fullmatch(r"appr_[0-9a-f]{32}", each) for each in made)
    assert made == sorted(set(made))
    assert RandomIds().new("appr") > made[0], "those of a later process come later"
    assert len({each[-19:] for each in made}) == len(made)


def test_sequential_ids_count_over_all_kinds() -> None:
    ids = SequentialIds()
    assert [ids.new("run"), ids.new("thread"), ids.new("run")] == ["run_1", "thread_2", "run_3"]


def test_secrets_are_as_long_as_they_were_asked_for() -> None:
    source = RandomSecretSource()
    assert re.fullmatch(r"[0-9a-f]{12}", source.hexadecimal(6))
    assert re.fullmatch(r"[\w-]{43}", source.token(32))
    assert source.token(32) != source.token(32)


@pytest.mark.parametrize("thread", ["t", "a.b", "...", "A~1:@+=-_", "x" * 200])
def test_a_thread_id_may_be(thread: str) -> None:
    assert re.match(THREAD_ID, thread)


@pytest.mark.parametrize("thread", ["", ".", "..", "a/b", "a b", "a\n", "ä", "x" * 201])
def test_a_thread_id_may_not_be(thread: str) -> None:
    assert not re.match(THREAD_ID, thread)
