"""The strict JSON reader: what it refuses, and that it changes nothing else."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeyman.api.dependencies import RequestLimits
from journeyman.api.json_body import ClientDisconnected, convert, parse, read_body, read_json
from journeyman.api.problems import RequestError, problem_headers
from journeyman.api.schemas.keys import CreateKey
from journeyman.api.schemas.runs import LARGEST_INTEGER, ForkRequest, ProcessRequest
from journeyman.api.security.request_context import RequestContext
from journeyman.errors import UnauthenticatedError

LIMITS = RequestLimits(string_chars=100, json_nodes=1000)

REFUSED = {
    "NaN": b'{"a":NaN}',
    "infinity": b'{"a":-Infinity}',
    "too large a float": b'{"a":1e999}',
    "too large an integer": b'{"a":9007199254740993}',
    "a very large integer": b'{"a":' + b"9" * 400 + b"}",
    "lone surrogate": b'{"a":"\\ud800"}',
    "lone surrogate within": b'{"a":"x\\ud800yyyyyyyyyyyyyyyy"}',
    "low surrogate": b'{"a":"\\udc00yyyyyyyyyyyyyyyy"}',
    "encoded surrogate": b'{"a":"\xed\xa0\x80"}',
    "NUL": b'{"a":"\\u0000"}',
    "NUL in a key": b'{"\\u0000":1}',
    "raw control character": b'{"a":"\x00"}',
    "invalid UTF-8": b'{"a":"\xff\xfe"}',
    "key twice": b'{"a":1,"a":2}',
    "key twice deep inside": b'{"x":[{"a":1,"b":2,"a":3}]}',
    "key twice, escaped": b'{"a":1,"\\u0061":2}',
    "200 deep": b"[" * 200 + b"]" * 200,
    "100,000 deep": b"[" * 100_000,
    "65 deep in objects": b'{"a":' * 65 + b"1" + b"}" * 65,
    "too many values": b"[" + b"1," * 1000 + b"1]",
    "too long a string": b'{"a":"' + b"x" * 101 + b'"}',
    "byte order mark inside": b"{\xef\xbb\xbf}",
    "nothing": b"",
    "half": b'{"a":',
    "half a string": b'{"a":"b',
    "two values": b"{} {}",
    "a comment": b"{} // x",
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED.keys())
def test_refused(raw: bytes) -> None:
    with pytest.raises(RequestError) as refused:
        parse(raw, LIMITS)
    assert (refused.value.status, refused.value.code) == (422, "invalid_json")


def test_brackets_colons_and_commas_in_strings_are_text() -> None:
    text = '[{":,' * 20 + '\\"'
    assert parse(json.dumps({"a": text, text: [1]}).encode(), RequestLimits(json_depth=3)) == {"a": text, text: [1]}


@pytest.mark.timeout(5)  # a reader that goes back over these needs minutes
@pytest.mark.parametrize("unit", [b'"\\', b'"', b"\\", b'\\"', b'"\\"', b"[", b'{"a":', b'"",'])
def test_no_body_is_slow(unit: bytes) -> None:
    with pytest.raises(RequestError):
        parse(unit * (500_000 // len(unit)), LIMITS)


def test_the_bounds_themselves_are_allowed() -> None:
    assert parse(b"[" * 64 + b"]" * 64, LIMITS)
    assert parse(b"[%d,-%d]" % (LARGEST_INTEGER, LARGEST_INTEGER), LIMITS) == [LARGEST_INTEGER, -LARGEST_INTEGER]
    assert parse(b'"\\ud83d\\ude00"', LIMITS) == "😀"


_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-LARGEST_INTEGER, LARGEST_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(_VALUES, st.booleans())
def test_what_is_sound_passes_unchanged(value: object, ascii_only: bool) -> None:
    assert parse(json.dumps(value, ensure_ascii=ascii_only).encode(), RequestLimits()) == value


@given(
    st.binary(max_size=200)
    | st.lists(
        st.sampled_from(
            [b"{", b"}", b"[", b"]", b'"', b"\\", b"\\u", b"d800", b":", b",", b"a", b"1", b"e9", b"-", b" ", b"\xff"]
        ),
        max_size=40,
    ).map(b"".join)
)
def test_any_bytes_are_parsed_as_json_does_or_refused(raw: bytes) -> None:
    try:
        value = parse(raw, RequestLimits())
    except RequestError:
        return
    assert value == json.loads(raw)
    msgspec.json.encode(value)


def messages(*received: dict[str, object]) -> object:
    left = list(received)

    async def receive() -> dict[str, object]:
        return left.pop(0)

    return receive


def chunk(body: bytes, more: bool = False) -> dict[str, object]:
    return {"type": "http.request", "body": body, "more_body": more}


def request(headers: dict[bytes, bytes] | None = None, *, valid: bool | None = None) -> RequestContext:
    """Return the context of a request; `valid` says whether its credential still is."""
    context = RequestContext(caller=None, request_id="r", headers=headers or {})

    async def is_valid() -> bool:
        return bool(valid)

    context.is_valid = None if valid is None else is_valid
    return context


@pytest.mark.parametrize("valid", [True, False])
async def test_a_credential_is_looked_up_again_when_its_body_took_a_while(valid: bool) -> None:
    at_once = messages(chunk(b"{}"))
    assert await read_body(request(valid=valid), at_once, LIMITS) == b"{}"  # type: ignore[arg-type]
    in_parts = read_body(request(valid=valid), messages(chunk(b"{", True), chunk(b"}")), LIMITS)  # type: ignore[arg-type]
    if valid:
        assert await in_parts == b"{}"
        return
    with pytest.raises(UnauthenticatedError):
        await in_parts


def test_a_byte_order_mark_before_the_body_is_ignored() -> None:
    assert parse(b'\xef\xbb\xbf{"a": 1}', LIMITS) == {"a": 1}
    for raw in (b"\xef\xbb\xbf", b'\xef\xbb\xbf\xef\xbb\xbf{"a": 1}', '{"a": 1}'.encode("utf-16")):
        with pytest.raises(RequestError, match="not usable JSON"):
            parse(raw, LIMITS)


@pytest.mark.parametrize("encoding", [b"gzip", b"GZip", b"br", b"gzip, identity", b"zstd"])
async def test_a_compressed_body_is_refused_by_the_name_of_its_encoding(encoding: bytes) -> None:
    headers = {b"content-type": b"application/json", b"content-encoding": encoding}
    with pytest.raises(RequestError, match=f"encoded with '{encoding.decode().lower()}'") as refused:
        await read_json(request(headers), messages(chunk(b"\x1f\x8b")), LIMITS)
    assert (refused.value.status, refused.value.code) == (415, "encoded_body")
    assert (b"accept-encoding", b"identity") in problem_headers(refused.value, 415)


async def test_the_identity_encoding_is_none() -> None:
    headers = {b"content-type": b"application/json", b"content-encoding": b"Identity"}
    assert await read_json(request(headers), messages(chunk(b"{}")), LIMITS) == {}


async def test_a_body_in_chunks() -> None:
    receive = messages(chunk(b'{"a"', True), chunk(b"", True), chunk(b":1}"))
    assert await read_body(request(), receive, LIMITS) == b'{"a":1}'  # type: ignore[arg-type]


@pytest.mark.parametrize("headers", [{}, {b"content-length": b"3"}, {b"content-length": b"99999999999999999999"}])
async def test_the_cap_counts_what_comes(headers: dict[bytes, bytes]) -> None:
    receive = messages(chunk(b"x" * 60, True), chunk(b"x" * 60))
    with pytest.raises(RequestError) as refused:
        await read_body(request(headers), receive, RequestLimits(body_bytes=100))  # type: ignore[arg-type]
    assert refused.value.status == 413


async def test_a_client_that_leaves_in_its_body() -> None:
    with pytest.raises(ClientDisconnected):
        await read_body(request(), messages(chunk(b"{", True), {"type": "http.disconnect"}), LIMITS)  # type: ignore[arg-type]


def test_a_field_that_does_not_fit_is_named() -> None:
    with pytest.raises(RequestError) as refused:
        convert({"user_input": [{"type": "text", "text": 1}]}, ProcessRequest)
    assert [field.path for field in refused.value.fields] == ["body.user_input[0].text"]
    with pytest.raises(RequestError, match="a thread id is 1 to 200"):
        convert({"user_input": "hi", "thread_id": ".."}, ProcessRequest)
    with pytest.raises(RequestError, match=r"`body\.model` is not a known field"):
        convert({"user_input": "hi", "model": "x"}, ProcessRequest)


def test_a_whole_number_is_an_integer_however_it_is_written() -> None:
    body = {"at": 2.0, "edits": {"context": {"a": 1.0}, "messages": [{"content": "x", "replace": 1.0}]}}
    fork = convert(body, ForkRequest)
    assert (fork.at, fork.edits.messages[0].replace, str(fork.edits.context)) == (2, 1, "{'a': 1.0}")
    key = {"name": "a", "scopes": ["run"]}
    assert convert({**key, "expires_in_seconds": 60.0}, CreateKey).expires_in_seconds == 60
    for wrong in (1.5, 1e300, "1"):
        with pytest.raises(RequestError, match="must be an integer or null, not a"):
            convert({**key, "expires_in_seconds": wrong}, CreateKey)
    many = [{"content": "x", "replace": 1.0}] * 20
    with pytest.raises(RequestError, match="messages"):  # in so many the server does not look for them
        convert({"at": 2, "edits": {"messages": [dict(each) for each in many]}}, ForkRequest)
