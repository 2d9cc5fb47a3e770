"""The operations of the OpenAI protocol in the OpenAPI document: imported only to build that."""

from __future__ import annotations

from typing import Any

from journeyman.api import openapi
from journeyman.api.protocols import openai_chat
from journeyman.api.protocols.openai_answers import ChatChunk, ChatCompletion, OpenAIModel, OpenAIModels
from journeyman.api.protocols.openai_errors import OpenAIError
from journeyman.api.protocols.openai_messages import ChatCompletionRequest

MODELS = (ChatCompletionRequest, ChatCompletion, ChatChunk, OpenAIModel, OpenAIModels, OpenAIError)
_TAG = "openai"


def _errors() -> dict[int | str, Any]:
    texts = (("4XX", "The request is not acceptable"), ("5XX", "There is no reply"))
    shape = openapi.content(openapi.ref(OpenAIError))
    return {status: {"description": text, "content": shape} for status, text in texts}


def _read(operation_id: str, summary: str, model: type, *parameters: Any) -> openapi.Operation:
    return {
        "tags": [_TAG],
        "summary": summary,
        "operationId": operation_id,
        "parameters": list(parameters),
        "responses": {
            "200": {"description": "Successful", "content": openapi.content(openapi.ref(model))},
            **_errors(),
        },
    }


_MODEL = {"name": "model", "in": "path", "required": True, "schema": {"type": "string"}, "description": "An agent"}

OPERATIONS: dict[str, dict[str, openapi.Operation]] = {
    "/v1/models": {"get": _read("list_models", "The agents as models", OpenAIModels)},
    "/v1/models/{model}": {"get": _read("get_model", "An agent as a model", OpenAIModel, _MODEL)},
    openai_chat.PATH: {
        "post": {
            "tags": [_TAG],
            "summary": "Talk to an agent as clients of OpenAI do",
            "operationId": "create_chat_completion",
            "description": (
                "The agent is named by `model`. With `stream: true`, the answer is sent in chunks. Its tools run on "
                "the server. If a human must decide first, the reply says so, and `journeyman` names the approvals."
            ),
            "parameters": [openapi.IDEMPOTENCY_KEY],
            **openapi.accepts(ChatCompletionRequest),
            "responses": {
                "200": {
                    "description": "The reply",
                    "headers": openapi.RUN_HEADERS,
                    "content": {
                        **openapi.content(openapi.ref(ChatCompletion)),
                        **openapi.content({"type": "string"}, "text/event-stream"),
                    },
                },
                **_errors(),
            },
        }
    },
}
