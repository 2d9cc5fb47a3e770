"""`journeyman keys` and `journeyman token`: makes and manages the credentials of a server's callers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

import msgspec
import typer

from journeyman.api.schemas.keys import key_answer, made_key
from journeyman.auth.api_keys import ApiKeys, NewKey
from journeyman.auth.limits import KeyLimits, check_delegate, checked_limits
from journeyman.auth.principal import SCOPES, checked_scopes
from journeyman.auth.tokens import sign
from journeyman.cli.bare_group import list_when_bare
from journeyman.cli.client.connect import journal_file, running_server
from journeyman.cli.client.identifiers import only_id
from journeyman.cli.client.server_lists import server_items
from journeyman.cli.output import ALL, All, CommandOutput, Json, Limit, Url, Wide, limit_of
from journeyman.clock import SystemClock
from journeyman.errors import ConfigurationError, ValidationError
from journeyman.events.quota import Quota
from journeyman.ids import RandomSecretSource
from journeyman.journal.journal import ApiKeyRow, Journal
from journeyman.journal.sqlite.journal import SqliteJournal
from journeyman.server.authentication import token_policy
from journeyman.settings import Settings

T = TypeVar("T")
Item = dict[str, Any]
app = typer.Typer(help="Make, list, revoke and rotate API keys.", invoke_without_command=True)
UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
MAX_TOKEN_SECONDS = 86_400

Scopes = Annotated[str, typer.Option("--scopes", help=f"The scopes, separated by commas: {', '.join(SCOPES)}.")]
KeyId = Annotated[str, typer.Argument(metavar="ID", help="The key's id, or a beginning that no other key has.")]


@app.command("create")
def create_key(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name that says what the key is for.")],
    scopes: Scopes,
    ttl: Annotated[
        str | None, typer.Option(help="How long the key is valid, such as 90d. [until it is revoked]")
    ] = None,
    principal: Annotated[
        str | None, typer.Option(help="The principal that the key acts as. [one made for this key]")
    ] = None,
    rate: Annotated[str | None, typer.Option(help="How many requests it may send, such as 100/60s.")] = None,
    concurrent: Annotated[int | None, typer.Option(help="How many runs it may have at the same time.")] = None,
    tokens_per_day: Annotated[int | None, typer.Option(help="How many tokens its runs may use in a day.")] = None,
    usd_per_day: Annotated[float | None, typer.Option(help="How many dollars its runs may cost in a day.")] = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Make a key and print it. It cannot be shown again.

    If a server is running, the server makes the key, and you need a key with the scope `admin`.
    """
    granted = checked_scopes(_split(scopes))
    lifetime = None if ttl is None else _seconds(ttl)
    limits = checked_limits(KeyLimits(rate, Quota(tokens_per_day, usd_per_day, concurrent)))
    check_delegate(granted, limits)
    body: Item = {"name": name, "scopes": granted, "principal": principal, "expires_in_seconds": lifetime}
    body |= msgspec.to_builtins(limits)

    async def make(keys: ApiKeys) -> Item:
        return _new_key_item(await keys.create(name, granted, principal=principal, ttl_seconds=lifetime, limits=limits))

    _print_new_key(_change_keys(url, "/keys", {k: v for k, v in body.items() if v is not None}, make), json)


@app.command("list")
def list_keys(limit: Limit = 50, all: All = False, wide: Wide = False, url: Url = None, json: Json = False) -> None:
    """List the keys and their limits. The secret parts are not stored, so they are not shown."""
    settings = Settings.read()
    server = running_server(settings, url) if url else None
    items = server_items(server, "/keys", ALL) if server else _keys_in_file(settings)
    columns = ("id", "name", "principal", "scopes", "usable", "expires_at", "limits")
    rows = items if json else [{**item, "limits": _limits_text(item)} for item in items]
    empty = "There are no keys. `journeyman keys create NAME --scopes SCOPES` makes one."
    CommandOutput(json=json, wide=wide).items(rows, columns, empty, limit=limit_of(limit, all))


list_when_bare(app, list_keys, "List the keys, or change them with a command.")


@app.command("revoke")
def revoke(id: KeyId, url: Url = None, json: Json = False) -> None:
    """Revoke a key. It becomes invalid at once."""
    id = _find_key(url, id)

    async def revoke_key(keys: ApiKeys) -> Item:
        return _key_item(await keys.revoke(id))

    revoked = _change_keys(url, f"/keys/{quote(id, safe='')}/revoke", {}, revoke_key)
    CommandOutput(json=json).show(revoked, f"The key {id} ({revoked['name']}) is revoked.")


@app.command("confirm")
def confirm(json: Json = False) -> None:
    """Confirm the keys of earlier releases, so that starts no longer list them. Works while no server runs."""
    settings = Settings.read()

    async def confirm_keys(keys: ApiKeys) -> list[Item]:
        return [_key_item(row) for row in await keys.confirm()]

    items = asyncio.run(_with_keys(SqliteJournal(journal_file(settings)), confirm_keys))
    CommandOutput(json=json).items(items, ("id", "name", "principal", "scopes"), "There are no keys to confirm.")


@app.command("rotate")
def rotate(
    id: KeyId,
    grace: Annotated[str, typer.Option(help="How long the old key stays valid, such as 1h.")] = "0s",
    url: Url = None,
    json: Json = False,
) -> None:
    """Make a new key that replaces this one, and print it. It cannot be shown again."""
    seconds, id = _seconds(grace), _find_key(url, id)

    async def rotate_key(keys: ApiKeys) -> Item:
        return _new_key_item(await keys.rotate(id, seconds))

    path = f"/keys/{quote(id, safe='')}/rotate"
    _print_new_key(_change_keys(url, path, {"grace_seconds": seconds}, rotate_key), json)


def token(
    subject: Annotated[str, typer.Option("--sub", help="The subject: whom the token is for.")],
    scopes: Scopes,
    ttl: Annotated[str, typer.Option(help="How long the token is valid, at most a day.")] = "15m",
    json: Json = False,
) -> None:
    """Make a JSON Web Token, signed with JWT_SECRET_KEY."""
    settings = Settings.read()
    policy = token_policy(settings)
    if policy is None or settings.jwt_secret_key is None:
        raise ConfigurationError("A token cannot be signed. Set JWT_SECRET_KEY, JWT_AUDIENCE and JWT_ISSUER.")
    lifetime = _seconds(ttl)
    if not 1 <= lifetime <= MAX_TOKEN_SECONDS:
        raise ValidationError("--ttl must be between one second and one day. Use an API key for longer access.")
    secret = settings.jwt_secret_key.get_secret_value()
    signed = sign(policy, secret, subject, checked_scopes(_split(scopes)), SystemClock().now(), lifetime)
    CommandOutput(json=json).show({"token": signed, "expires_in_seconds": lifetime}, signed)


def _change_keys(url: str | None, path: str, body: Item, change: Callable[[ApiKeys], Awaitable[Item]]) -> Item:
    """Post the change to the running server, or without a server make it in the journal file. Returns its result."""
    settings = Settings.read()
    server = running_server(settings, url)
    if server is not None:
        with server as client:
            item: Item = client.call("POST", path, body)
            return item
    if settings.database_path is None:
        raise ConfigurationError(
            "The journal memory:// does not keep keys. Set API_KEY, or DATABASE_URL=sqlite:///FILE."
        )
    return asyncio.run(_with_keys(SqliteJournal(settings.database_path), change))


def _find_key(url: str | None, text: str) -> str:
    """Return the id of the key that `text` is or begins. Raises NotFoundError, ValidationError."""
    settings = Settings.read()
    server = running_server(settings, url)
    items = server_items(server, "/keys", ALL) if server else _keys_in_file(settings)
    return only_id("key", text, [item["id"] for item in items])


async def _with_keys(journal: Journal, work: Callable[[ApiKeys], Awaitable[T]]) -> T:
    await journal.open()
    try:
        return await work(ApiKeys(journal, SystemClock(), RandomSecretSource()))
    finally:
        await journal.close()


def _keys_in_file(settings: Settings) -> list[Item]:
    async def read(keys: ApiKeys) -> list[Item]:
        return [_key_item(row) for row in await keys.list()]

    return asyncio.run(_with_keys(SqliteJournal(journal_file(settings), read_only=True), read))


def _key_item(row: ApiKeyRow) -> Item:
    item: Item = msgspec.to_builtins(key_answer(row, SystemClock().now()))
    return item


def _new_key_item(new: NewKey) -> Item:
    item: Item = msgspec.to_builtins(made_key(new.row, new.secret, SystemClock().now()))
    return item


def _limits_text(item: Item) -> str:
    """Return a key's limits in a few words, or "" if it has none."""
    quota = item.get("quota", {})
    templates = {"concurrent_runs": "{} at once", "tokens_per_day": "{} tokens a day", "usd_per_day": "${:.10g} a day"}
    texts = (template.format(quota[name]) for name, template in templates.items() if quota.get(name) is not None)
    return ", ".join(filter(None, (item.get("rate"), *texts)))


def _print_new_key(item: Item, json: bool) -> None:
    facts = f"id {item['id']}, scopes {','.join(item['scopes'])}"
    CommandOutput(json=json).show(item, f"{item['key']}\n\n{facts}. Keep the key safe: it cannot be shown again.")


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _seconds(text: str) -> int:
    match = re.fullmatch(r"(\d{1,9})([smhd])", text)
    if match is None:
        raise ValidationError(f"{text!r} is not a duration. Write a number followed by s, m, h or d, such as 15m.")
    return int(match[1]) * UNIT_SECONDS[match[2]]
