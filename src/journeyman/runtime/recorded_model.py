"""Makes a ReplayModel of a recorded run: its replies again, in order."""

from __future__ import annotations

from journeyman.errors import ServiceError
from journeyman.events.events import Event, HistorySummarized, ModelReplied
from journeyman.events.messages import assistant
from journeyman.journal.journal import Journal
from journeyman.llm.client import ModelReply
from journeyman.llm.fake.replay import ReplayModel
from journeyman.runtime.engine.state_loading import read_all


async def recorded_replies(journal: Journal, run_id: str) -> ReplayModel:
    """Return the replies of a recorded run. Raises ServiceError (`replay_unavailable`) if there is no such run."""
    entries = await read_all(journal, run_id)
    if not entries:
        raise ServiceError(f"The journal has no run {run_id!r} to replay.", code="replay_unavailable")
    events = [entry.event for entry in entries if entry.type in ("model_replied", "history_summarized")]
    return ReplayModel([_reply(event, f"replay:{run_id}") for event in events if _is_whole(event)])


def _is_whole(event: Event) -> bool:
    return not isinstance(event, ModelReplied) or not event.message.partial


def _reply(event: Event, model: str) -> ModelReply:
    """Return the recorded reply. A summary that failed is an empty reply, which fails again."""
    if isinstance(event, HistorySummarized):
        return ModelReply(message=assistant(event.text), model=model, usage=event.usage)
    assert isinstance(event, ModelReplied)
    return ModelReply(message=event.message, model=model, usage=event.usage, finish_reason=event.finish_reason)
