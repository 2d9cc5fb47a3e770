"""Routes each model call to the client for the model's name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Container, Iterable
from typing import Protocol

from journeyman.clock import Clock
from journeyman.errors import ConfigurationError, ServiceError
from journeyman.llm.client import ModelClient, ModelReply, ModelRequest, TextDelta
from journeyman.llm.fake.scripted import ScriptedModel
from journeyman.llm.gateway.gateway import Gateway
from journeyman.llm.gateway.gateway_spec import GatewaySpec
from journeyman.llm.gateway.gateways import Gateways
from journeyman.llm.gateway.wire_choices import WireChoices
from journeyman.llm.offline.model import OfflineModel

_MAX_OPEN = 64


class TurnedModel(ModelClient, Protocol):
    """A model client of a script or a recording, whose turns are numbered from 1."""

    def next_turn(self, request: ModelRequest, used: Container[int]) -> int:
        """Return the number of the first turn that fits the request and is not in `used`; 0 if there is none."""
        ...


class Models:
    """A model client that routes by name: `offline`, `script:FILE` and `replay:RUN`; other names go to a gateway.

    `gateway` is that of requests that name none, if it is not in `gateways`. `replay` opens the recorded run named
    after `replay:`. Each script or recording is opened once; the 64 opened last stay open. The turn of a request says
    which of its replies is the answer; a request without one continues where the last such call left it.
    """

    def __init__(
        self,
        gateway: ModelClient | None = None,
        *,
        gateways: Gateways | None = None,
        offline: ModelClient | None = None,
        replay: Callable[[str], Awaitable[TurnedModel]] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._gateway = gateway
        self._gateways = gateways
        self._offline = offline or OfflineModel()
        self._replay = replay
        self._clock = clock
        self._opened: dict[str, TurnedModel] = {}
        self._opening = asyncio.Lock()

    async def call(self, request: ModelRequest, on_delta: Callable[[TextDelta], None] | None = None) -> ModelReply:
        client = self._client_of(request) or await self._open(request.model)
        return await client.call(request, on_delta)

    async def next_turn(self, request: ModelRequest, used: Container[int]) -> int | None:
        """Return the turn of its script or recording that a call takes if those in `used` are used; 0: none is left.

        None: the script or recording cannot be opened, as the call will say.
        """
        try:
            client = await self._open(request.model)
        except ServiceError:
            return None
        return client.next_turn(request, used)

    def learned(self) -> dict[tuple[str, str], WireChoices]:
        """Return what was learned, by gateway and model: which parts of its requests the model refuses."""
        figures = ((gateway.name, gateway.learned.figures()) for gateway in self._clients())
        return {(name, model): choices for name, models in figures for model, choices in models.items()}

    def forget_learned(self) -> None:
        """Forget what was learned of the models of all gateways."""
        for gateway in self._clients():
            gateway.learned.forget()

    def _clients(self) -> tuple[Gateway, ...]:
        """Return the clients of all gateways."""
        alone = (self._gateway,) if isinstance(self._gateway, Gateway) else ()
        return (*alone, *(self._gateways.clients() if self._gateways is not None else ()))

    def gateway_url(self, name: str) -> str | None:
        """Return the URL of the gateway of this name, or None. It may hold credentials."""
        return self._gateways.url(name) if self._gateways is not None else None

    async def is_here(self, name: str) -> bool:
        """Return whether the gateway of this name is set and answers now; an empty name: that of the settings."""
        client = self._gateways.get(name) if self._gateways is not None else None
        if client is None:
            return not name and self._gateway is not None
        return await client.is_here()

    def renew_gateways(self, named: Iterable[GatewaySpec]) -> None:
        """Use these gateways beside that of the settings from now on."""
        if self._gateways is not None:
            self._gateways.renew(named)

    async def aclose(self) -> None:
        clients = [self._offline, *self._opened.values(), *([self._gateway] if self._gateway else [])]
        self._opened.clear()
        for client in clients:
            await client.aclose()
        if self._gateways is not None:
            await self._gateways.aclose()

    def _client_of(self, request: ModelRequest) -> ModelClient | None:
        """Return the client of a request's model. None: its script or recording is not open yet."""
        model = request.model
        if model == "offline":
            return self._offline
        if model.startswith(("script:", "replay:")):
            return self._opened.get(model)
        return self._gateway_of(request.gateway, model)

    def _gateway_of(self, name: str, model: str) -> ModelClient:
        """Return the client of the gateway of this name. Raises ServiceError if there is none."""
        client: ModelClient | None = self._gateways.get(name) if self._gateways is not None else None
        client = client or (None if name else self._gateway)
        if client is None and name:
            raise ServiceError(
                f"there is no gateway {name!r} for model {model!r}; define it under `gateways` in an agent file",
                code="gateway_not_set",
            )
        if client is None:
            raise ServiceError(
                f"no gateway is set for model {model!r}; set LITELLM_GATEWAY_URL, or use the model `offline`",
                code="gateway_not_set",
            )
        return client

    async def _open(self, model: str) -> TurnedModel:
        async with self._opening:  # two concurrent first calls must not open a script twice
            if (client := self._opened.get(model)) is None:
                client = await self._create(model)
                while len(self._opened) >= _MAX_OPEN:
                    await self._opened.pop(next(iter(self._opened))).aclose()
                self._opened[model] = client
        return client

    async def _create(self, model: str) -> TurnedModel:
        kind, _, name = model.partition(":")
        if kind == "replay":
            if self._replay is None:
                raise ServiceError(f"model {model!r} needs a journal to replay from", code="replay_unavailable")
            return await self._replay(name)
        try:
            return await asyncio.to_thread(ScriptedModel.from_file, name, clock=self._clock)
        except ConfigurationError as exc:
            raise ServiceError(exc.message, code="script_unusable") from exc
