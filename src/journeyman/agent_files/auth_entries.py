"""The `auth` of an entry of `openapi`: one mapping or several, each a credential that comes from the environment."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import Protocol

from journeyman.agent_files.document import YamlPath
from journeyman.agent_files.file_model import AuthEntry, BasicEntry
from journeyman.agent_files.variables import Expansion
from journeyman.tools.openapi.credential import Credential

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_RESERVED = frozenset({"host", "content-length", "content-type", "transfer-encoding", "connection", "idempotency-key"})
_FORMS = (
    'write {header: X-Key, value: "${KEY}"}, {query: key, value: "${KEY}"}, {bearer: "${TOKEN}"} '
    'or {basic: {user: name, password: "${PASSWORD}"}}'
)


class Report(Protocol):
    """What takes the problems of an agent file."""

    def __call__(self, path: YamlPath, message: str, remedy: str) -> None: ...


class AuthEntries:
    """A reader of the credentials of one entry. It adds what is wrong with them to the problems of the file."""

    def __init__(self, expansion: Expansion, report: Report) -> None:
        self._expansion = expansion
        self._report = report

    def read(self, auth: AuthEntry | Sequence[AuthEntry] | None, path: YamlPath) -> tuple[Credential, ...]:
        """Return the credentials of the entry at `path`."""
        if auth is None:
            return ()
        entries = [(path, auth)] if isinstance(auth, AuthEntry) else [((*path, n), each) for n, each in enumerate(auth)]
        found: dict[tuple[str, str], Credential] = {}
        for at, entry in entries:
            credential = self._credential(entry, at)
            if credential is None:
                continue
            key = (credential.place, credential.name.lower() if credential.place == "header" else credential.name)
            if key in found:
                message = f"two credentials are the {credential.place} {credential.name!r}"
                self._report(at, message, "remove one of the two")
            found[key] = credential
        return tuple(found.values())

    def _credential(self, auth: AuthEntry, path: YamlPath) -> Credential | None:
        self._reject_literals(auth, path)
        given = {name for name in type(auth).model_fields if getattr(auth, name) is not None}
        if given == {"bearer"}:
            return self._header("Authorization", f"Bearer {auth.bearer}", path)
        if given == {"basic"} and auth.basic is not None:
            return self._basic(auth.basic, (*path, "basic"))
        if given == {"header", "value"}:
            return self._header(str(auth.header), str(auth.value), path)
        if given == {"query", "value"}:
            return Credential(place="query", name=str(auth.query), value=str(auth.value))
        self._report(path, "`auth` is not complete", _FORMS)
        return None

    def _reject_literals(self, auth: AuthEntry, path: YamlPath) -> None:
        """Check that what is secret comes from the environment. Of Basic that is the password, or the user alone."""
        secret: list[tuple[str, ...]] = [(key,) for key in ("value", "bearer") if getattr(auth, key) is not None]
        if auth.basic is not None:
            secret.append(("basic", "password" if auth.basic.password else "user"))
        for keys in secret:
            if (*path, *keys) not in self._expansion.written:
                remedy = "put it into the environment and write ${NAME} here"
                self._report((*path, *keys), f"`{keys[-1]}` holds a literal credential", remedy)

    def _basic(self, basic: BasicEntry, path: YamlPath) -> Credential:
        if ":" in basic.user:
            self._report((*path, "user"), "a user has no colon", "correct the variable")
        pair = f"{basic.user}:{basic.password}"
        if not pair.isprintable():
            self._report(path, "the credential has characters that a header cannot carry", "correct the variable")
        return Credential(name="Authorization", value=f"Basic {base64.b64encode(pair.encode()).decode()}")

    def _header(self, name: str, value: str, path: YamlPath) -> Credential:
        if not _HEADER.fullmatch(name) or name.lower() in _RESERVED:
            self._report((*path, "header"), "this header cannot be set", "name the one that the API asks for")
        if not (value.isascii() and value.isprintable()):
            self._report(path, "the credential has characters that a header cannot carry", "correct the variable")
        return Credential(name=name, value=value)
