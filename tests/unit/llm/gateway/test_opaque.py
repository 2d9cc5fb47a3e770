from __future__ import annotations

import msgspec

from journeyman.events.messages import Message, Owner, TextPart, ToolCall, assistant
from journeyman.llm.client import ModelReply
from journeyman.llm.gateway.opaque import OUTPUT_ONLY, opaque_names, owned, sendable

OWNER = Owner("m", "home")
CONTENT = [{"type": "thinking", "thinking": "hm"}, "well, ", {"type": "text", "text": "so", "citations": [1]}]
REPLY = Message(
    role="assistant",
    content=(TextPart("well, so"),),
    tool_calls=(
        ToolCall("c", "t", "{}", extra={"extra_content": 1, "function": {"parsed": 2}}),
        ToolCall("d", "t", ""),
    ),
    extra={"content": CONTENT, "reasoning": "hm", "annotations": [3], "audio": {"id": "a"}},
    owner=OWNER,
)
NONE: frozenset[str] = frozenset()


def test_the_owner_gets_all_but_the_output_only_fields() -> None:
    sent = sendable(REPLY, OWNER, NONE)
    assert sent.extra == {"content": CONTENT, "reasoning": "hm"}
    assert (sent.content, sent.tool_calls) == (REPLY.content, REPLY.tool_calls)
    assert all(OUTPUT_ONLY.values()), "each names its source"


def test_another_model_or_gateway_gets_none() -> None:
    for other in (Owner("m"), Owner("n", "home"), Owner("m", "other")):
        sent = sendable(REPLY, other, NONE)
        assert not sent.is_opaque
        assert sent.text == "well, so"
        assert [call.name for call in sent.tool_calls] == ["t", "t"]


def test_fields_without_an_owner_go_to_no_model() -> None:
    ownerless = Message(role="assistant", content=(TextPart("a"),), extra={"reasoning": "hm"})
    assert sendable(ownerless, OWNER, NONE) == assistant("a")


def test_refused_fields_are_left_out_by_name_at_any_level() -> None:
    names = frozenset({"reasoning", "thinking", "citations", "parsed", "extra_content"})
    assert opaque_names((REPLY, assistant("a")), OWNER) == names
    assert opaque_names((REPLY,), Owner("m")) == NONE
    for name in names:
        left = opaque_names((sendable(REPLY, OWNER, frozenset({name})),), OWNER)
        assert left == names - {name}
    assert "content" not in sendable(REPLY, OWNER, frozenset({"thinking", "citations"})).extra


def test_a_reply_without_opaque_fields_has_no_owner() -> None:
    plain = ModelReply(message=assistant("a"), model="m")
    assert owned(plain, Owner("m")) is plain
    assert owned(plain, OWNER) == msgspec.structs.replace(plain, gateway=OWNER.gateway)
    thinking = ModelReply(message=Message(role="assistant", extra={"reasoning": ""}), model="m")
    assert owned(thinking, OWNER).message.owner == OWNER
