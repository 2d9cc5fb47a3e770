"""From request bodies to what use cases take."""

from __future__ import annotations

import hashlib
import re

import msgspec

from journeyman.api.problems import RequestError
from journeyman.api.responses import encode
from journeyman.api.schemas.runs import AnswerRequest, Content, ForkRequest, ProcessRequest
from journeyman.api.security.request_context import RequestContext
from journeyman.events.messages import JSON, Message, Role, TextPart
from journeyman.events.quota import UNLIMITED
from journeyman.runtime.use_cases.requests import BilledKey, ForkRun, HumanAnswer, IdempotencyKey, MessageEdit, StartRun


def user_message(role: Role, content: Content, path: str = "body.user_input") -> Message:
    """A client's message. Raises RequestError (422, `unsupported_content`) for what models do not get yet."""
    if isinstance(content, str):
        return Message(role=role, content=(TextPart(content),))
    for index, part in enumerate(content):
        if not isinstance(part, TextPart):
            raise RequestError("Only text parts are accepted yet.", code="unsupported_content", path=f"{path}[{index}]")
    return Message(role=role, content=tuple(content))


def start_of(
    body: ProcessRequest, visit: RequestContext, *, stream: bool, key: IdempotencyKey | None = None
) -> StartRun:
    return StartRun(
        input=user_message("user", body.user_input),
        agent=body.agent,
        thread_id=body.thread_id,
        context=body.context,
        multitask=body.multitask,
        stream=stream,
        key=key,
        payer=payer_of(visit),
        request_id=visit.request_id,
        trace_id=visit.trace_id,
        caller_span=visit.caller_span,
    )


def payer_of(visit: RequestContext) -> BilledKey | None:
    """The caller's API key, where that has a quota."""
    caller = visit.known
    if caller.line is None or caller.quota == UNLIMITED:
        return None
    return BilledKey(caller.line, caller.quota)


def answer_of(body: AnswerRequest) -> HumanAnswer:
    """A result that is no text becomes compact JSON, as a tool's would."""
    return HumanAnswer(
        approval=body.approval,
        decision=body.decision,
        arguments=body.arguments,
        result=plain_text_of(body.result),
    )


def fork_of(run_id: str, body: ForkRequest, visit: RequestContext, key: IdempotencyKey | None) -> ForkRun:
    return ForkRun(
        run_id=run_id,
        at=body.at,
        messages=tuple(
            MessageEdit(
                content=user_message(edit.role, edit.content, f"body.edits.messages[{place}].content").content,
                replace=edit.replace,
                role=edit.role,
            )
            for place, edit in enumerate(body.edits.messages)
        ),
        context=body.edits.context,
        prompt=body.edits.prompt,
        version=body.edits.version,
        key=key,
        payer=payer_of(visit),
        request_id=visit.request_id,
        trace_id=visit.trace_id,
        caller_span=visit.caller_span,
    )


def plain_text_of(result: JSON) -> str | None:
    return result if result is None or isinstance(result, str) else encode(result).decode()


_KEY = re.compile(rb"[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?")


def key_of(visit: RequestContext, route: str, body: JSON) -> IdempotencyKey | None:
    """The key with the hash of the body as data: key order and white space do not matter. Raises RequestError."""
    given = visit.headers.get(b"idempotency-key")
    if given is None:
        return None
    if not _KEY.fullmatch(given):
        raise RequestError(
            "Idempotency-Key must be 1 to 255 printable ASCII characters.",
            code="invalid_idempotency_key",
            path="header.idempotency-key",
        )
    canonical = msgspec.json.encode(body, order="deterministic")
    return IdempotencyKey(route, given.decode(), hashlib.sha256(canonical).hexdigest())
