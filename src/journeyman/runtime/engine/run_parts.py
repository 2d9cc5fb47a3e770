"""The parts that the scheduler and the use cases of runs have in common."""

from __future__ import annotations

from dataclasses import dataclass

from journeyman.clock import Clock
from journeyman.events.codec import Codec
from journeyman.files.store import FileStore
from journeyman.ids import Ids
from journeyman.journal.journal import Journal
from journeyman.runtime.served.versions import VersionResolver


@dataclass(frozen=True, slots=True)
class RunParts:
    """The journal with its codec, the clock, the source of ids, the resolver of runs' agents, and the files."""

    journal: Journal
    codec: Codec
    clock: Clock
    ids: Ids
    agents: VersionResolver
    files: FileStore
