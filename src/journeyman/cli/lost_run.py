"""Names the run of a request whose server ended before it answered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from journeyman.cli.client.http_client import LostConnectionError
from journeyman.cli.client.queries import queries
from journeyman.errors import BaseError, ServiceUnavailableError

if TYPE_CHECKING:
    from journeyman.settings import Settings


@contextmanager
def naming_lost_run(settings: Settings, url: str | None) -> Iterator[None]:
    """Let an error by which the connection was lost say whether the request's run was accepted, and how to find it.

    The run is looked for in the journal file. With `url` that may be another machine's, so the error says how to ask.
    """
    try:
        yield
    except LostConnectionError as exc:
        raise ServiceUnavailableError(f"{exc.message} {_what_became_of(exc.request_id, settings, url)}") from exc


@contextmanager
def naming_followed_run(run_id: str) -> Iterator[None]:
    """Let an error by which the server of a followed run was lost name the run."""
    try:
        yield
    except ServiceUnavailableError as exc:
        raise ServiceUnavailableError(f"{exc.message} {_accepted(run_id)}") from exc


def _what_became_of(request_id: str, settings: Settings, url: str | None) -> str:
    if url is not None:
        found = f"`journeyman runs list --request-id {request_id} --url {url}`"
        return f"If it had accepted the run, its next start goes on with it: {found} shows it then."
    try:
        runs = queries(settings, None).runs({"request_id": request_id}, 1)
    except BaseError:  # no journal file, or one that cannot be read now
        return f"`journeyman runs list --request-id {request_id}` shows its run, if it had accepted one."
    if not runs:
        return "It had not accepted the message. Start it with `journeyman serve`, and send the message again."
    return _accepted(runs[0]["run_id"])


def _accepted(run_id: str) -> str:
    return (
        f"Run {run_id} was accepted, and the next start of the server goes on with it. Do not send the message again. "
        f"`journeyman runs show {run_id}` shows the run."
    )
