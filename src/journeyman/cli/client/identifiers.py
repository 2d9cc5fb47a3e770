"""Finds the run, thread or approval that a user names by a whole id, by the beginning of one, or by `last`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from journeyman.cli.client.queries import MAX_OPEN_APPROVALS, Queries
from journeyman.errors import NotFoundError, ValidationError

LAST = "last"
MAX_CANDIDATES = 10  # named in an error
_LISTS = {
    "run": "`journeyman runs`",
    "thread": "`journeyman threads`",
    "open approval": "`journeyman approvals`",
    "key": "`journeyman keys`",
    "version": "`GET /agents/NAME`",
}
_WHOLE_APPROVAL = re.compile(r"appr_[0-9a-f]{32}")
_WHOLE_RUN = re.compile(r"run_[0-9a-f]{32}")


def find_run(source: Queries, text: str) -> str:
    """Return the id of the run that `text` names.

    `last` is the caller's newest run, unless only child runs are among the newest. Raises NotFoundError, and
    ValidationError if several ids begin so.
    """
    if _WHOLE_RUN.fullmatch(text):
        return text
    if text == LAST:
        newest = source.runs(source.own, 100)
        return _first("run", [*(run for run in newest if run["parent"] is None), *newest], "run_id")
    try:
        return str(source.run(text)["run_id"])
    except NotFoundError:
        return _only("run", text, source.runs({"id": text}, MAX_CANDIDATES + 1), "run_id")


def find_thread(source: Queries, text: str) -> str:
    """Return the id of the thread that `text` names: `last` is the one that was used last.

    Raises NotFoundError, and ValidationError if several ids begin so.
    """
    try:
        return str(source.thread(text)["thread_id"])
    except NotFoundError:
        if text == LAST:
            return _first("thread", source.threads(1), "thread_id")
        return _only("thread", text, source.threads(MAX_CANDIDATES + 1, text), "thread_id")


def find_approval(source: Queries, text: str) -> Mapping[str, Any]:
    """Return the open approval that `text` names: `last` is the newest.

    Raises NotFoundError (`approval_closed`: it is not open any more), and ValidationError if several ids begin so.
    """
    found = source.approvals(MAX_OPEN_APPROVALS)
    if text == LAST:
        newest = sorted(found, key=lambda item: str(item["requested_at"]), reverse=True)
        chosen = _first("open approval", newest, "approval")
    else:
        same = [item for item in found if item["approval"] == text]
        if not same and _WHOLE_APPROVAL.fullmatch(text):
            _refuse_closed(source, text)
        begins = same or [item for item in found if item["approval"].startswith(text)]
        chosen = _only("open approval", text, begins, "approval")
    return next(item for item in found if item["approval"] == chosen)


def _refuse_closed(source: Queries, approval_id: str) -> None:
    """Raise NotFoundError with what closed this approval, if there is such a one."""
    try:
        outcome = source.approval(approval_id)
    except NotFoundError:
        return
    run = f"`journeyman runs show {outcome['run_id']}` shows its run."
    if outcome["answered_by"] is None:
        message = f"Approval {approval_id} can no longer be answered: its run has ended. {run}"
    else:
        answer = f"with `{outcome['decision']}` by {outcome['answered_by']!r}"
        message = f"Approval {approval_id} was answered already, {answer}. {run}"
    raise NotFoundError(message, code="approval_closed")


def only_id(kind: str, text: str, ids: Sequence[str]) -> str:
    """Return the one of `ids` that is `text` or begins with it. Raises NotFoundError, ValidationError."""
    if text in ids:
        return text
    return _only(kind, text, [{"id": id} for id in ids if id.startswith(text)], "id")


def _first(kind: str, items: Sequence[Mapping[str, Any]], name: str) -> str:
    if not items:
        raise NotFoundError(f"There is no {kind} of yours, so `last` names none.")
    return str(items[0][name])


def _only(kind: str, text: str, items: Sequence[Mapping[str, Any]], name: str) -> str:
    if not items:
        raise NotFoundError(f"There is no {kind} {text!r}, nor one that begins so. {_LISTS[kind]} lists them.")
    ids = [str(item[name]) for item in items]
    if len(ids) > 1:
        more = ", …" if len(ids) > MAX_CANDIDATES else ""
        candidates = ", ".join(ids[:MAX_CANDIDATES])
        raise ValidationError(f"Several {kind}s begin with {text!r}: {candidates}{more}. Write more of it.")
    return ids[0]
