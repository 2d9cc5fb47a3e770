"""`journeyman serve`: from settings to a listening server."""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from importlib import import_module
from pathlib import Path

from journeyman.errors import BaseError, ConfigurationError
from journeyman.server.paths import agent_path, tools_path
from journeyman.server.reload.file_watch import FileWatch, roots, snapshot
from journeyman.server.serving.allocator import return_large_blocks
from journeyman.server.serving.garbage_collection import collect_seldom
from journeyman.server.serving.start_signals import StartSignals
from journeyman.settings import Settings
from journeyman.telemetry.logs import setup as logs
from journeyman.thread_pool import ThreadPool
from journeyman.tools.discovery.discovery import Discovery, discover
from journeyman.tools.sandbox.kernel import close_memory

EXIT_OK, EXIT_FAILED, EXIT_CONFIGURATION = 0, 1, 3


def serve(
    settings: Settings, path: Path | None = None, *, offline: bool = False, watch: bool = False, strict: bool = False
) -> int:
    """Serve until SIGINT or SIGTERM. Returns the exit code; prints every problem, with a remedy, if it cannot start.

    With `watch`, agent and tool files that change are reloaded. With `strict`, a start is refused if the journal has
    open runs that cannot go on here.
    """
    if not settings.debug:  # profilers and debuggers read the process as an attacker would
        close_memory()
    collect_seldom()
    return_large_blocks()
    signals = StartSignals()
    signals.install()
    try:
        return asyncio.Runner(loop_factory=_loop_factory()).run(_start(settings, path, offline, watch, strict, signals))
    except KeyboardInterrupt:
        return EXIT_OK


async def _start(
    settings: Settings, path: Path | None, offline: bool, watch: bool, strict: bool, signals: StartSignals
) -> int:
    signals.starting(asyncio.current_task())
    asyncio.get_running_loop().set_default_executor(ThreadPool(thread_name_prefix="server"))
    try:
        return await _serve(settings, path, offline, watch, strict, signals)
    except asyncio.CancelledError:
        if signals.ended:
            return EXIT_OK
        raise


async def _serve(
    settings: Settings, path: Path | None, offline: bool, watch: bool, strict: bool, signals: StartSignals
) -> int:
    look = partial(snapshot, roots(settings, path))
    seen = look() if watch else {}
    tools = tools_path(settings, agent_path(settings, path))
    found = (
        asyncio.create_task(discover(tools, environment=settings.environment_of_tools)) if tools is not None else None
    )
    # The web framework takes half of the start: it loads while the search for tools runs in its own process.
    await asyncio.to_thread(import_module, "journeyman.server.serving.listen")
    from journeyman.server.serving.app import App  # noqa: PLC0415 - as above
    from journeyman.server.serving.listen import listen  # noqa: PLC0415 - as above

    async def discovered(_: Path) -> Discovery:
        assert found is not None
        return await found

    mask = partial(logs.configure, settings.log_level, settings.log_format)  # the agent files may name more secrets
    app = App(settings, path, offline=offline, discover=discovered, on_secrets=mask, strict=strict)
    try:
        app.check_standalone()
        await app.start()
    except BaseError as exc:
        print(exc.message, file=sys.stderr)  # noqa: T201 - the answer to the person at the terminal
        return EXIT_CONFIGURATION if isinstance(exc, ConfigurationError) else EXIT_FAILED
    assert app.application is not None
    if not watch:
        return await listen(app, signals)
    reloading, clock = app.application.reloader, app.application.clock
    watching = asyncio.create_task(FileWatch(look, reloading.reload_logged, clock, seen).run())
    try:
        return await listen(app, signals)
    finally:
        watching.cancel()
        await asyncio.wait([watching])


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - not there on Windows
    except ImportError:
        return None
    return uvloop.Loop
