"""Sentences that grow old: what is said of this release, or is not there yet, is on a list and is looked at again.

A sentence such as "this release has no authentication" was true when it was written. Who builds what it says is
missing finds it here: an entry of the list that no text has any more fails as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.harness.source_tree import ROOT, SOURCE

_OLD = r"this release|not yet|for now|currently|coming soon|planned|to be added|has no authentication|(?-i:TODO|FIXME)"
IN_CODE = re.compile(rf"\b({_OLD})\b", re.IGNORECASE)
IN_PAGES = re.compile(
    rf"\b({_OLD}|(?:later|future|next) (?:release|version)|yet to come|will be (?:added|supported)"
    r"|(?:is|are) not (?:supported|implemented))\b",
    re.IGNORECASE,
)
# What was said of a day stays as it was said: the changelog and the dated decisions.
DATED = {"CHANGELOG.md", "docs/why.md"}
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.*"), *ROOT.glob("examples/**/*.*")]
TEMPLATES = [file for file in (SOURCE / "cli/first_project").rglob("*") if file.suffix != ".pyc"]
# Page or file -> words of the sentence -> why it may stay.
SCHEMA = "compares the journal's schema with that of whatever release runs"
ALLOWED: dict[str, dict[str, str]] = {
    "docs/deploy.md": {"More than one machine comes with a later release": "true until there is a shared journal"},
    "docs/ARCHITECTURE.md": {"A definition of a later release": "a rule for downgrades"},
    "docs/reference/runs.md": {"the stored definition is of a later release": "a rule for downgrades"},
    "docs/reference/journal.md": {"Other schemes are refused in this release": "true until there is PostgreSQL"},
    "docs/reference/settings.md": {
        "PostgreSQL comes with a later release": "true until there is PostgreSQL",
        "(models.md#costs) of this release": "the table of prices in the package",
    },
    "docs/reference/mcp.md": {"The HTTP+SSE transport of 2024 is not supported": "a decision"},
    "docs/reference/cli.md": {
        "Updates the journal's schema to this release": SCHEMA,
        "`requirements.txt` | this release of Journeyman": "what `init` writes",
        "is not from a later release": SCHEMA,
        "`wheels/` | this release as a wheel": "what `init` writes",
    },
    "docs/reference/security.md": {"may still fork in this release": "true until the scope `fork` is required"},
    "src/journeyman/cli/own_wheel.py": {"has this release": "the release that is installed"},
    "src/journeyman/cli/client/queries.py": {"of a server before this release": "older servers"},
    "docs/reference/events.md": {"Every later release can read": "a promise"},
    "docs/reference/errors.md": {
        "or refuses for now": "of a service, not of Journeyman",
        "a later release of Journeyman wrote the run": "a rule for downgrades",
    },
    "docs/how-to/survive-a-crash.md": {"`pay`, not yet started": "a state of a step"},
    "src/journeyman/agents/spec.py": {"cannot be read by this release": "a rule for downgrades"},
    "src/journeyman/cli/commands/db.py": {"schema to this release": SCHEMA},
    "src/journeyman/events/codec.py": {"newer than this release": SCHEMA},
    "src/journeyman/journal/journal.py": {"whose events this release must not append": "a rule for downgrades"},
    "src/journeyman/journal/sqlite/connection.py": {
        "is this release's": SCHEMA,
        "of the file and of this release": SCHEMA,
        "but this release knows schemas": SCHEMA,
    },
    "src/journeyman/journal/sqlite/restore.py": {"of this release or an earlier one": SCHEMA},
    "src/journeyman/runtime/lacking_runs.py": {"definition this release cannot read": "a rule for downgrades"},
    "src/journeyman/settings.py": {"not supported in this release": "true until there is PostgreSQL"},
    "src/journeyman/tools/mcp/http.py": {"takes no requests for now": "of a service, not of Journeyman"},
}


def sentences(text: str, phrases: re.Pattern[str] = IN_PAGES) -> Iterator[str]:
    """Yield each of the phrases in a text, with the words around it on one line."""
    flat = " ".join(text.split())
    for found in phrases.finditer(flat):
        yield flat[max(0, found.start() - 60) : found.end() + 60]


def texts() -> Iterator[tuple[str, str]]:
    """Yield every text that a user reads: pages, what `init` writes, and the code with its sentences."""
    for file in (*PAGES, *TEMPLATES):
        name = str(file.relative_to(ROOT))
        if file.is_file() and name not in DATED and "__pycache__" not in name:
            yield name, file.read_text("utf-8", "replace")
    for file in SOURCE.rglob("*.py"):
        yield str(file.relative_to(ROOT)), file.read_text("utf-8")


def test_sentences_that_grow_old_are_on_the_list() -> None:
    found = [
        (name, said)
        for name, text in texts()
        for said in sentences(text, IN_CODE if name.endswith(".py") else IN_PAGES)
    ]
    unlisted = [(name, said) for name, said in found if not any(each in said for each in ALLOWED.get(name, {}))]
    assert unlisted == []
    listed = {(name, each) for name, entries in ALLOWED.items() for each in entries}
    assert {(name, each) for name, each in listed if not any(name == n and each in said for n, said in found)} == set()


def test_the_phrases_are_found() -> None:
    for text in (
        "This release\nhas no authentication.",
        "PostgreSQL comes with a later release",
        "Other schemes are not supported.",
        "It is not yet there",
    ):
        assert list(sentences(text))
    assert not list(sentences("a release of yours, now and then"))


def test_every_page_is_looked_at() -> None:
    names = {name for name, _ in texts()}
    assert {"README.md", "docs/how-to/embed-in-an-app.md", "src/journeyman/settings.py"} <= names
    assert Path(ROOT / "docs/why.md").exists()
