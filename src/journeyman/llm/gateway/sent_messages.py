"""Which messages of a request are sent, and with what in them. Stored messages never change."""

from __future__ import annotations

from collections.abc import Iterable, Set

import msgspec

from journeyman.events.messages import Message, Owner, TextPart, user
from journeyman.llm.gateway.opaque import sendable

NO_OUTPUT = "(no output)"

_replace = msgspec.structs.replace


def sent_messages(messages: Iterable[Message], owner: Owner, refused: Set[str] = frozenset()) -> list[Message]:
    """Return the messages as `owner` gets them, without the opaque fields of others and those that are `refused`.

    A reply that says nothing is left out: some servers refuse it, and so every later request of the thread. The user
    messages on both sides of it are joined, since other servers want the roles to alternate.
    """
    sent: list[Message] = []
    gap = False  # a reply was left out just before
    for message in messages:
        if message.role == "assistant":
            message = _reply(message, owner, refused)
            if not message.tool_calls and _is_blank(message):
                gap = True
                continue
        elif message.role == "tool" and _is_blank(message):
            message = _replace(message, content=(TextPart(NO_OUTPUT),))
        if gap and sent and message.role == sent[-1].role == "user":
            message = _joined(sent.pop(), message)
        sent.append(message)
        gap = False
    return sent


def _reply(message: Message, owner: Owner, refused: Set[str]) -> Message:
    if message.partial:  # it was stopped: its calls never ran, and its signatures do not fit the rest
        return Message(role="assistant", content=(TextPart(message.text),))
    return sendable(message, owner, refused)


def _is_blank(message: Message) -> bool:
    """Return whether there is nothing but white space in it, which some servers refuse like no text at all."""
    if "content" in message.extra:
        return False
    return all(isinstance(part, TextPart) and (not part.text or part.text.isspace()) for part in message.content)


def _joined(first: Message, second: Message) -> Message:
    content = (*first.content, *second.content)
    if all(isinstance(part, TextPart) for part in content):
        return user(f"{first.text}\n\n{second.text}")
    return Message(role="user", content=content)
