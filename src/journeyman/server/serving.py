"""`journeyman serve`: the application behind uvicorn, with bounds, a ready line and a drain that ends."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from pathlib import Path

import uvicorn

from journeyman.errors import BaseError, ConfigurationError
from journeyman.server.application import DRAIN_SECONDS
from journeyman.server.asgi import App
from journeyman.settings import Settings

log = logging.getLogger(__name__)

GRACE_SECONDS = 5.0  # after the drain, for connections that are still open
EXIT_OK, EXIT_FAILED, EXIT_CONFIGURATION = 0, 1, 3


class _Server(uvicorn.Server):
    """uvicorn that drains the runs before it waits for connections: an open stream would hold it for ever."""

    def __init__(self, config: uvicorn.Config, app: App) -> None:
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._app.application is not None:
            await self._app.application.drain(0.0 if self.force_exit else DRAIN_SECONDS)
        await super().shutdown(sockets)


def serve(settings: Settings, path: Path | None = None, *, offline: bool = False) -> int:
    """Serve until SIGINT or SIGTERM; the exit code. Prints every problem and what to do when it cannot start."""
    app = App(settings, path, offline=offline)
    try:
        return asyncio.Runner(loop_factory=_loop_factory()).run(_serve(app))
    except KeyboardInterrupt:
        return EXIT_OK


async def _serve(app: App) -> int:
    try:
        await app.start()
    except BaseError as exc:
        print(exc.message, file=sys.stderr)  # noqa: T201 - the answer to whoever typed the command
        return EXIT_CONFIGURATION if isinstance(exc, ConfigurationError) else EXIT_FAILED
    listening = _listen(app.settings)
    if listening is None:
        await app.stop()
        return EXIT_FAILED
    _announce(app, listening)
    server = _Server(_config(app), app)
    await server.serve([listening])
    return EXIT_OK


def _config(app: App) -> uvicorn.Config:
    settings = app.settings
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="on",
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=64 * 1024,
        h11_max_incomplete_event_size=64 * 1024,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=int(GRACE_SECONDS),
        backlog=1024,
        ssl_certfile=settings.ssl_cert_path if settings.tls else None,
        ssl_keyfile=str(settings.ssl_key_path) if settings.tls else None,
    )


def _listen(settings: Settings) -> socket.socket | None:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host.strip("[]"), settings.port))
    except OSError as exc:
        listening.close()
        advice = f"{settings.host}:{settings.port} cannot be used: {exc.strerror}. Choose another PORT (--port)."
        print(advice, file=sys.stderr)  # noqa: T201 - the answer to whoever typed the command
        return None
    return listening


def _announce(app: App, listening: socket.socket) -> None:
    application = app.application
    assert application is not None
    host, port = listening.getsockname()[:2]
    scheme = "https" if app.settings.tls else "http"
    shown = f"[{host}]" if ":" in host else host
    for problem in application.problems:
        log.warning("%s", problem)
    names = ", ".join(sorted(application.catalog.agents)) or "no agent"
    resumed = f", {application.recovered} runs resumed" if application.recovered else ""
    print(f"Journeyman is ready on {scheme}://{shown}:{port} ({names}{resumed})", flush=True)  # noqa: T201


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - not there on Windows
    except ImportError:
        return None
    return uvloop.Loop
