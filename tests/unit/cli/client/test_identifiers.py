"""Ids by their beginning, and `last`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from journeyman.cli.client.identifiers import find_approval, find_run, find_thread, only_id
from journeyman.cli.exit_codes import NOT_FOUND, USAGE, exit_code
from journeyman.errors import BaseError, NotFoundError

ANSWERED, ENDED = "appr_" + "a" * 32, "appr_" + "e" * 32
WHOLE = "run_" + "0" * 32


class Stored:
    """Runs, threads and approvals, the newest first; the last run is a child of the one before."""

    own: Mapping[str, str] = {"principal": "local"}

    def __init__(self) -> None:
        self.asked: list[Mapping[str, str]] = []

    def runs(self, where: Mapping[str, str], limit: int) -> list[dict[str, Any]]:
        self.asked.append(where)
        found = [("run_bc", "run_b"), ("run_ab", None), ("run_a", None), ("run_b", None)]
        rows = [{"run_id": id, "parent": parent} for id, parent in found]
        return [row for row in rows if str(row["run_id"]).startswith(where.get("id", ""))][:limit]

    def run(self, run_id: str) -> dict[str, Any]:
        found = [row for row in self.runs({}, 10) if row["run_id"] == run_id]
        if not found:
            raise NotFoundError("no")
        return found[0]

    def threads(self, limit: int, prefix: str = "") -> list[dict[str, Any]]:
        return [{"thread_id": id} for id in ("new", "old-1", "old-2", "last-year") if id.startswith(prefix)][:limit]

    def thread(self, thread_id: str) -> dict[str, Any]:
        if thread_id not in ("new", "old-1", "old-2", "last-year"):
            raise NotFoundError("no")
        return {"thread_id": thread_id}

    def approvals(self, limit: int) -> list[dict[str, Any]]:
        return [{"approval": f"appr_{at}", "requested_at": f"2026-12-0{at}", "run_id": "r"} for at in (1, 3, 2)]

    def approval(self, approval_id: str) -> dict[str, Any]:
        closed = {ANSWERED: ("deny", "ann"), ENDED: ("closed", None)}
        if approval_id not in closed:
            raise NotFoundError("no")
        decision, by = closed[approval_id]
        return {"run_id": "run_a", "decision": decision, "answered_by": by}


def test_a_run_by_its_id_a_beginning_or_as_the_last() -> None:
    stored: Any = Stored()
    assert find_run(stored, "run_a") == "run_a", "a whole id, though another begins so"
    assert find_run(stored, "run_bc") == "run_bc"
    assert find_run(stored, "last") == "run_ab", "not a child run"
    assert stored.asked[-1] == Stored.own
    stored.asked.clear()
    assert (find_run(stored, WHOLE), stored.asked) == (WHOLE, []), "a whole id needs no look"


def test_a_thread_by_its_id_a_beginning_or_as_the_last() -> None:
    stored: Any = Stored()
    assert [find_thread(stored, text) for text in ("old-1", "n", "last", "last-")] == [
        "old-1",
        "new",
        "new",
        "last-year",
    ]


def test_an_open_approval() -> None:
    stored: Any = Stored()
    assert [find_approval(stored, text)["approval"] for text in ("appr_1", "last")] == ["appr_1", "appr_3"]


@pytest.mark.parametrize(
    ("text", "said"),
    [(ANSWERED, "was answered already, with `deny` by 'ann'"), (ENDED, "can no longer be answered: its run has ended")],
)
def test_an_approval_that_is_closed_says_why(text: str, said: str) -> None:
    stored: Any = Stored()
    with pytest.raises(NotFoundError, match=said) as refused:
        find_approval(stored, text)
    assert (refused.value.code, exit_code(refused.value)) == ("approval_closed", NOT_FOUND)
    assert "`journeyman runs show run_a`" in refused.value.message
    with pytest.raises(NotFoundError, match="no open approval"):
        find_approval(stored, "appr_" + "0" * 32)


@pytest.mark.parametrize(
    ("find", "text", "code", "named"),
    [
        (find_run, "run_", USAGE, "run_bc, run_ab, run_a, run_b"),
        (find_run, "run_x", NOT_FOUND, "`journeyman runs`"),
        (find_thread, "old", USAGE, "old-1, old-2"),
        (find_thread, "x", NOT_FOUND, "`journeyman threads`"),
        (find_approval, "appr_", USAGE, "appr_1, appr_3, appr_2"),
        (find_approval, "x", NOT_FOUND, "`journeyman approvals`"),
    ],
)
def test_what_names_several_or_none_is_an_error_with_the_candidates(
    find: Any, text: str, code: int, named: str
) -> None:
    with pytest.raises(BaseError) as failed:
        find(Stored(), text)
    assert exit_code(failed.value) == code
    assert named in failed.value.message


def test_a_key_or_a_version() -> None:
    assert only_id("key", "ab", ["abc", "xyz", "a"]) == "abc"
    assert only_id("key", "a", ["abc", "xyz", "a"]) == "a"
    with pytest.raises(NotFoundError, match="/agents/"):
        only_id("version", "b", ["abc"])
