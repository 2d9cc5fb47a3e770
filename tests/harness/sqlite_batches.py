"""Batches of the journal tests, and a gate that holds the writer thread."""

from __future__ import annotations

import threading

from journeyman.events.codec import Codec
from journeyman.events.events import ModelReplied, RunAccepted, RunFinished
from journeyman.events.messages import assistant, user
from journeyman.journal.journal import Append, Batch, IdempotencyClaim
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.journal.transactions import Transactions

draft = Codec().draft


def accept(run: str, thread: str = "", text: str = "hi", claim: bool = False, owner: str = "") -> Batch:
    event = RunAccepted(thread=thread or f"ann/{run}", principal="ann", input=user(text))
    mine = IdempotencyClaim(principal="ann", route="/", key=run, body_hash="h", made=run, expires=99) if claim else None
    return Batch(at=1, appends=(Append(stream=run, drafts=(draft(event),)),), accept=True, claim=mine, owner=owner)


def say(run: str, text: str) -> Batch:
    event = ModelReplied(call="m1", model="m", message=assistant(text))
    return Batch(at=2, appends=(Append(stream=run, drafts=(draft(event),), epoch=1),))


def end(run: str) -> Batch:
    return Batch(at=3, appends=(Append(stream=run, drafts=(draft(RunFinished()),), epoch=1),))


class Gate:
    """Holds the writer's thread inside a transaction until it is opened."""

    def __init__(self, journal: SqliteJournal) -> None:
        self._open = threading.Event()
        self._reached = threading.Event()
        self.ticket = journal._writing().call(self._stand)

    def _stand(self, ledger: Transactions) -> None:
        self._reached.set()
        assert self._open.wait(10)

    def reached(self) -> None:
        assert self._reached.wait(10)

    def open(self) -> None:
        self._open.set()
