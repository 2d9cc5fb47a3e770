"""Routes each model call to the client for the model's name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from journeyman.clock import Clock
from journeyman.errors import ConfigurationError, ServiceError
from journeyman.llm.client import ModelClient, ModelReply, ModelRequest, TextDelta
from journeyman.llm.fake.scripted import ScriptedModel
from journeyman.llm.gateway.gateway import Gateway
from journeyman.llm.gateway.wire_choices import WireChoices
from journeyman.llm.offline.model import OfflineModel

_MAX_OPEN = 64


class Models:
    """A model client that routes by name: `offline`, `script:FILE` and `replay:RUN`; other names go to the gateway.

    `replay` opens the recorded run named after `replay:`. Each script or recording is opened once and continues where
    the last call left it; the 64 opened last stay open.
    """

    def __init__(
        self,
        gateway: ModelClient | None = None,
        *,
        offline: ModelClient | None = None,
        replay: Callable[[str], Awaitable[ModelClient]] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._gateway = gateway
        self._offline = offline or OfflineModel()
        self._replay = replay
        self._clock = clock
        self._opened: dict[str, ModelClient] = {}
        self._opening = asyncio.Lock()

    async def call(self, request: ModelRequest, on_delta: Callable[[TextDelta], None] | None = None) -> ModelReply:
        client = self._client_of(request.model) or await self._open(request.model)
        return await client.call(request, on_delta)

    def learned(self) -> dict[tuple[str, str], WireChoices]:
        """Return what was learned, by gateway and model: which parts of its requests the model refuses."""
        gateway = self._gateway
        if not isinstance(gateway, Gateway):
            return {}
        return {(gateway.name, model): choices for model, choices in gateway.learned.figures().items()}

    def forget_learned(self) -> None:
        """Forget what was learned of the gateway's models."""
        if isinstance(self._gateway, Gateway):
            self._gateway.learned.forget()

    async def aclose(self) -> None:
        clients = [self._offline, *self._opened.values(), *([self._gateway] if self._gateway else [])]
        self._opened.clear()
        for client in clients:
            await client.aclose()

    def _client_of(self, model: str) -> ModelClient | None:
        """Return the client of a model. None: its script or recording is not open yet."""
        if model == "offline":
            return self._offline
        if model.startswith(("script:", "replay:")):
            return self._opened.get(model)
        if self._gateway is None:
            raise ServiceError(
                f"no gateway is set for model {model!r}; set LITELLM_GATEWAY_URL, or use the model `offline`",
                code="gateway_not_set",
            )
        return self._gateway

    async def _open(self, model: str) -> ModelClient:
        async with self._opening:  # two concurrent first calls must not open a script twice
            if (client := self._opened.get(model)) is None:
                client = await self._create(model)
                while len(self._opened) >= _MAX_OPEN:
                    await self._opened.pop(next(iter(self._opened))).aclose()
                self._opened[model] = client
        return client

    async def _create(self, model: str) -> ModelClient:
        kind, _, name = model.partition(":")
        if kind == "replay":
            if self._replay is None:
                raise ServiceError(f"model {model!r} needs a journal to replay from", code="replay_unavailable")
            return await self._replay(name)
        try:
            return await asyncio.to_thread(ScriptedModel.from_file, name, clock=self._clock)
        except ConfigurationError as exc:
            raise ServiceError(exc.message, code="script_unusable") from exc
