"""`journeyman fake-llm`."""

from __future__ import annotations

import socket
from typing import Annotated

import typer

from journeyman.cli.output import CommandOutput
from journeyman.errors import ConfigurationError, ValidationError


def fake_llm(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")] = 4000,
    model: Annotated[str, typer.Option(help="offline, or script:FILE.")] = "offline",
) -> None:
    """Serve a model that needs no gateway as an OpenAI-compatible endpoint, to test clients and gateways against.

    It prints its address when it is ready. The script is read once and fails loudly when it runs dry.
    """
    if model != "offline" and not model.startswith("script:"):
        raise ValidationError(f"{model!r} cannot be served: say offline or script:FILE")
    listening = _listen(port)
    import uvicorn  # a server's imports: only for this command

    from journeyman.clock import SystemClock
    from journeyman.llm.fake.scripted import ScriptedModel
    from journeyman.llm.fake.server import fake_llm_app as endpoint
    from journeyman.llm.offline.model import OfflineModel

    client = OfflineModel() if model == "offline" else ScriptedModel.from_file(model.removeprefix("script:"))
    app = endpoint(client, clock=SystemClock(), models=(model,))
    host, bound = listening.getsockname()[:2]
    CommandOutput().line(f"{model} answers at http://{host}:{bound}/v1")
    uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run(sockets=[listening])


def _listen(port: int) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
    except OSError as exc:
        listening.close()
        raise ConfigurationError(f"Port {port} cannot be had ({exc.strerror}): say another --port") from exc
    return listening
