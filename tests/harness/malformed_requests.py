"""Requests that no client should send, made from a seed: heads, paths, credentials and bodies that are wrong."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

Headers = dict[str, bytes]


@dataclass(frozen=True)
class Known:
    """What there is on the server, and what must never be in its log or database."""

    credential: str
    run: str
    thread: str
    secrets: tuple[str, ...]  # of the server: wherever they come from, they are masked
    others: str  # another user's credential: it stays where it was sent


@dataclass(frozen=True)
class Shot:
    kind: str
    data: bytes
    method: str = "POST"


BODIES: Mapping[str, tuple[str, Any]] = {
    "/process": ("POST", {"user_input": "hi", "thread_id": "{thread}", "context": {"a": 1}}),
    "/execute_tool": ("POST", {"tool_name": "get_username", "arguments": {"a": 1}, "agent": "support"}),
    "/threads": ("POST", {"thread_id": "fuzz", "title": "a title", "meta": {"a": [1]}}),
    "/threads/{thread}/messages": ("POST", {"content": [{"type": "text", "text": "hi"}], "role": "user"}),
    "/threads/{thread}/context": ("PATCH", {"a": {"b": None}}),
    "/context": ("PATCH", {"a": {"b": 1}}),
    "/runs/{run}/resume": ("POST", {"answers": [{"approval": "x", "decision": "done", "result": 1}]}),
    "/runs/{run}/fork": ("POST", {"at": 2, "edits": {"messages": [{"content": "x", "replace": 1}], "context": {}}}),
    "/keys": ("POST", {"name": "k", "scopes": ["read"], "expires_in_seconds": 60}),
    "/keys/none/rotate": ("POST", {"grace_seconds": 1}),
    "/retention/prune": ("POST", {"days": 10000, "threads": "x", "megabytes": "x"}),  # one stays wrong: all else stays
    "/agents/support/rollback": ("POST", {"version": "x"}),
}
DEEPEST = 100_000
GETS = (
    "/agents", "/agents/{piece}", "/agents/support/graph?format={piece}", "/approvals?cursor={piece}", "/context",
    "/errors", "/keys", "/livez", "/metrics", "/readyz", "/runs?{query}", "/runs/{piece}",
    "/runs/{run}/events?{query}", "/runs/{run}/state?at={piece}", "/threads?{query}", "/threads/{piece}",
    "/threads/{piece}/messages?{query}", "/threads/{thread}/runs?{query}", "/tools/{piece}", "/tools?{query}",
    "/debug/state", "/{piece}", "/docs", "/openapi.json",
)  # fmt: skip
FILTERS = ("cursor", "limit", "after", "at", "status", "agent", "thread", "tool", "error_code", "since", "until")
NUMBERS = b"1e999 -1e999 NaN Infinity 9007199254740993 1E400 0x1 01 1. .5 1e-99999 -0 3.0 5e-324 1e308 true --1".split()
SURROGATES = (
    rb'"\ud800"', rb'"\udc00\ud800"', b'"\xed\xa0\x80"', b'"\xff\xfe"', rb'"\uD8"', b'"\xc0\x80"',
    b'"\xf4\x90\x80\x80"', rb'"\ud83d\ude00"', rb'{"\udfff":1}',
)  # fmt: skip
NULS = (rb'"\u0000"', b'"a\x00b"', rb'{"\u0000":1}', b"\x00", rb'"\\u0000"')
WORDS = b'{ } [ ] " : , \\ \\u \\ud800 \xff 1e9 null true false "a" "user_input" "hi" 0 - \r\n'.split(b" ")
PIECES = (
    "%00", "..", "%2e%2e", "%2f", "%FF", "%ED%A0%80", "%", "%zz", "a" * 201, "a" * 6000, "-1", "9" * 400, "~", "{run}",
    "%0d%0aX:%20y", "'", '"', "é", "\\", ";", "a/b", "null", "1e999", "%F0%9F%98%80", "run_" + "0" * 32, "{thread}",
)  # fmt: skip
HOSTS = (b"evil.example", b"", b"localhost:99999999", b"[::1", b"a" * 300, b"127.0.0.1:x", b"localhost, evil", b"\xff")
METHODS = ("PUT", "TRACE", "OPTIONS", "HEAD", "BREW", "PROPFIND", "get", "P@ST", "CONNECT", "PATCH", "DELETE")
TYPES = (b"text/plain", b"", b"application/xml", b"multipart/form-data; boundary=x", b"application/json; charset=utf-7",
         b"\xe9", b"application/x-www-form-urlencoded", b"application/jsonx", b"application/json" * 500)  # fmt: skip


class MalformedRequests:
    """One client's requests: `next()` gives another each time, the same for the same seed."""

    def __init__(self, seed: int, known: Known) -> None:
        self.random = Random(seed)
        self.known = known
        kinds: dict[Callable[[], Shot], int] = {
            self.broken: 14, self.deep: 5, self.number: 10, self.surrogate: 8, self.nul: 5, self.twice: 5,
            self.media_type: 6, self.shape: 10, self.header: 9, self.host: 4, self.method: 5, self.path: 8,
            self.query: 9, self.last_event_id: 4, self.stranger: 8, self.chunks: 3, self.secret: 3, self.good: 2,
        }  # fmt: skip
        self._kinds, self._weights = list(kinds), list(kinds.values())

    def next(self) -> Shot:
        return self.random.choices(self._kinds, self._weights)[0]()

    # --- bodies

    def broken(self) -> Shot:
        path, method, body = self._sample()
        raw = bytearray(json.dumps(body).encode())
        for _ in range(self.random.randint(1, 4)):
            at = self.random.randrange(len(raw) + 1)
            match self.random.randrange(4):
                case 0:
                    del raw[at:]
                case 1:
                    raw[at : at + 1] = self.random.randbytes(1)
                case 2:
                    raw[at:at] = self.random.choice(WORDS)
                case _:
                    raw[at : at + self.random.randint(1, 9)] = b""
        return self._post("broken", path, method, bytes(raw))

    def deep(self, depth: int = 0) -> Shot:
        depth = depth or self.random.choices((63, 64, 65, 1000, 20_000, DEEPEST), (5, 5, 10, 8, 2, 1))[0]
        opening, closing = self.random.choice(((b"[", b"]"), (b'{"a":', b"}"), (b'[{"":', b"}]")))
        core = opening * depth + b"1" + (closing * depth if self.random.random() < 0.8 else b"")
        return self._within("deep", core)

    def number(self) -> Shot:
        token = b"9" * self.random.choice((20, 400, 5000)) if self.random.random() < 0.2 else self._of(NUMBERS)
        return self._within("number", token)

    def surrogate(self) -> Shot:
        return self._within("surrogate", self._of(SURROGATES))

    def nul(self) -> Shot:
        return self._within("nul", self._of(NULS))

    def twice(self) -> Shot:
        """A key that stands twice, within and at the top."""
        path, method, body = self._sample()
        raw = json.dumps(body).encode()
        key = json.dumps(self.random.choice(list(body))).encode()
        return self._post("twice", path, method, raw[:-1] + b"," + key + b":" + self._of((b"1", b'"x"', b"{}")) + b"}")

    def shape(self) -> Shot:
        """Sound JSON of another shape."""
        path, method, body = self._sample()
        changed = dict(body)
        for _ in range(self.random.randint(1, 3)):
            name = self.random.choice([*body, "unknown", "", "a" * 300])
            changed[name] = self._value(3)
        raw = json.dumps(changed if self.random.random() < 0.8 else self._value(4)).encode()
        return self._post("shape", path, method, raw)

    def media_type(self) -> Shot:
        path, method, body = self._sample()
        return self._post("media_type", path, method, json.dumps(body).encode(), {"content-type": self._of(TYPES)})

    def chunks(self) -> Shot:
        """Chunked transfer that is none."""
        path, method, body = self._sample()
        raw = json.dumps(body).encode()
        size = self._of((b"%x" % len(raw), b"zz", b"-1", b"f" * 20, b"%x;ext=1" % len(raw), b""))
        encoded = size + b"\r\n" + raw + b"\r\n0\r\n" + self._of((b"\r\n", b"x: y\r\n\r\n", b"\xff\r\n\r\n"))
        headers = {"content-type": b"application/json", "transfer-encoding": b"chunked"}
        if self.random.random() < 0.2:
            headers["content-length"] = b"%d" % len(raw)
        return Shot("chunks", self._head(method, path, headers) + encoded, method)

    def secret(self) -> Shot:
        """What the server keeps secret, sent as content: it may come from anywhere."""
        path, method, body = self._sample()
        told = self.random.choice(self.known.secrets)
        for name in ("user_input", "title", "a", "context", "arguments", "meta", "edits"):
            if name in body:
                body[name] = told if isinstance(body[name], str) else {"a": f"so {told} it is", "b": [told]}
        return self._post("secret", path, method, json.dumps(body).encode())

    def good(self) -> Shot:
        """A request that is answered: what follows it on the connection must not be."""
        path, method, body = self._sample()
        return self._post("good", path, method, json.dumps(body).encode())

    # --- heads

    def header(self) -> Shot:
        path, method, body = self._sample()
        junk = self.random.randbytes(self.random.choice((3, 30, 300))).translate(None, b"\r\n\x00")
        name, value = self.random.choice(
            (
                ("idempotency-key", junk), ("idempotency-key", b"k" * 256), ("x-request-id", junk),
                ("traceparent", b"00-" + junk), ("traceparent", b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01"),
                ("x-on-behalf-of", junk), ("x-forwarded-for", b"1.2.3.4, " * 500), ("origin", b"null"),
                ("origin", junk), ("accept", b"*/*;q=9" + junk), ("content-length", b"-1"), ("content-length", b"x"),
                ("content-length", b"9" * 30), ("expect", b"100-continue"), ("transfer-encoding", b"gzip"),
                ("connection", b"upgrade"), ("upgrade", b"h2c"), ("x-long", b"a" * 9000), ("range", b"bytes=-1"),
                ("if-none-match", b"*"), ("x\x01y", b"1"), ("", b"1"), ("x y", b"1"), ("cookie", junk), ("te", b"\xff"),
            )
        )  # fmt: skip
        extra = {f"x-{n}": b"1" for n in range(120)} if self.random.random() < 0.05 else {}
        return self._post("header", path, method, json.dumps(body).encode(), {name: value, **extra})

    def host(self) -> Shot:
        path, method, body = self._sample()
        return self._post("host", path, method, json.dumps(body).encode(), {"host": self._of(HOSTS)})

    def method(self) -> Shot:
        method = self.random.choice(METHODS)
        target = self._fill(self.random.choice(GETS)).replace(f"/{self.known.thread}", "/none")  # DELETE erases
        return Shot("method", self._head(method, target, {"content-length": b"0"}), method)

    def path(self) -> Shot:
        target = self._fill(self.random.choice(GETS))
        target = self.random.choice((target, target, "/" + target, "http://evil.example" + target, target + "#x", "*"))
        return Shot("path", self._head("GET", target, {}), "GET")

    def query(self) -> Shot:
        target = self._fill(self.random.choice([path for path in GETS if "{query}" in path]))
        return Shot("query", self._head("GET", target, {}), "GET")

    def last_event_id(self) -> Shot:
        value = self._of((b"x", b"-1", b"9" * 20, b"1e3", b"\xff", b"", b"0", b"1", b"99", b"1, 2", b"\xd9\xa3"))
        headers = {"accept": b"text/event-stream", "last-event-id": value}
        return Shot("last_event_id", self._head("GET", self._fill("/runs/{run}/events?after={piece}"), headers), "GET")

    def stranger(self) -> Shot:
        """Credentials that open nothing; each is a secret of another user."""
        told = self.random.choice((*self.known.secrets, self.known.others)).encode()
        key = self.known.credential.encode()
        value = self._of(
            (
                b"Bearer " + told, b"Basic " + told, b"Bearer", b"Bearer " + told * 300, b"bearer jm_seed_" + told,
                b"Bearer " + b".".join([urlsafe_b64encode(b'{"alg":"none"}'), told, b""]), told, b"Bearer \xff" + told,
                b"Bearer " + key + b"x", b"Bearer " + key[:-1], b"Digest " + told, b"Bearer a.b.c" + told,
            )
        )  # fmt: skip
        headers = {"authorization": value, "x-api-key": told, "cookie": b"session=" + told}
        path, method, body = self._sample()
        if self.random.random() < 0.5:
            return Shot("stranger", self._head("GET", self._fill(self.random.choice(GETS)), headers), "GET")
        return self._post("stranger", path, method, json.dumps(body).encode(), headers)

    # --- parts

    def _of(self, values: tuple[bytes, ...] | list[bytes]) -> bytes:
        return self.random.choice(values)

    def _sample(self) -> tuple[str, str, Any]:
        """Path, method and a copy of a body that would do."""
        path = self.random.choice(list(BODIES))
        method, body = BODIES[path]
        if path == "/threads" and self.random.random() < 0.5:
            body = {**body, "thread_id": f"fuzz-{self.random.randrange(50)}"}
        return self._fill(path), method, json.loads(json.dumps(body).replace("{thread}", self.known.thread))

    def _fill(self, path: str) -> str:
        if "{query}" in path:
            pairs = [f"{self.random.choice(FILTERS)}={self._piece()}" for _ in range(self.random.randint(1, 3))]
            path = path.replace("{query}", "&".join(pairs))
        while "{piece}" in path:
            path = path.replace("{piece}", self._piece(), 1)
        return path.replace("{run}", self.known.run).replace("{thread}", self.known.thread)

    def _piece(self) -> str:
        if self.random.random() < 0.3:  # a cursor of another list, or of none
            kind = self.random.choice(("runs", "threads", "messages", "events", "keys", "x"))
            place = self.random.choice(("1", "x", "\x00", "9" * 30, "", "-1"))
            return urlsafe_b64encode(f"{kind}:{place}".encode()).decode().rstrip("=")
        if self.random.random() < 0.2:
            return "".join(f"%{byte:02x}" for byte in self.random.randbytes(self.random.randint(1, 9)))
        return self.random.choice(PIECES)

    def _value(self, depth: int) -> Any:
        """Any JSON."""
        choice = self.random.randrange(8 if depth else 6)
        if choice == 6:
            return [self._value(depth - 1) for _ in range(self.random.randrange(4))]
        if choice == 7:
            return {self.random.choice(FILTERS): self._value(depth - 1) for _ in range(self.random.randrange(4))}
        text = self.random.choice(
            ("", "hi", "..", "\u202e", "x" * 300, "{{ 7 * 7 }}", "${HOME}", "'; drop table runs;--")
        )
        return (None, True, self.random.randint(-(2**53), 2**53), self.random.uniform(-1e9, 1e9), text, "support")[
            choice
        ]

    def _within(self, kind: str, token: bytes) -> Shot:
        """The token somewhere in a body, or as all of it."""
        path, method, body = self._sample()
        if self.random.random() < 0.1:
            return self._post(kind, path, method, token)
        body[self.random.choice(list(body))] = "@@"
        return self._post(kind, path, method, json.dumps(body).encode().replace(b'"@@"', token, 1))

    def _post(self, kind: str, path: str, method: str, body: bytes, headers: Headers | None = None) -> Shot:
        given = {"content-type": b"application/json", "content-length": b"%d" % len(body), **(headers or {})}
        return Shot(kind, self._head(method, path, given) + body, method)

    def _head(self, method: str, target: str, headers: Headers) -> bytes:
        credential = f"Bearer {self.known.credential}".encode()
        lines = [f"{method} {target} HTTP/1.1".encode("utf-8", "replace")]
        for name, value in {"host": b"localhost", "authorization": credential, **headers}.items():
            lines.append(name.encode("latin-1") + b": " + value)
        return b"\r\n".join(lines) + b"\r\n\r\n"
