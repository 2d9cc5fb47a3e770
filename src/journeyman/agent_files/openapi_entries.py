"""The `openapi:` entries of an agent file: documents beside it, whose chosen operations become tools."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from journeyman.agent_files.auth_entries import AuthEntries
from journeyman.agent_files.document import Document, YamlPath
from journeyman.agent_files.file_model import OpenApiEntry
from journeyman.agent_files.foreign_document import MAX_FOREIGN_BYTES, read_foreign
from journeyman.agent_files.safety import file_inside, file_permissions
from journeyman.agent_files.variables import Expansion
from journeyman.errors import Problem, ToolValidationError
from journeyman.tools.openapi.address import base_url
from journeyman.tools.openapi.api import Api
from journeyman.tools.openapi.credential import Credential
from journeyman.tools.openapi.invoker import OpenApiTool
from journeyman.tools.openapi.references import DocumentFault, DocumentPath, UnusableError
from journeyman.tools.openapi.tool import openapi_tool
from journeyman.tools.schema.arguments import SchemaCheck

MAX_UNRESOLVED = 3  # paths of a document that are reported if an operation is not found
MAX_COMPARED = 5_000  # names of operations, to find one that may be meant
BEGINNING = "begin with `openapi: 3.1.0`"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


class OpenApiEntries:
    """A reader of `openapi:` entries. Its results are `tools` by name, and `problems` of all files."""

    def __init__(self, expansion: Expansion, folder: Path | None) -> None:
        self.tools: dict[str, OpenApiTool] = {}
        self.problems: list[Problem] = []
        self._expansion = expansion
        self._document = expansion.document
        self._folder = folder or Path()
        self._unusable: set[str] = set()  # entries with problems

    def read(self, entries: Mapping[str, OpenApiEntry]) -> None:
        """Read all entries, by their names."""
        given = self._document.data.get("openapi") if isinstance(self._document.data, dict) else None
        self._unusable = set(given) - set(entries) if isinstance(given, dict) else set()
        for name, entry in entries.items():
            before = len(self.problems)
            self._entry(name, entry)
            if any(problem.severity == "error" for problem in self.problems[before:]):
                self._unusable.add(name)

    def is_unusable(self, tool: str) -> bool:
        """Return whether the tool belongs, by its name, to an entry that has problems."""
        return tool not in self.tools and any(tool.startswith(f"{name}__") for name in self._unusable)

    def _entry(self, name: str, entry: OpenApiEntry) -> None:
        path: YamlPath = ("openapi", name)
        if not NAME.fullmatch(name):
            remedy = "use at most 32 of a-z, 0-9, _ and -"
            self.report(path, "the name has characters that are not allowed", remedy, key=True)
        credentials = AuthEntries(self._expansion, self.report).read(entry.auth, (*path, "auth"))
        server = self._server(entry.server, (*path, "server"))
        document = self._read(entry.document, (*path, "document"))
        if document is None:
            return
        try:
            api = Api(document.data)
        except UnusableError as exc:
            self.problems.append(_problem(document, exc.fault))
            return
        _Operations(self, name, entry, document, api).read(server, credentials)

    def _server(self, server: str | None, path: YamlPath) -> str | None:
        if server is None:
            return None
        try:
            return base_url(server)
        except ValueError as exc:
            self.report(path, str(exc), "write https://host/path")
            return None

    def _read(self, name: str, path: YamlPath) -> Document | None:
        try:
            file = file_inside(self._folder, name)
            self.problems += file_permissions(file)
            with file.open("rb") as stream:
                content = stream.read(MAX_FOREIGN_BYTES + 1)
        except (ValueError, OSError) as exc:
            reason = str(exc) if isinstance(exc, ValueError) else exc.strerror
            self.report(path, f"the document cannot be read: {reason}", "name a file beside the agent file")
            return None
        document, problems = read_foreign(content, str(self._folder / name), BEGINNING)
        self.problems += problems
        return document

    def report(self, path: YamlPath, message: str, remedy: str, *, key: bool = False) -> None:
        """Add a problem at `path` of the agent file."""
        self.problems.append(self._document.problem(path, f"`{_shown(path)}`: {message}", remedy, key=key))


class _Operations:
    """The chosen operations of one document."""

    def __init__(self, entries: OpenApiEntries, name: str, entry: OpenApiEntry, document: Document, api: Api) -> None:
        self._entries = entries
        self._name = name
        self._entry = entry
        self._document = document
        self._api = api

    def read(self, server: str | None, credentials: tuple[Credential, ...]) -> None:
        """Add the tools of the chosen operations to those of the entries."""
        listed: set[tuple[str, str]] = set()
        for index, name in enumerate(self._entry.operations):
            path: YamlPath = ("openapi", self._name, "operations", index)
            found = self._api.operation(name)
            if found is None:
                self._unknown(path, name)
            elif found[:2] in listed:
                self._entries.report(path, "the operation is listed twice", "remove one of the two")
            elif tool := self._tool(name, found.location, server, credentials):
                self._add(path, tool, found.location)
            listed |= {found[:2]} if found else set()

    def _tool(
        self, name: str, at: DocumentPath, server: str | None, credentials: tuple[Credential, ...]
    ) -> OpenApiTool | None:
        in_query = frozenset(each.name for each in credentials if each.place == "query")
        reading, faults = self._api.read(name, in_query)
        base = server
        if self._entry.server is None:
            try:
                base = self._api.server(name)
            except UnusableError as exc:
                faults = [*faults, exc.fault]
        self._report(faults)
        if reading is None or base is None or faults:
            return None
        location = self._document.location(at, key=True)
        source = f"{self._entry.document}:{location.line}" if location else self._entry.document
        return openapi_tool(self._name, reading, base, credentials, source)

    def _report(self, faults: Iterable[DocumentFault]) -> None:
        for fault in faults:
            problem = _problem(self._document, fault)
            if problem not in self._entries.problems:  # operations can share a fault
                self._entries.problems.append(problem)

    def _add(self, path: YamlPath, tool: OpenApiTool, at: DocumentPath) -> None:
        try:
            SchemaCheck(tool.spec.parameters).refuse_if_costly()
        except ToolValidationError as exc:
            self._report([DocumentFault(at, exc.message, "correct the document")])
            return
        if tool.spec.name in self._entries.tools:
            message = f"two operations would be the tool {tool.spec.name}"
            self._entries.report(path, message, "choose one of them")
            return
        self._entries.tools[tool.spec.name] = tool

    def _unknown(self, path: YamlPath, name: str) -> None:
        known = self._api.names
        close = difflib.get_close_matches(name[:200], known[:MAX_COMPARED], n=3, cutoff=0.6)
        listed = ", ".join(known[:20])[:500] or "none"
        remedy = f"did you mean {', '.join(close)}?" if close else f"its operations: {listed}"
        self._entries.report(path, f"the document has no operation {name[:100]!r}", remedy)
        self._report(self._api.unresolved_paths(name)[:MAX_UNRESOLVED])


def _problem(document: Document, fault: DocumentFault) -> Problem:
    return document.problem(fault.path, fault.message, fault.remedy)


def _shown(path: YamlPath) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part[:60]}" for part in path).lstrip(".")
