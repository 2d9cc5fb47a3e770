"""The server as one ASGI application, with its lifespan."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from journeyman import __version__
from journeyman.api.app import build_app
from journeyman.api.dependencies import ApiDependencies, nothing_cached
from journeyman.api.schemas.settings import SettingAnswer
from journeyman.api.security.local_callers import is_hosted
from journeyman.api.security.rate_limiting import RateLimiter
from journeyman.errors import BaseError, ConfigurationError
from journeyman.runtime.use_cases.answered_approvals import ApprovalHistory
from journeyman.server.application import Application
from journeyman.server.composition import build
from journeyman.server.debugging import DebugPages
from journeyman.server.known_secrets import KnownSecrets
from journeyman.server.observers import Observers
from journeyman.server.setting_origins import shown_settings
from journeyman.settings import Settings
from journeyman.telemetry.logs.formatters import Masker, mask_by_shape
from journeyman.tools.discovery.discovery import discover
from journeyman.tools.registry import Discover
from journeyman.web.pages import pages

_PYTEST_PLUGIN = "journeyman.pytest_plugin"  # pytest imports it, and no server does


class App:
    """The ASGI application. It starts with the lifespan, or at the first request if there is none (mounted in another
    app)."""

    def __init__(
        self,
        settings: Settings,
        path: Path | None = None,
        *,
        offline: bool = False,
        discover: Discover = discover,
        observers: type[Observers] = Observers,
        on_secrets: Callable[[tuple[str, ...]], None] | None = None,
        strict: bool = False,
        trust_host: bool = False,
    ) -> None:
        """`on_secrets` is called with the values to mask when the files are read, and when a reload names more.

        `strict` refuses a start whose journal has open runs that cannot go on. With `trust_host` the application that
        serves this one decides who may call while AUTH_MODE is off.
        """
        self._trust_host = trust_host
        self._strict = strict
        self._on_secrets = on_secrets
        self.settings = settings
        self.application: Application | None = None
        self._path = path
        self._offline = offline
        self._discover = discover
        self._observers = observers
        self._asgi: ASGIApp | None = None
        self._starting = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
            return
        await (self._asgi or await self.start())(scope, receive, send)

    async def start(self) -> ASGIApp:
        """Build and open the application, once. Raises ConfigurationError and StorageError."""
        async with self._starting:
            if self._asgi is None:
                self.application = await build(
                    self.settings,
                    self._path,
                    offline=self._offline,
                    discover=self._discover,
                    observers=self._observers,
                    strict=self._strict,
                )
                self._mask(self.application.secrets)
                try:
                    await self.application.__aenter__()
                except BaseException:
                    self.application = None
                    raise
                self._asgi = build_app(api_dependencies(self.application, trust_host=self._trust_host))
            return self._asgi

    def check_standalone(self) -> None:
        """Check the settings of an application that no other one has mounted. Raises ConfigurationError."""
        settings = self.settings
        if settings.auth_mode == "required" or self._trust_host:
            return
        for name, given in (("ALLOWED_HOSTS", settings.allowed_hosts), ("CORS_ORIGINS", settings.cors_origins)):
            if "*" in given:
                raise ConfigurationError(
                    f"{name}=* lets any web page that a browser on this machine shows do anything, since AUTH_MODE=off "
                    f"asks for no key. Set AUTH_MODE=required, or list the names in {name}."
                )

    async def stop(self) -> None:
        """Close the application, if it was started."""
        application, self.application, self._asgi = self.application, None, None
        if application is not None:
            await application.aclose()

    def _mask(self, secrets: KnownSecrets) -> None:
        """Pass on what to mask, now and whenever there is more."""
        if (on_secrets := self._on_secrets) is not None:
            on_secrets(secrets.values)
            secrets.subscribe(lambda _: on_secrets(secrets.values))

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        try:
            if not is_hosted(scope):
                self.check_standalone()
            await self.start()
        except BaseError as exc:
            await send({"type": "lifespan.startup.failed", "message": exc.message})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})


def create_app(
    path_or_settings: str | Path | Settings | None = None, *, trust_host: bool = False, **settings: Any
) -> App:
    """Return a complete ASGI application: `uvicorn --factory journeyman:create_app`.

    Takes the path of an agent file or a folder of them, or settings; more settings by name (`database_url=…`). With
    `trust_host` the application that calls this one decides who may call while AUTH_MODE is off, as it does where
    this one is mounted. Raises ConfigurationError if the settings cannot be used.
    """
    if isinstance(path_or_settings, Settings):
        return App(path_or_settings, trust_host=trust_host)
    path = None if path_or_settings is None else Path(path_or_settings)
    return App(Settings.read(**settings), path, trust_host=trust_host)


def api_dependencies(application: Application, *, trust_host: bool = False) -> ApiDependencies:
    """Return what the API needs of an application. `trust_host`: see `create_app`."""
    settings, authentication = application.settings, application.authentication
    assert authentication is not None, "an application for in-process use is not served"
    return ApiDependencies(
        forks=application.forks,
        runs=application.runs,
        conversations=application.runtime.conversations,
        threads=application.threads,
        files=application.files,
        waiting=application.runtime.waiting,
        held=application.runtime.held,
        figures=application.observers.history,
        budgets=application.runtime.budgets.state,
        settings=partial(setting_answers, application),
        agent_version=application.versions.version,
        approval_history=ApprovalHistory(application.journal),
        agent_registry=application.agents,
        tool_registry=application.registry,
        clear_cache=application.cache.clear if application.cache else nothing_cached,
        prune=application.runtime.retention.prune,
        reload=application.reloader.reload,
        last_reload=lambda: application.reloader.last,
        roll_back=application.reloader.roll_back,
        not_ready=application.not_ready,
        details=application.details,
        sandbox=application.sandbox,
        tool_problems=application.mcp.problems_of,
        mask=lambda text: mask_by_shape(application.codec.clean(text)),
        start_traces=application.observers.traces is not None,
        debug=DebugPages(application) if settings.debug else None,
        on_served=application.observers.server.served,
        metrics=application.exposition.render,
        authenticator=authentication.authenticator,
        trust_host=trust_host,
        under_test=_PYTEST_PLUGIN in sys.modules,
        keys=authentication.keys,
        rate_limiter=_rate_limiter(application),
        version=__version__,
        request_wait_seconds=settings.request_wait_seconds,
        allowed_hosts=settings.allowed_hosts,
        cors_origins=settings.cors_origins,
        trusted_proxies=settings.trusted_proxies,
        root_path=settings.root_path,
        request_bytes=settings.request_bytes_per_principal,
        clock=application.clock,
        ids=application.ids,
        pages=pages(),
    )


def setting_answers(application: Application) -> list[SettingAnswer]:
    """Return the settings in force as the API shows them."""
    mask = Masker(application.secrets.values)
    shown = msgspec.json.encode(shown_settings(application.settings), enc_hook=str).decode()
    return msgspec.json.decode(mask(shown), type=list[SettingAnswer])


def _rate_limiter(application: Application) -> RateLimiter | None:
    """Return the rate limiter of requests. None: requests are not limited."""
    windows = application.windows
    return None if windows is None else RateLimiter(windows, application.settings.request_rate)
