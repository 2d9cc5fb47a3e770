"""Runs the application behind uvicorn: socket, ready line, drain."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from journeyman.api.dependencies import RequestLimits
from journeyman.api.security.client_address import TrustedProxies
from journeyman.journal.sqlite.file_lock import publish_address
from journeyman.llm.routing import Models
from journeyman.server.application import DRAIN_SECONDS, Application
from journeyman.server.serving.app import App
from journeyman.server.serving.connection_places import ConnectionPlaces, PlaceLimits
from journeyman.server.serving.connections import AnsweringSocket, ConnectionBounds, sweep, with_connection_bounds
from journeyman.server.serving.descriptors import DescriptorWatch, most_connections
from journeyman.server.serving.garbage_collection import FrozenObjects
from journeyman.server.serving.ready_line import ready_line
from journeyman.server.serving.start_signals import StartSignals
from journeyman.server.serving.used_models import used_models
from journeyman.settings import Settings

log = logging.getLogger(__name__)

GRACE_SECONDS = 5.0  # after the drain, for connections that are still open
TICKS_A_SECOND = 10  # of uvicorn's main loop
EXIT_OK, EXIT_FAILED, EXIT_CONFIGURATION = 0, 1, 3
_WITHIN = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # how commands on this machine reach a server that is open to all


async def listen(app: App, early: StartSignals) -> int:
    """Serve a started application until SIGINT or SIGTERM. `early`: the signals until now. Returns the exit code."""
    listening = _listen(app.settings)
    if listening is None:
        await app.stop()
        return EXIT_CONFIGURATION
    places = _places(app)
    server = _Server(_config(app, places), app, places)
    with server.signals(early):  # before the ready line, whose reader may send one
        _announce(app, listening)
        await server.serve([listening])
    return EXIT_FAILED if server.failed else EXIT_OK


class _Server(uvicorn.Server):
    """A uvicorn server that drains the runs before it waits for connections, which an open stream would never end."""

    def __init__(self, config: uvicorn.Config, app: App, places: ConnectionPlaces) -> None:
        super().__init__(config)
        self._app = app
        self._clients_stopped = False
        self._descriptors = DescriptorWatch()
        self._places = places
        self._frozen = FrozenObjects(lambda: app.application.reloader.last if app.application else None)
        self.failed = False  # the server ended by itself
        self._hurried = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do nothing: `signals` handles them."""
        yield

    @contextmanager
    def signals(self, early: StartSignals) -> Iterator[None]:
        """Let SIGINT and SIGTERM start the drain, and end it if they come again. The exit code is 0 then.

        SIGHUP reloads, except on a terminal, where it means that the terminal was closed.
        """
        loop = asyncio.get_running_loop()
        signals = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
        for number in signals[:2]:
            loop.add_signal_handler(number, self._stop)
        application = self._app.application
        if application is not None and not sys.stdout.isatty():
            loop.add_signal_handler(signal.SIGHUP, application.reloader.ask)
            if early.reload_asked:
                application.reloader.ask()
        else:
            loop.add_signal_handler(signal.SIGHUP, self._stop)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)

    async def on_tick(self, counter: int) -> bool:
        if counter % TICKS_A_SECOND == 0:
            self._each_second()
        return await super().on_tick(counter)

    def _each_second(self) -> None:
        if self._clients_stopped:  # a second ago: their requests have ended, and left cycles that hold large answers
            gc.collect()
        now = asyncio.get_running_loop().time()
        self._clients_stopped = sweep(self.server_state.connections, now)
        self._places.warn(now)
        self._frozen.renew_after_reload()
        self._descriptors.look()
        self._exit_if_disk_failed()

    def _exit_if_disk_failed(self) -> None:
        """Begin the drain if the journal takes no more commits because the disk failed: a restart may repair that."""
        application = self._app.application
        if application is not None and application.disk_failed and not self.should_exit:
            log.error("the server stops, since its journal cannot be written: repair the disk, then start it again")
            self.failed = self.should_exit = True

    def _stop(self) -> None:
        """Start the drain; the second time, end it."""
        if self.should_exit:
            self._hurried.set()
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain the runs, then close the connections. A second signal leaves both no more time."""
        logging.getLogger("uvicorn.error").addFilter(_is_unplanned)
        if self._app.application is not None:
            await self._drain(self._app.application)
        if self._hurried.is_set():
            self.config.timeout_graceful_shutdown = 0
        await super().shutdown(sockets)

    async def _drain(self, application: Application) -> None:
        draining = asyncio.create_task(application.drain(DRAIN_SECONDS))
        hurried = asyncio.create_task(self._hurried.wait())
        await asyncio.wait([draining, hurried], return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        if not draining.done():
            await application.drain(0.0)
        await draining


def _is_unplanned(record: logging.LogRecord) -> bool:
    """Drop the stack of a request that the shutdown cancels: it is no error."""
    return record.exc_info is None or not isinstance(record.exc_info[1], asyncio.CancelledError)


def _places(app: App) -> ConnectionPlaces:
    """Return the places for connections; addresses have no share while AUTH_MODE is off: all are this machine."""
    settings, application = app.settings, app.application
    assert application is not None
    most = most_connections(settings.connections)
    share = most if settings.auth_mode == "off" else min(settings.connections_per_address, most)
    proxies = TrustedProxies(settings.trusted_proxies)
    return ConnectionPlaces(PlaceLimits(most, share), proxies.includes, application.observers.server.connection_refused)


def _config(app: App, places: ConnectionPlaces) -> uvicorn.Config:
    settings = app.settings
    return uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="on",
        http=with_connection_bounds(ConnectionBounds(), places),
        ws=AnsweringSocket,
        ws_max_size=RequestLimits().body_bytes,
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
        print(advice, file=sys.stderr)  # noqa: T201 - the answer to the person at the terminal
        return None
    listening.listen(1024)  # before the ready line, whose reader may connect at once
    return listening


def _announce(app: App, listening: socket.socket) -> None:
    application = app.application
    assert application is not None
    host, port = listening.getsockname()[:2]
    scheme = "https" if app.settings.tls else "http"
    shown = f"[{host}]" if ":" in host else host
    for problem in application.problems:
        log.warning("%s", problem)
    url = f"{scheme}://{shown}:{port}"
    if app.settings.database_path is not None:
        publish_address(app.settings.database_path, url.replace(shown, _WITHIN.get(host, shown)))
    line = ready_line(
        url,
        application.agents.agents,
        _models(application),
        resumed=application.recovered,
        waiting=application.waiting_approvals,
    )
    print(line, flush=True)  # noqa: T201


def _models(application: Application) -> str:
    """Return the models of the agents and their gateways, for the ready line."""
    url_of = application.models.gateway_url if isinstance(application.models, Models) else lambda _: None
    return used_models((agent.spec for agent in application.agents.agents.values()), url_of)
