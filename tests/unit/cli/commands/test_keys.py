"""`journeyman keys` over a journal file: made, listed, rotated and revoked."""

from __future__ import annotations

import json
import os
import sqlite3
from typing import Any

from tests.harness.cli_runner import Shell


def listed(shell: Shell) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = json.loads(shell("keys", "list", "--json")[1])["items"]
    return items


def test_a_key_is_shown_once(shell: Shell) -> None:
    code, out = shell("keys", "create", "shop", "--scopes", "run,read", "--json")
    made = json.loads(out)
    assert (code, made["key"].startswith(f"jm_{made['id']}_"), made["scopes"]) == (0, True, ["run", "read"])
    assert made["key"] not in shell("keys", "list")[1]
    assert [key["id"] for key in listed(shell)] == [made["id"]]


def test_a_key_is_rotated_and_revoked(shell: Shell) -> None:
    old = json.loads(shell("keys", "create", "shop", "--scopes", "run", "--json")[1])["id"]
    new = json.loads(shell("keys", "rotate", old, "--json")[1])["id"]
    assert shell("keys", "revoke", new)[0] == 0
    assert {key["id"]: key["usable"] for key in listed(shell)} == {old: False, new: False}


def test_a_key_is_named_by_the_beginning_of_its_id(shell: Shell) -> None:
    id = json.loads(shell("keys", "create", "shop", "--scopes", "run", "--json")[1])["id"]
    assert shell("keys", "revoke", "nope")[0] == 4
    assert shell("keys", "revoke", id[:5])[0] == 0
    assert json.loads(shell("keys", "--json")[1])["items"][0]["usable"] is False


def test_an_unknown_scope_makes_no_key(shell: Shell) -> None:
    assert shell("keys", "create", "shop", "--scopes", "fly")[0] != 0
    assert listed(shell) == []


def test_keys_of_an_earlier_release_are_confirmed_once(shell: Shell) -> None:
    made = json.loads(shell("keys", "create", "old", "--scopes", "read", "--json")[1])
    database = sqlite3.connect(os.environ["DATABASE_URL"].removeprefix("sqlite:///"))
    with database:
        database.execute("UPDATE api_keys SET data = CAST(json_remove(CAST(data AS TEXT), '$.confirmed') AS BLOB)")
    database.close()
    assert [row["id"] for row in json.loads(shell("keys", "confirm", "--json")[1])["items"]] == [made["id"]]
    assert "no keys to confirm" in shell("keys", "confirm")[1]
