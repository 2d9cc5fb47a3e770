"""A fake OpenAI-compatible gateway whose model refuses parameters, and answers by what the messages say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web

Body = dict[str, Any]


class PickyGateway:
    """`async with PickyGateway(refuses, answer) as gateway`: each parameter in `refuses` gives a 400 that names it.

    `answer` makes the text of a reply from the body of its request. `bodies` keeps all requests.
    """

    def __init__(self, refuses: tuple[str, ...] = (), answer: Callable[[Body], str] = lambda _: "hello") -> None:
        self.refuses = refuses
        self.answer = answer
        self.bodies: list[Body] = []

    async def __aenter__(self) -> PickyGateway:
        app = web.Application()
        app.router.add_post("/chat/completions", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def refusal(self, body: Body) -> str | None:
        """Return the complaint about a request. None: it is answered."""
        return next((f"Unknown parameter: '{name}'." for name in self.refuses if name in body), None)

    def message(self, body: Body) -> Body:
        """Return the message of a reply."""
        return {"role": "assistant", "content": self.answer(body)}

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.bodies.append(body)
        if (refusal := self.refusal(body)) is not None:
            return web.json_response({"error": {"message": refusal}}, status=400)
        message = self.message(body)
        usage = {"prompt_tokens": 1, "completion_tokens": 1}
        return web.json_response({"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage})
