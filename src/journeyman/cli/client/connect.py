"""Where the runs are: a server that owns the journal's file, or this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

from journeyman.cli.client.api_client import ApiClient
from journeyman.cli.client.http_client import HttpApiClient
from journeyman.errors import ConfigurationError
from journeyman.journal.sqlite.file_lock import owner_of
from journeyman.settings import Settings, is_loopback

PROBE_SECONDS = 2.0


def owner_url(database: Path | None) -> str | None:
    """The address of the server that owns this file; None if none answers.

    The owner leaves it in the lock file; an address beyond loopback is not believed, and one that does not answer is
    left over from a server that was killed.
    """
    url = owner_of(database)[1] if database is not None else ""
    return url if is_loopback(urlsplit(url).hostname or "") and is_answering(url) else None


def running_server(settings: Settings, url: str | None) -> HttpApiClient | None:
    """The server at `url`, else the one that owns the file; None: there is none.

    JOURNEYMAN_API_KEY says who asks. The owner of the file is asked in the name of API_KEY where that is not set: it
    never goes to another server.
    """
    key = settings.journeyman_api_key.get_secret_value() if settings.journeyman_api_key else None
    if url is not None:
        return HttpApiClient(url, key)
    own = owner_url(settings.database_path)
    return None if own is None else HttpApiClient(own, key or settings.seed_key)


def is_answering(url: str) -> bool:
    try:
        with build_opener(ProxyHandler({})).open(f"{url}/livez", timeout=PROBE_SECONDS) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError, ValueError):
        return False


@contextmanager
def connect(settings: Settings, url: str | None = None, *, offline: bool = False) -> Iterator[ApiClient]:
    """The way to the runs: `url`, else the server that owns the file, else an application in this process."""
    remote = running_server(settings, url)
    if remote is not None:
        with remote:
            yield remote
        return
    with _application(settings, offline) as local:
        yield local


def _application(settings: Settings, offline: bool) -> ApiClient:
    # Half a second and 60 MB: only for a command that finds no server.
    from journeyman.cli.client.asgi_client import AsgiClient
    from journeyman.server.serving.app import App

    mask = log_quietly(settings)
    # Who owns the file is asked nothing: the commands act as `local`.
    return AsgiClient(App(settings.model_copy(update={"auth_mode": "off"}), offline=offline, on_secrets=mask))


def log_quietly(settings: Settings) -> Callable[[tuple[str, ...]], None]:
    """Warnings and worse, unless LOG_LEVEL is set: what a command prints is its answer. Call what is returned with
    more secrets once they are known."""
    from journeyman.telemetry.logs import setup as logs

    level = settings.log_level if "log_level" in settings.model_fields_set else "WARNING"
    mask = partial(logs.configure, level, settings.log_format)
    mask(settings.secrets())
    return mask


def journal_file(settings: Settings) -> Path:
    """The file to read. Raises ConfigurationError if there is none."""
    path = settings.database_path
    if path is None:
        raise ConfigurationError("memory:// is in the server's memory only: say --url to ask the server")
    if not path.is_file():
        raise ConfigurationError(f"There is no journal {path}: run something first, or correct DATABASE_URL")
    return path
