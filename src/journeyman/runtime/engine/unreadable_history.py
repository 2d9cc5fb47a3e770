"""Ends a run whose stored events cannot be decoded, without their fold, so that its thread is free again."""

from __future__ import annotations

import logging

from journeyman.errors import HistoryUnreadableError
from journeyman.events.events import Failure, RunFailed
from journeyman.journal.journal import Append, Batch, Committed, RunRow
from journeyman.runtime.engine.run_parts import RunParts

log = logging.getLogger(__name__)


async def end_unreadable(parts: RunParts, row: RunRow, cause: HistoryUnreadableError) -> Committed:
    """Fail the run with `history_unreadable`. Returns what was committed: the thread's next run may have started.

    Calls that were in progress stay as they are, since it is unknown which they were. Raises StorageError.
    """
    error_id = parts.ids.new("err")
    log.error("run %s ends, since its history cannot be read: %s", row.id, cause.message, extra={"error_id": error_id})
    failure = Failure(cause.code, f"The stored history of this run cannot be read. {cause.message}", error_id)
    end = parts.codec.draft(RunFailed(error=failure))
    append = Append(stream=row.id, drafts=(end,), epoch=row.epoch, known=row.last_seq)
    return await parts.journal.commit(Batch(at=parts.clock.now(), appends=(append,), epoch=parts.journal.epoch))
