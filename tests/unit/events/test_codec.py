"""Events as JSON and back: every type, older versions, secrets, and text that is not valid Unicode."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeyman.errors import StorageError
from journeyman.events import codec as codec_module
from journeyman.events.codec import EVENT_TYPES, Codec, Draft, Entry, decode_event, rfc3339, wire
from journeyman.events.events import (
    END_TYPES,
    ROOT,
    ContextChanged,
    Ended,
    Event,
    ModelReplied,
    Path,
    RunAccepted,
    RunFinished,
    ToolCallFinished,
    ToolCallStarted,
)
from journeyman.events.messages import FilePart, ImagePart, Message, TextPart, ToolCall, assistant, user

texts = st.text(max_size=8)
numbers = st.integers(-(2**53), 2**53)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=3,
)
objects = st.dictionaries(texts, json_values, max_size=2)
parts = st.one_of(st.builds(TextPart, texts), st.builds(ImagePart, texts), st.builds(FilePart, texts, texts))
messages = st.builds(
    Message,
    role=st.sampled_from(("system", "user", "assistant", "tool")),
    content=st.lists(parts, max_size=2).map(tuple),
    tool_calls=st.lists(st.builds(ToolCall, texts, texts, texts), max_size=2).map(tuple),
    tool_call_id=st.none() | texts,
    partial=st.booleans(),
    extra=objects,
)
paths = st.builds(Path, texts, texts, st.integers(1, 9)) | st.just(ROOT)


def _of(kind: msgspec.inspect.Type) -> st.SearchStrategy[Any]:
    match kind:
        case msgspec.inspect.StrType():
            return texts
        case msgspec.inspect.IntType():
            return numbers
        case msgspec.inspect.FloatType():
            return st.floats(allow_nan=False, allow_infinity=False)
        case msgspec.inspect.BoolType():
            return st.booleans()
        case msgspec.inspect.NoneType():
            return st.none()
        case msgspec.inspect.AnyType():
            return json_values
        case msgspec.inspect.DictType():
            return objects
        case msgspec.inspect.LiteralType(values):
            return st.sampled_from(values)
        case msgspec.inspect.UnionType(types):
            return st.one_of(*(_of(one) for one in types))
        case msgspec.inspect.VarTupleType(item):
            return st.lists(_of(item), max_size=2).map(tuple)
        case msgspec.inspect.StructType(cls=cls):
            return known[cls] if (known := {Message: messages, Path: paths}) and cls in known else any_struct(cls)
    raise AssertionError(kind)


def any_struct(cls: type[Any]) -> st.SearchStrategy[Any]:
    info = msgspec.inspect.type_info(cls)
    assert isinstance(info, msgspec.inspect.StructType)
    return st.builds(cls, **{field.name: _of(field.type) for field in info.fields})


events = st.one_of(*(any_struct(cls) for cls in get_args(Event)))


@settings(max_examples=150, deadline=None, database=None)
@given(events)
def test_what_is_drafted_is_what_is_read(event: Event) -> None:
    draft = Codec().draft(event)
    entry = Entry("run_1", 1, draft.type, draft.v, 0, draft.data)
    assert draft.event == event
    assert entry.event == event
    again = Codec().draft(entry.event)
    assert msgspec.json.decode(again.data) == msgspec.json.decode(draft.data)


def test_every_event_has_a_name_and_the_ends_are_known() -> None:
    assert set(EVENT_TYPES.values()) == set(get_args(Event))
    assert EVENT_TYPES["tool_call_finished"] is ToolCallFinished
    assert {EVENT_TYPES[name] for name in END_TYPES} == set(get_args(Ended))


def test_the_data_is_plain_json_without_tags_and_defaults() -> None:
    draft = Codec().draft(ToolCallFinished(call="m1.0", call_id="c", tool="look", result="x"))
    assert draft == Draft("tool_call_finished", 1, draft.data, draft.event)
    assert msgspec.json.decode(draft.data) == {"call": "m1.0", "call_id": "c", "tool": "look", "result": "x"}


def test_the_wire_form() -> None:
    draft = Codec().draft(RunFinished(output="42"))
    entry = Entry("run_1", 7, draft.type, draft.v, 1_700_000_000_123_456, draft.data)
    assert msgspec.json.decode(msgspec.json.encode(wire(entry))) == {
        "run_id": "run_1",
        "seq": 7,
        "type": "run_finished",
        "at": "2023-11-14T22:13:20.123456Z",
        "data": {"output": "42"},
    }
    assert rfc3339(0) == "1970-01-01T00:00:00.000000Z"


@pytest.mark.parametrize(
    ("type", "v", "data", "says"),
    [
        ("run_flew", 1, b"{}", "unknown type"),
        ("run_finished", 2, b"{}", "newer than this release"),
        ("run_finished", 1, b'{"output":1}', "does not fit"),
        ("run_finished", 1, b"not json", "does not fit"),
        ("run_finished", 1, b'{"output":"\xff"}', "does not fit"),
        ("tool_call_finished", 1, b"{}", "does not fit"),
        ("run_finished", 0, b"{}", "cannot be converted"),
    ],
)
def test_what_this_release_cannot_read_is_refused(type: str, v: int, data: bytes, says: str) -> None:
    with pytest.raises(StorageError, match=says):
        decode_event(type, v, data)


def test_an_old_version_passes_its_upcasters_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """`RunFinished` as if it had been `answer` in version -1, and a list of texts before that."""
    old = {
        ("run_finished", -1): lambda data: {"answer": "".join(data["texts"])},
        ("run_finished", 0): lambda data: {"output": data["answer"]},
    }
    for key, upcaster in old.items():
        monkeypatch.setitem(codec_module.UPCASTERS, key, upcaster)
    assert decode_event("run_finished", -1, b'{"texts":["4","2"]}') == RunFinished(output="42")
    assert decode_event("run_finished", 0, b'{"answer":"42"}') == RunFinished(output="42")
    with pytest.raises(StorageError, match="does not fit"):
        decode_event("run_finished", 0, b'{"other":1}')


SECRET = 'k"ey-é\\12345678'


def test_secrets_are_replaced_before_anyone_sees_them() -> None:
    codec = Codec((SECRET, "short"))
    event = ToolCallStarted(
        call="m1.0", call_id="c", tool="t", idempotency_key="k", arguments={"q": f"my {SECRET}!", "short": "short"}
    )
    draft = codec.draft(event)
    assert isinstance(draft.event, ToolCallStarted)
    assert draft.event.arguments == {"q": "my [secret]!", "short": "short"}
    assert decode_event(draft.type, draft.v, draft.data) == draft.event


def test_of_two_secrets_the_longer_one_goes_first() -> None:
    draft = Codec(("password", "password-and-more")).draft(RunFinished(output="password-and-more password"))
    assert draft.event == RunFinished(output="[secret] [secret]")


@pytest.mark.parametrize("secret", ["assistant", "tool_calls", "arguments", '":"":"":""'])
def test_a_secret_that_is_a_word_of_ours_spoils_no_event(secret: str) -> None:
    """Only texts are masked, never the names of fields or the fixed words of a schema."""
    event = ModelReplied(
        call="m1", model="m", message=assistant(f"so {secret}", ToolCall("c", "t", f'{{"a":"{secret}"}}'))
    )
    draft = Codec((secret,)).draft(event)
    assert isinstance(draft.event, ModelReplied)
    assert draft.event.message.role == "assistant"
    assert draft.event.message.text == "so [secret]"
    assert decode_event(draft.type, draft.v, draft.data) == draft.event


def test_identifiers_stay_as_they_were_given() -> None:
    """A secret such as `production` may be part of a thread id. With a masked id, the thread could not be found."""
    event = RunAccepted(
        thread="key:production/production-1", principal="key:production", agent="a", input=user("in production")
    )
    draft = Codec(("production",)).draft(event)
    assert isinstance(draft.event, RunAccepted)
    assert (draft.event.thread, draft.event.principal) == (event.thread, event.principal)
    assert draft.event.input == user("in [secret]")


def test_a_secret_within_the_json_text_of_arguments_is_replaced() -> None:
    arguments = msgspec.json.encode({"q": SECRET}).decode()
    draft = Codec((SECRET,)).draft(
        ModelReplied(call="m1", model="m", message=assistant("", ToolCall("c", "t", arguments)))
    )
    assert isinstance(draft.event, ModelReplied)
    assert draft.event.message.tool_calls[0].arguments == '{"q":"[secret]"}'


def test_text_that_is_not_unicode_is_made_valid() -> None:
    draft = Codec().draft(ContextChanged(scope="thread", patch={"a\ud800": ["\udc00", {"b": "x\ud83d"}]}))
    assert draft.event == ContextChanged(scope="thread", patch={"a\ufffd": ["\ufffd", {"b": "x\ufffd"}]})
    assert decode_event(draft.type, draft.v, draft.data) == draft.event
