"""What erasing threads reads and answers."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from journeyman.api.body import LARGEST_INTEGER


class PruneRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may stay: threads touched within so many days, so many threads, so many megabytes. One bound at least."""

    days: Annotated[float, Meta(ge=0, le=1_000_000)] | None = None
    threads: Annotated[int, Meta(ge=0, le=LARGEST_INTEGER)] | None = None
    megabytes: Annotated[float, Meta(ge=0, le=1e9)] | None = None


class Pruned(Struct, frozen=True):
    """How many threads were erased, and what is left."""

    erased: int
    threads: int
    bytes: int
