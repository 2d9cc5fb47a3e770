"""`journeyman fake-llm`: serves a model without a gateway."""

from __future__ import annotations

import socket
from typing import Annotated

import typer

from journeyman.cli.output import CommandOutput
from journeyman.errors import ConfigurationError, ValidationError


def fake_llm(
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on, 0 for any free one.")] = 4000,
    model: Annotated[str, typer.Option(help="`offline`, or `script:FILE` for scripted replies.")] = "offline",
) -> None:
    """Serve the offline model or a scripted model as an OpenAI-compatible endpoint, to test clients and gateways.

    It prints its address when it is ready. The replies of a script are used once, in order; after the last one, each
    request fails.
    """
    if model != "offline" and not model.startswith("script:"):
        raise ValidationError(f"The model {model!r} cannot be served. Use `offline` or `script:FILE`.")
    listener = _listen(port)
    import uvicorn  # needed by this command only

    from journeyman.clock import SystemClock
    from journeyman.llm.fake.scripted import ScriptedModel
    from journeyman.llm.fake.server import fake_llm_app
    from journeyman.llm.offline.model import OfflineModel

    client = OfflineModel() if model == "offline" else ScriptedModel.from_file(model.removeprefix("script:"))
    app = fake_llm_app(client, clock=SystemClock(), models=(model,))
    host, port = listener.getsockname()[:2]
    CommandOutput().line(f"The model {model} answers at http://{host}:{port}/v1")
    uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run(sockets=[listener])


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as exc:
        listener.close()
        raise ConfigurationError(
            f"Port {port} cannot be used ({exc.strerror}). Choose another one with --port."
        ) from exc
    return listener
