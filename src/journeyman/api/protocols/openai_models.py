"""GET /v1/models: each agent is a model."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from journeyman.agents.agent import BaseAgent
from journeyman.api.dependencies import ApiDependencies
from journeyman.api.problems import RequestError
from journeyman.api.protocols.openai_answers import OpenAIModel, OpenAIModels
from journeyman.api.responses import json_response
from journeyman.runtime.served.agents import AgentRegistry

OWNER = "journeyman"


def served_model(registry: AgentRegistry, name: str) -> BaseAgent:
    """Return the agent that a request names as its model. Raises RequestError (404, `model_not_found`)."""
    agent = registry.agents.get(name)
    if agent is None:
        text = f"There is no model {name!r}: each agent is a model, and GET /v1/models lists them."
        raise RequestError(text, status=404, code="model_not_found", path="model")
    return agent


def list_models(dependencies: ApiDependencies) -> ASGIApp:
    """Return the endpoint that lists the agents."""
    since = dependencies.clock.now() // 1_000_000

    def answer(_: Request) -> Response:
        names = sorted(dependencies.agent_registry.agents)
        return json_response(OpenAIModels("list", [_entry(name, since) for name in names]))

    return _endpoint(answer)


def get_model(dependencies: ApiDependencies) -> ASGIApp:
    """Return the endpoint of one agent."""
    since = dependencies.clock.now() // 1_000_000

    def answer(request: Request) -> Response:
        agent = served_model(dependencies.agent_registry, request.path_params["model"])
        return json_response(_entry(agent.name, since))

    return _endpoint(answer)


def _entry(name: str, since: int) -> OpenAIModel:
    return OpenAIModel(name, "model", since, OWNER)


def _endpoint(answer: object) -> ASGIApp:
    async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
        response: Response = answer(Request(scope, receive))  # type: ignore[operator]
        await response(scope, receive, send)

    return endpoint
