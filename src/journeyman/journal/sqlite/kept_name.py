"""The path that a journal was last opened under, which is kept in the journal itself.

A file with several hard links has one write-ahead log for each of its names. What was committed under one name is
missing under the others, so a journal goes on only under the name that it was last written by.
"""

from __future__ import annotations

import logging
from pathlib import Path
from urllib.parse import quote

import apsw

from journeyman.errors import ConfigurationError
from journeyman.journal.sqlite.statements import Q

logger = logging.getLogger(__name__)


def refuse_other_name(path: Path) -> None:
    """Check a file that has several hard links. Raises ConfigurationError if it was last written under another name."""
    links = path.stat().st_nlink
    if links < 2:
        return
    kept = _read_kept(path)
    if kept not in (None, str(path)):
        raise ConfigurationError(
            f"{path} is a hard link to the journal {kept}, whose write-ahead log is not used under this name: "
            f"start with DATABASE_URL=sqlite:///{kept}, or make a copy with `journeyman db backup`"
        )
    logger.warning("%s has %d hard links: never write to it under another name", path, links)


def _read_kept(path: Path) -> str | None:
    """Return the path that the file keeps, or None if it keeps none. Nothing beside the file is opened or made."""
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    try:
        db = apsw.Connection(f"file:{quote(str(path))}?immutable=1", flags=flags)
        try:
            row = db.execute(Q["kept_path"]).fetchone()
        finally:
            db.close()
    except apsw.Error:  # an older schema, or no journal at all: that is said when it is opened
        return None
    return None if row is None else str(row[0])


def keep_name(db: apsw.Connection, path: Path) -> None:
    """Keep the path in the journal. A new one is written to the file itself, where every hard link can read it."""
    row = db.execute(Q["kept_path"]).fetchone()
    if row == (str(path),):
        return
    db.execute("BEGIN IMMEDIATE")
    db.execute(Q["drop_kept_path"])
    db.execute(Q["keep_path"], (str(path),))
    db.execute("COMMIT")
    db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_FULL)
