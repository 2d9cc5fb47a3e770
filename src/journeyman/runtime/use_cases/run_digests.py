"""What a list shows of each run beside its row: the question, and what the run has used so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from journeyman.errors import HistoryUnreadableError, StorageError
from journeyman.events.codec import Entry
from journeyman.events.events import HistorySummarized, MessageReplaced, ModelReplied, NodeLeft, RunAccepted
from journeyman.events.messages import Usage
from journeyman.events.question import question_of
from journeyman.journal.journal import Journal, RunRow

MOST_EVENTS = 20_000  # that are read for one page of a list
_PAGE = 500
_TYPES = frozenset({"run_accepted", "message_replaced", "model_replied", "history_summarized", "node_left"})


class RunDigest(msgspec.Struct, frozen=True):
    """The beginning of the user's message, or the tool of a direct call, and the usage.

    `usage` is None if not all events of the run were read, since the page has too many or they are unreadable.
    """

    question: str = ""
    usage: Usage | None = None


async def read_digests(journal: Journal, rows: Sequence[RunRow]) -> Mapping[str, RunDigest]:
    """Return the digest of each run by its id. At most MOST_EVENTS events are read beside the first of each run."""
    left, digests = MOST_EVENTS, {}
    for row in rows:
        whole = row.last_seq <= left
        digests[row.id] = await _digest(journal, row.id, row.last_seq if whole else 1, whole=whole)
        left -= row.last_seq if whole else 0
    return digests


async def _digest(journal: Journal, run_id: str, last_seq: int, *, whole: bool) -> RunDigest:
    question, usage, seq = "", Usage(), 0
    try:
        while page := await journal.read(run_id, seq, min(_PAGE, last_seq - seq)) if seq < last_seq else ():
            seq = page[-1].seq
            for entry in page:
                if entry.type in _TYPES:
                    question, usage = _with_event(question, usage, entry)
    except (HistoryUnreadableError, StorageError):  # one run that cannot be read must not hide the others
        return RunDigest(question)
    return RunDigest(question, usage if whole else None)


def _with_event(question: str, usage: Usage, entry: Entry) -> tuple[str, Usage]:
    """Return question and usage after an event: usage is added where the state of a run adds it."""
    match entry.event:
        case RunAccepted() as accepted:
            return question_of(accepted.input, accepted.direct.tool if accepted.direct else None), usage
        case MessageReplaced(seq=1, message=message):
            return question_of(message, None), usage
        case ModelReplied(usage=used) | HistorySummarized(usage=used):
            return question, usage + used
        case NodeLeft(spent=spent) if spent is not None:
            return question, usage + spent.usage
        case _:
            return question, usage
