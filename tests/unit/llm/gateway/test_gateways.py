from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any

import pytest

from journeyman.clock import ManualClock
from journeyman.egress.services import Services, ServiceSpec
from journeyman.egress.transport import FakeReply, FakeTransport
from journeyman.errors import ServiceError
from journeyman.events.messages import user
from journeyman.llm.client import ModelRequest, TextDelta
from journeyman.llm.gateway.gateway import Gateway
from journeyman.llm.gateway.gateway_spec import GatewaySpec, SettingNames
from journeyman.llm.gateway.gateways import Gateways
from journeyman.llm.routing import Models

MAIN = GatewaySpec(url="https://main.example/v1", key="sk-main-main")
AZURE = GatewaySpec(
    name="azure",
    url="https://azure.example/o?api-version=1",
    key="sk-azure-azure",
    header="api-key",
    setting_names=SettingNames("gateways.azure.url", "gateways.azure.key"),
)
GEMINI = GatewaySpec(name="gemini", url="https://gemini.example/v1", key="k/ey-gemini", query="key")
HELLO = {"model": "m", "choices": [{"message": {"content": "hello"}, "finish_reason": "stop"}]}


class Setup:
    """Three gateways, each with a transport that answers with its replies."""

    def __init__(self, *specs: ServiceSpec, **replies: list[FakeReply]) -> None:
        self.clock = ManualClock()
        self.services = Services(specs, clock=self.clock, rng=random.Random(1), retries=0)
        self.transports: dict[str, FakeTransport] = {}
        self._replies = replies
        self.gateways = Gateways(self._create, MAIN)
        self.gateways.renew([AZURE, GEMINI])
        self.models = Models(gateways=self.gateways)

    def _create(self, spec: GatewaySpec, others: Mapping[str, Gateway]) -> Gateway:
        replies = self._replies.get(spec.name or "main", [])
        transport = self.transports[spec.name or "main"] = FakeTransport(*replies, clock=self.clock)
        destination = self.services.gateway(spec.url, spec.name)
        return Gateway(
            transport,
            spec.url,
            spec.key,
            guard=destination.guard,
            timeouts=destination.timeouts,
            clock=self.clock,
            name=spec.name,
            header=spec.header,
            query=spec.query,
            setting_names=spec.setting_names,
            others=others,
        )


def hello() -> FakeReply:
    return FakeReply(json.dumps(HELLO).encode(), headers={"content-type": "application/json"})


def ask(**changes: Any) -> ModelRequest:
    return ModelRequest(**{"model": "m", "messages": (user("hi"),), **changes})


async def test_a_key_goes_to_its_own_gateway_only() -> None:
    setup = Setup(main=[hello()], azure=[hello()], gemini=[hello()])
    for name in ("", "azure", "gemini"):
        await setup.models.call(ask(gateway=name))
    sent = {name: transport.requests[0] for name, transport in setup.transports.items()}
    assert sent["main"].url == "https://main.example/v1/chat/completions"
    assert sent["main"].headers["authorization"] == "Bearer sk-main-main"
    assert sent["azure"].url == "https://azure.example/o/chat/completions?api-version=1"
    assert sent["azure"].headers["api-key"] == "sk-azure-azure"
    assert sent["gemini"].url == "https://gemini.example/v1/chat/completions?key=k%2Fey-gemini"
    assert "authorization" not in {*sent["azure"].headers, *sent["gemini"].headers}
    for name, request in sent.items():
        others = [spec.key for spec in (MAIN, AZURE) if (spec.name or "main") != name]
        assert not any(key in f"{request.url} {request.headers}" for key in others)


async def test_fallbacks_of_other_gateways_answer_while_the_breaker_is_open() -> None:
    broken = [FakeReply(b"", status=500) for _ in range(5)]
    setup = Setup(main=broken, azure=[hello()], gemini=[FakeReply(b"", status=500)])
    request = ask(fallbacks=("small", "deploy"), fallback_gateways=("gone", "azure"))
    for _ in range(4):
        with pytest.raises(ServiceError):
            await setup.models.call(request)
    deltas: list[TextDelta] = []
    reply = await setup.models.call(request, deltas.append)
    assert (reply.message.text, reply.gateway) == ("hello", "azure")
    assert (reply.attempts, [delta.attempt for delta in deltas]) == (2, [2])
    assert json.loads(setup.transports["azure"].requests[0].body)["model"] == "deploy"
    assert not setup.transports["gemini"].requests


async def test_a_fallback_without_a_gateway_has_that_of_the_model() -> None:
    setup = Setup(azure=[*(FakeReply(b"", status=500) for _ in range(5)), hello()])
    for _ in range(4):
        with pytest.raises(ServiceError):
            await setup.models.call(ask(gateway="azure", fallbacks=("small",)))
    await setup.models.call(ask(gateway="azure", fallbacks=("small",)))
    assert json.loads(setup.transports["azure"].requests[-1].body)["model"] == "small"


async def test_errors_name_the_settings_of_their_gateway() -> None:
    setup = Setup(main=[FakeReply(b"", status=401)], azure=[FakeReply(b"", status=401)])
    with pytest.raises(ServiceError, match="LITELLM_GATEWAY_API_KEY"):
        await setup.models.call(ask())
    with pytest.raises(ServiceError, match=r"set gateways\.azure\.key to") as caught:
        await setup.models.call(ask(gateway="azure"))
    assert "LITELLM" not in caught.value.message


async def test_an_unknown_gateway_is_named() -> None:
    with pytest.raises(ServiceError, match="there is no gateway 'other' for model 'm'") as caught:
        await Setup().models.call(ask(gateway="other"))
    assert caught.value.code == "gateway_not_set"


async def test_a_changed_gateway_gets_a_new_client_and_the_others_keep_theirs() -> None:
    setup = Setup(main=[hello()])
    main, azure = setup.gateways.get(""), setup.gateways.get("azure")
    moved = GatewaySpec(name="azure", url="https://azure-2.example/v1", key="sk-azure-azure")
    setup.models.renew_gateways([moved])
    assert setup.gateways.get("") is main
    assert setup.gateways.get("azure") not in (None, azure)
    assert setup.gateways.get("gemini") is None
    await setup.models.aclose()


def test_each_gateway_has_a_guard_and_one_origin_shares_its_entry() -> None:
    azure = ServiceSpec(name="deployments", match="gateway:azure", max_connections=3)
    shared = ServiceSpec(name="shared", match="https://gemini.example")
    setup = Setup(azure, shared)
    setup.gateways.renew([AZURE, GEMINI, GatewaySpec(name="second", url="https://gemini.example/other")])
    guards = [each.guard for each in setup.services.destinations()]
    assert sorted(guard.name for guard in guards) == ["deployments", "gateway", "shared"]
    assert {guard.name: guard.policy.max_connections for guard in guards}["deployments"] == 3
    changed = setup.services.renew([shared])
    assert changed == ("gateway:azure",)


async def test_opaque_fields_are_sent_to_the_gateway_that_they_came_from_only() -> None:
    thinking = {"choices": [{"message": {"content": "hi", "reasoning_content": "hm"}, "finish_reason": "stop"}]}
    replies = [FakeReply(json.dumps(thinking).encode(), headers={"content-type": "application/json"}), hello()]
    setup = Setup(main=[hello()], azure=replies)
    reply = await setup.models.call(ask(gateway="azure"))
    messages = (user("hi"), reply.message, user("and now?"))
    for name in ("", "azure"):
        await setup.models.call(ask(gateway=name, messages=messages))
    sent = {name: transport.requests[-1].body for name, transport in setup.transports.items() if transport.requests}
    assert {name: b"reasoning_content" in body for name, body in sent.items()} == {"main": False, "azure": True}
