"""Chooses the client of a command: the server at `--url`, the server that owns the journal file, or this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

from journeyman.cli.client.api_client import ApiClient
from journeyman.cli.client.http_client import HttpApiClient
from journeyman.errors import ConfigurationError
from journeyman.journal.sqlite.file_lock import owner_of
from journeyman.server.paths import require_agent

if TYPE_CHECKING:
    from journeyman.settings import Settings

PROBE_SECONDS = 2.0


@contextmanager
def connect(
    settings: Settings, url: str | None = None, *, offline: bool = False, needs_agent: bool = False
) -> Iterator[ApiClient]:
    """Open a client of the server at `url`, or of the one that owns the journal, or of an application in this process.

    `offline` lets the offline model answer; it has no effect on a server. With `needs_agent`, ConfigurationError is
    raised if there is neither a server nor an agent here.
    """
    server = running_server(settings, url)
    if server is not None:
        with server:
            yield server
        return
    if needs_agent:
        require_agent(settings, None)
    with _client_in_process(settings, offline) as client:
        yield client


def running_server(settings: Settings, url: str | None) -> HttpApiClient | None:
    """Return a client of the server at `url`, or without `url` of the one that owns the journal file.

    Returns None if there is no such server. The client sends JOURNEYMAN_API_KEY. If that is not set, it sends API_KEY,
    but only to the owner of the journal file and never to another server.
    """
    key = settings.journeyman_api_key.get_secret_value() if settings.journeyman_api_key else None
    if url is not None:
        return HttpApiClient(url, key)
    owner = owner_url(settings.database_path)
    return None if owner is None else HttpApiClient(owner, key or settings.seed_key)


def owner_url(database: Path | None) -> str | None:
    """Return the address of the server that owns this journal file, or None if there is none that answers.

    The owner writes its address to the lock file. An address that is not loopback is not trusted, and one that does
    not answer is left over from a server that was killed.
    """
    from journeyman.settings import is_loopback  # its module takes 0.1 s, which a help text need not wait for

    url = owner_of(database)[1] if database is not None else ""
    return url if is_loopback(urlsplit(url).hostname or "") and is_answering(url) else None


def is_answering(url: str) -> bool:
    """Return whether a server answers at `url` within PROBE_SECONDS."""
    try:
        with build_opener(ProxyHandler({})).open(f"{url}/livez", timeout=PROBE_SECONDS) as response:
            return bool(response.status == 200)
    except (URLError, OSError, ValueError):
        return False


def _client_in_process(settings: Settings, offline: bool) -> ApiClient:
    # Half a second and 60 MB: imported only by a command that finds no server.
    from journeyman.cli.client.asgi_client import AsgiClient
    from journeyman.server.serving.app import App

    mask = configure_quiet_logs(settings)
    # A user who can open the journal file needs no key: the command acts as `local`.
    alone = {"auth_mode": "off", "allowed_hosts": (), "cors_origins": ()}  # no other program can reach it
    return AsgiClient(App(settings.model_copy(update=alone), offline=offline, on_secrets=mask))


def configure_quiet_logs(settings: Settings) -> Callable[[tuple[str, ...]], None]:
    """Log warnings and errors only, unless LOG_LEVEL is set, so that a command's output is its result.

    How its runs end is not logged then: the command prints it.

    Returns a function that takes all secrets to mask, to be called once more of them are known.
    """
    from journeyman.telemetry.logs import setup as logs

    chosen = "log_level" in settings.model_fields_set
    level = settings.log_level if chosen else "WARNING"
    mask = partial(logs.configure, level, settings.log_format, ended_runs=chosen)
    mask(settings.secrets())
    return mask


def journal_file(settings: Settings) -> Path:
    """Return the path of the existing journal file. Raises ConfigurationError if there is none."""
    path = settings.database_path
    if path is None:
        raise ConfigurationError(
            "The journal memory:// exists only in the server's memory. Pass --url to ask that server."
        )
    if not path.is_file():
        raise ConfigurationError(f"There is no journal at {path}. Run an agent first, or correct DATABASE_URL.")
    return path
