"""A recorded run as a model: its replies again, in their order."""

from __future__ import annotations

from journeyman.errors import ServiceError
from journeyman.events.events import ModelReplied
from journeyman.journal.journal import Journal
from journeyman.llm.client import ModelReply
from journeyman.llm.replay import ReplayModel
from journeyman.runtime.loading import read_all


async def recorded_replies(journal: Journal, run_id: str) -> ReplayModel:
    """Raises ServiceError (`replay_unavailable`) if the journal has no such run."""
    entries = await read_all(journal, run_id)
    if not entries:
        raise ServiceError(f"The journal has no run {run_id!r} to replay.", code="replay_unavailable")
    replies = [entry.event for entry in entries if entry.type == "model_replied"]
    return ReplayModel(
        [
            ModelReply(
                message=reply.message, model=f"replay:{run_id}", usage=reply.usage, finish_reason=reply.finish_reason
            )
            for reply in replies
            if isinstance(reply, ModelReplied) and not reply.message.partial
        ]
    )
