"""A journal that has lost commits which were acknowledged is not continued unless its operator says so."""

from __future__ import annotations

import logging
from pathlib import Path

import apsw

from journeyman.errors import StorageError
from journeyman.journal.sqlite.commit_note import Position, read_position
from journeyman.journal.sqlite.statements import Q

ANY_ROLLBACK = -1  # accepts whatever was lost; every other number accepts one loss

logger = logging.getLogger(__name__)


def check_rollback(db: apsw.Connection, path: Path, noted: Position | None, accepted: int | None) -> None:
    """Compare the journal with the note of its last commit. `accepted`: the number of the loss that is accepted.

    That number is the epoch of the note: the accepted journal goes on above it, so the number is good once. Raises
    StorageError (`journal_rolled_back`) if commits are missing and that was not accepted.
    """
    found = read_position(db)
    if noted is None or not found.is_before(noted):
        return
    if found.epoch == 0:  # the file was removed after a clean stop: nothing of it is there to be mixed up
        logger.warning("a new journal begins at %s, where one with %d events was", path, noted.event)
    elif accepted in (ANY_ROLLBACK, noted.epoch):
        logger.warning("%s goes on without what is missing: %s", path, _loss(found, noted))
    else:
        raise StorageError(
            f"{path} is older than what was acknowledged: {_loss(found, noted)}. Its -wal was cut or removed, or an"
            " older copy was put in its place. Put the newer files back; `journeyman db restore FILE` puts a backup in"
            " place. To go on without what is missing, start once with"
            f" --accept-rollback or ACCEPT_ROLLBACK={noted.epoch}.",
            code="journal_rolled_back",
        )
    lift_epoch(db, noted)


def lift_epoch(db: apsw.Connection, noted: Position | None) -> None:
    """Continue behind the epoch of the note, so that no epoch is given out twice."""
    if noted is not None:
        db.execute(Q["lift_epoch"], (noted.epoch,))


def _loss(found: Position, noted: Position) -> str:
    if found.event < noted.event:
        return f"it ends with event {found.event}, but event {noted.event} was committed"
    return f"it ends before the last commit of start {noted.epoch} (its own last start is {found.epoch})"
