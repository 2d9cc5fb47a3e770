"""Which messages of a request are sent, and with what in them. Stored messages never change."""

from __future__ import annotations

from collections.abc import Iterable, Set

import msgspec

from journeyman.events.messages import Message, Owner, TextPart, user
from journeyman.llm.gateway.opaque import sendable

_PLACEHOLDERS = {"tool": "(no output)", "user": "(no text)"}  # by role, for messages that are empty or white space

_replace = msgspec.structs.replace


def sent_messages(messages: Iterable[Message], owner: Owner, refused: Set[str] = frozenset()) -> list[Message]:
    """Return the messages as `owner` gets them, without the opaque fields of others and those that are `refused`.

    Some servers refuse texts that are empty or white space, and so every later request of the thread. So a reply that
    says nothing is left out, and the user messages on both sides of it are joined, since other servers want the roles
    to alternate. Other messages get a text that says they have none.
    """
    sent: list[Message] = []
    gap = False  # a reply was left out just before
    for message in messages:
        if _is_plain(message) and not gap:
            sent.append(message)
            continue
        if message.role == "assistant":
            message = _reply(message, owner, refused)
            if not message.tool_calls and not message.content and "content" not in message.extra:
                gap = True
                continue
        elif (text := _PLACEHOLDERS.get(message.role)) and message.is_blank:
            message = _replace(message, content=(TextPart(text),))
        if gap and sent and message.role == sent[-1].role == "user":
            message = _joined(sent.pop(), message)
        sent.append(message)
        gap = False
    return sent


def _is_plain(message: Message) -> bool:
    """Return whether the message is sent as it is. Most are, and this tells it quickly; False says nothing."""
    if message.extra or message.tool_calls or message.partial or not message.content:
        return False
    first = message.content[0]
    return type(first) is TextPart and first.text != "" and not first.text[0].isspace()


def _reply(message: Message, owner: Owner, refused: Set[str]) -> Message:
    if message.partial:  # it was stopped: its calls never ran, and its signatures do not fit the rest
        message = Message(role="assistant", content=(TextPart(message.text),))
    if message.content and message.is_blank:
        message = _replace(message, content=())
    return sendable(message, owner, refused)


def _joined(first: Message, second: Message) -> Message:
    content = (*first.content, *second.content)
    if all(isinstance(part, TextPart) for part in content):
        return user(f"{first.text}\n\n{second.text}")
    return Message(role="user", content=content)
