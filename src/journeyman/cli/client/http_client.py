"""The door to a server that is up: the standard library's HTTP client, one connection a call."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import msgspec

from journeyman.cli.client.api_client import BODY_CAP, Frame, error_of_answer, frames
from journeyman.errors import ServiceUnavailableError, ValidationError

CONNECT_SECONDS = 5.0
SILENCE_SECONDS = 4000.0  # of an answer that waits for a run: REQUEST_WAIT_SECONDS is 3600 at most
PING_SECONDS = 60.0  # of a stream: the server pings four times in it


class HttpApiClient:
    """The API at an address such as `http://127.0.0.1:8000`. Proxies of the environment are not asked."""

    def __init__(self, url: str, key: str | None = None) -> None:
        self._key = key
        self.url = url.rstrip("/")
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValidationError(f"{url!r} is no address of a server: write http://HOST:PORT")
        self._secure = parts.scheme == "https"
        self._host, self._port, self._prefix = parts.hostname, parts.port, parts.path

    def call(self, method: str, path: str, body: object = None) -> Any:
        connection, answer = self._ask(method, path, body, "application/json", SILENCE_SECONDS)
        try:
            data = answer.read(BODY_CAP)
        except (OSError, http.client.HTTPException) as exc:
            raise self._gone(exc) from exc
        finally:
            connection.close()
        if answer.status >= 400:
            raise error_of_answer(answer.status, data)
        return msgspec.json.decode(data) if data else None

    def stream(self, method: str, path: str, body: object = None) -> Iterator[Frame]:
        connection, answer = self._ask(method, path, body, "text/event-stream", PING_SECONDS)
        try:
            if answer.status >= 400:
                raise error_of_answer(answer.status, answer.read(BODY_CAP))
            yield from frames(answer)
        except (OSError, http.client.HTTPException) as exc:
            raise self._gone(exc) from exc
        finally:
            connection.close()

    def _ask(
        self, method: str, path: str, body: object, accept: str, silence: float
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        make = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = make(self._host, self._port, timeout=CONNECT_SECONDS)
        headers = {"Accept": accept, "Content-Type": "application/json"}
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key}"
        data = None if body is None else msgspec.json.encode(body)
        try:
            connection.connect()
            if connection.sock is not None:
                connection.sock.settimeout(silence)
            connection.request(method, self._prefix + path, data, headers)
            return connection, connection.getresponse()
        except (OSError, http.client.HTTPException) as exc:
            connection.close()
            raise self._gone(exc) from exc

    def _gone(self, exc: Exception) -> ServiceUnavailableError:
        return ServiceUnavailableError(
            f"No server answers at {self.url} ({exc or type(exc).__name__}): start one with `journeyman serve`"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None
