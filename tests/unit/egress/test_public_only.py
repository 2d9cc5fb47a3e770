from __future__ import annotations

import random

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from journeyman.clock import SystemClock
from journeyman.egress.client import HttpClient
from journeyman.egress.http_messages import HttpRequest
from journeyman.egress.pool import AiohttpTransport
from journeyman.egress.services import Services, ServiceSpec
from journeyman.errors import ServiceError


class Names:
    """A resolver that answers from a script and then repeats the last answer."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class Server:
    """A service on loopback that must not be reached, and redirects on demand."""

    def __init__(self) -> None:
        self.requests: list[web.Request] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        if target := request.query.get("to"):
            return web.Response(status=302, headers={"Location": target})
        return web.Response(text="secret")


@pytest.fixture
async def server():
    served = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", served.answer)
    running = TestServer(app)
    await running.start_server()
    served.url = f"http://127.0.0.1:{running.port}"
    served.port = running.port
    yield served
    await running.close()


async def ask(url: str, resolve: Names, *configured: str, **given) -> object:
    """The reply's body, or the code of the refusal."""
    specs = [ServiceSpec(name=f"s{place}", match=match) for place, match in enumerate(configured)]
    services = Services(specs, clock=SystemClock(), rng=random.Random(1), retries=0, idle_seconds=2)
    client = HttpClient(services, lambda public: AiohttpTransport(resolve=resolve if public else None), SystemClock())
    sent = {name: given.pop(name) for name in ("idempotent", "hosts") if name in given}
    try:
        reply = await client.send(HttpRequest("GET", url, **given), **{"idempotent": True, **sent})
        return reply.body
    except ServiceError as exc:
        return exc.code
    finally:
        await client.aclose()


async def test_a_name_that_leads_inside_is_refused(server):
    for answer in (["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::1"], ["::ffff:127.0.0.1"], ["64:ff9b::7f00:1"]):
        assert await ask(f"http://inside.example:{server.port}/", Names(answer)) == "address_refused"
    assert await ask(f"{server.url}/", Names(["8.8.8.8"])) == "address_refused"
    assert server.requests == []


async def test_a_name_is_resolved_once_and_the_address_that_was_checked_is_connected(server):
    """The second answer would be loopback, but is never requested. (192.0.2.1 leads nowhere and is refused.)"""
    names = Names(["192.0.2.1"], ["127.0.0.1"])
    assert await ask(f"http://flip.example:{server.port}/", names) == "address_refused"
    assert names.asked == 1
    assert server.requests == []


async def test_the_socket_itself_refuses_what_got_past_every_other_check(server):
    pool = AiohttpTransport(resolve=Names(["8.8.8.8"]))
    from journeyman.egress.transport import Request

    with pytest.raises(ServiceError) as caught:  # straight to the pool: no URL was checked
        async with pool.send(Request("GET", f"{server.url}/")):
            pass
    await pool.aclose()
    assert caught.value.code == "address_refused"
    assert server.requests == []


async def test_a_configured_service_may_be_private_and_its_redirects_are_checked(server):
    names = Names(["127.0.0.1"])
    assert await ask(f"{server.url}/", names, server.url) == b"secret"
    assert await ask(f"{server.url}/?to=/again", names, server.url) == b"secret"
    inside = ("http://169.254.169.254/", "http://localhost:1/", "http://2130706433/", "file:///etc/passwd", "//[::1]/")
    for target in inside:
        assert await ask(f"{server.url}/?to={target}", names, server.url) == "address_refused"
    assert await ask(f"{server.url}/?to=/?to=/?to=/?to=/", names, server.url, hosts=("other.example",)) == (
        "address_refused"
    )


async def test_a_public_only_url_may_not_use_the_configured_service(server):
    assert await ask(f"{server.url}/", Names(["8.8.8.8"]), server.url, public_only=True) == "address_refused"


async def test_endless_redirects_end(server):
    assert await ask(f"{server.url}/?to=%3Fto=/", Names([""]), server.url) == b"secret"
    app = f"{server.url}/?to={server.url}/%3Fto%3D"
    assert await ask(app, Names([""]), server.url) == b"secret"


async def test_a_reply_over_the_cap_is_refused(server):
    assert await ask(f"{server.url}/", Names([""]), server.url, max_bytes=3) == "service_reply_too_large"
