"""Where a request came from: carried whole from the HTTP edge to the first event of a run, and to its children."""

from __future__ import annotations

import msgspec

from journeyman.events.events import RunAccepted
from journeyman.events.quota import UNLIMITED, Quota

_replace = msgspec.structs.replace


class RequestOrigin(msgspec.Struct, frozen=True):
    """The request that started a run: its ids, its place in a trace, the API key that pays, and its credential."""

    request_id: str | None = None
    trace_id: str | None = None
    caller_span: str | None = None  # the caller's span in that trace
    key: str | None = None  # the billed API key, if it has a quota
    quota: Quota = UNLIMITED  # of that key; events do not store it
    credential: str | None = None  # what authenticated it: `key:LINE`, `token:SUBJECT`; None: nothing, or unknown

    @classmethod
    def of(cls, event: RunAccepted) -> RequestOrigin:
        """Return the origin that the event recorded."""
        return cls(event.request_id, event.trace_id, event.caller_span, event.key, credential=event.credential)

    def recorded_in(self, event: RunAccepted) -> RunAccepted:
        """Return the event with this origin in its fields."""
        return _replace(
            event,
            request_id=self.request_id,
            trace_id=self.trace_id,
            caller_span=self.caller_span,
            key=self.key,
            credential=self.credential,
        )

    def for_child(self) -> RequestOrigin:
        """Return the origin of a child run: its parent, not the caller's span, is above it in the trace."""
        return _replace(self, caller_span=None)


UNKNOWN_ORIGIN = RequestOrigin()
