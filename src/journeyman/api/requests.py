"""Turns request bodies into the input of use cases."""

from __future__ import annotations

import hashlib

import msgspec

from journeyman.api.problems import RequestError
from journeyman.api.responses import encode
from journeyman.api.schemas.runs import AnswerRequest, Content, ForkRequest, ProcessRequest
from journeyman.api.security.request_context import RequestContext
from journeyman.events.messages import JSON, Message, Role, TextPart
from journeyman.events.origin import RequestOrigin
from journeyman.events.quota import UNLIMITED
from journeyman.ids import is_idempotency_key
from journeyman.runtime.use_cases.requests import ForkRun, HumanAnswer, IdempotencyKey, MessageEdit, StartRun


def user_message(role: Role, content: Content) -> Message:
    """Return a client's message. Its parts are not checked yet."""
    parts = (TextPart(content),) if isinstance(content, str) else tuple(content)
    return Message(role=role, content=parts)


def start_of(
    body: ProcessRequest, context: RequestContext, *, stream: bool, key: IdempotencyKey | None = None
) -> StartRun:
    """Return the run to start. With `stream`, the gateway is asked to stream its replies.

    Raises RequestError (422) if the input is only white space.
    """
    message = user_message("user", body.user_input)
    if message.is_blank:
        raise RequestError("`body.user_input` is only white space: send some text.", path="body.user_input")
    return StartRun(
        input=message,
        agent=body.agent,
        thread_id=body.thread_id,
        context=body.context,
        multitask=body.multitask,
        stream=stream,
        key=key,
        origin=request_origin(context),
    )


def request_origin(context: RequestContext) -> RequestOrigin:
    """Return where a run of this request comes from. Its API key is named only if that has a quota."""
    caller = context.known
    key = caller.line if caller.quota != UNLIMITED else None
    return RequestOrigin(
        context.request_id, context.trace_id, context.caller_span, key, caller.quota, caller.credential
    )


def answer_of(body: AnswerRequest) -> HumanAnswer:
    """Return a human's answer to an approval. A result that is not text becomes compact JSON, like a tool's result."""
    return HumanAnswer(
        approval=body.approval,
        decision=body.decision,
        arguments=body.arguments,
        result=plain_text_of(body.result),
    )


def fork_of(run_id: str, body: ForkRequest, context: RequestContext, key: IdempotencyKey | None) -> ForkRun:
    """Return the fork to make of a run."""
    return ForkRun(
        run_id=run_id,
        at=body.at,
        messages=tuple(
            MessageEdit(
                content=user_message(edit.role, edit.content).content,
                replace=edit.replace,
                role=edit.role,
            )
            for edit in body.edits.messages
        ),
        context=body.edits.context,
        prompt=body.edits.prompt,
        version=body.edits.version,
        key=key,
        origin=request_origin(context),
    )


def plain_text_of(result: JSON) -> str | None:
    """Return a result as text: text as it is, other values as compact JSON, null as None."""
    return result if result is None or isinstance(result, str) else encode(result).decode()


def key_of(context: RequestContext, route: str, body: JSON) -> IdempotencyKey | None:
    """Return the request's idempotency key, or None if it has none.

    The body is hashed as data, so that key order and white space do not matter. Raises RequestError (422,
    `invalid_idempotency_key`).
    """
    given = context.headers.get(b"idempotency-key")
    if given is None:
        return None
    text = given.decode("latin-1")
    if not is_idempotency_key(text):
        raise RequestError(
            "Idempotency-Key must have 1 to 255 printable ASCII characters.",
            code="invalid_idempotency_key",
            path="header.idempotency-key",
        )
    canonical = msgspec.json.encode(body, order="deterministic")
    return IdempotencyKey(route, text, hashlib.sha256(canonical).hexdigest())
