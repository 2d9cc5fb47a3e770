"""`journeyman keys` and `journeyman token`: who may call a server."""

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
from journeyman.auth.limits import KeyLimits, checked_limits
from journeyman.auth.principal import SCOPES, checked_scopes
from journeyman.auth.tokens import sign
from journeyman.cli.client.connect import journal_file, running_server
from journeyman.cli.client.http_client import HttpApiClient
from journeyman.cli.output import CommandOutput, Json, Url
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
app = typer.Typer(help="API keys: make, list, revoke and rotate them.", no_args_is_help=True)
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
TOKEN_SECONDS = 86_400  # at most, of a token made here

Scopes = Annotated[str, typer.Option("--scopes", help=f"A comma list of {', '.join(SCOPES)}.")]
KeyId = Annotated[str, typer.Argument(metavar="ID", help="As `keys list` shows it.")]


@app.command("create")
def create_key(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for.")],
    scopes: Scopes,
    ttl: Annotated[str | None, typer.Option(help="How long it lives, such as 90d; default: until revoked.")] = None,
    principal: Annotated[str | None, typer.Option(help="Whose threads and runs it sees; default: its own.")] = None,
    rate: Annotated[str | None, typer.Option(help="How often it may ask, such as 100/60s.")] = None,
    concurrent: Annotated[int | None, typer.Option(help="Its runs at one time.")] = None,
    tokens_per_day: Annotated[int | None, typer.Option(help="What its runs may use in a day.")] = None,
    usd_per_day: Annotated[float | None, typer.Option(help="What its runs may cost in a day.")] = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Make a key and print it, once. Beside a running server its owner is asked, with an admin key."""
    wanted = checked_scopes(_list(scopes))
    life = None if ttl is None else _seconds(ttl)
    limits = checked_limits(KeyLimits(rate, Quota(tokens_per_day, usd_per_day, concurrent)))
    body: Item = {"name": name, "scopes": wanted, "principal": principal, "expires_in_seconds": life}
    body |= msgspec.to_builtins(limits)

    async def make(keys: ApiKeys) -> Item:
        return _made(await keys.create(name, wanted, principal=principal, ttl_seconds=life, limits=limits))

    _show_made(_changed(url, "/keys", {k: v for k, v in body.items() if v is not None}, make), json)


@app.command("list")
def list_keys(url: Url = None, json: Json = False) -> None:
    """List the keys, without the keys."""
    settings = Settings.read()
    remote = running_server(settings, url) if url else None
    items = _pages(remote) if remote else _stored(settings)
    columns = ("id", "name", "principal", "scopes", "usable", "expires_at", "limits")
    rows = items if json else [{**item, "limits": _limits(item)} for item in items]
    CommandOutput(json=json).items(
        rows, columns, "There is no key: `journeyman keys create NAME --scopes …` makes one."
    )


@app.command("revoke")
def revoke(id: KeyId, url: Url = None, json: Json = False) -> None:
    """End a key at once."""

    async def end(keys: ApiKeys) -> Item:
        return _shown(await keys.revoke(id))

    done = _changed(url, f"/keys/{quote(id, safe='')}/revoke", {}, end)
    CommandOutput(json=json).show(done, f"{id} ({done['name']}) opens nothing any more")


@app.command("rotate")
def rotate(
    id: KeyId,
    grace: Annotated[str, typer.Option(help="How long the old key goes on, such as 1h.")] = "0s",
    url: Url = None,
    json: Json = False,
) -> None:
    """Make a new key in the place of this one and print it, once."""
    seconds = _seconds(grace)

    async def turn(keys: ApiKeys) -> Item:
        return _made(await keys.rotate(id, seconds))

    _show_made(_changed(url, f"/keys/{quote(id, safe='')}/rotate", {"grace_seconds": seconds}, turn), json)


def token(
    subject: Annotated[str, typer.Option("--sub", help="Who it is for.")],
    scopes: Scopes,
    ttl: Annotated[str, typer.Option(help="How long it holds, at most a day.")] = "15m",
    json: Json = False,
) -> None:
    """Make a token, signed with JWT_SECRET_KEY."""
    settings = Settings.read()
    policy = token_policy(settings)
    if policy is None or settings.jwt_secret_key is None:
        raise ConfigurationError("Tokens are signed with JWT_SECRET_KEY: set it, JWT_AUDIENCE and JWT_ISSUER")
    life = _seconds(ttl)
    if not 1 <= life <= TOKEN_SECONDS:
        raise ValidationError("A token made here holds for a second to a day: use a key for longer")
    secret = settings.jwt_secret_key.get_secret_value()
    made = sign(policy, secret, subject, checked_scopes(_list(scopes)), SystemClock().now(), life)
    CommandOutput(json=json).show({"token": made, "expires_in_seconds": life}, made)


def _changed(url: str | None, path: str, body: Item, change: Callable[[ApiKeys], Awaitable[Item]]) -> Item:
    """The change, done by the server that owns the journal, else here."""
    settings = Settings.read()
    remote = running_server(settings, url)
    if remote is not None:
        with remote as door:
            answer: Item = door.call("POST", path, body)
            return answer
    if settings.database_path is None:
        raise ConfigurationError("memory:// keeps no keys: set API_KEY, or DATABASE_URL=sqlite:///FILE")
    return asyncio.run(_with_keys(SqliteJournal(settings.database_path), change))


async def _with_keys(journal: Journal, work: Callable[[ApiKeys], Awaitable[T]]) -> T:
    await journal.open()
    try:
        return await work(ApiKeys(journal, SystemClock(), RandomSecretSource()))
    finally:
        await journal.close()


def _stored(settings: Settings) -> list[Item]:
    async def read(keys: ApiKeys) -> list[Item]:
        return [_shown(row) for row in await keys.list()]

    return asyncio.run(_with_keys(SqliteJournal(journal_file(settings), read_only=True), read))


def _pages(remote: HttpApiClient) -> list[Item]:
    found: list[Item] = []
    cursor = ""
    while True:
        page = remote.call("GET", f"/keys?limit=200{cursor}")
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={quote(page['next_cursor'], safe='')}"


def _shown(row: ApiKeyRow) -> Item:
    shown: Item = msgspec.to_builtins(key_answer(row, SystemClock().now()))
    return shown


def _made(new: NewKey) -> Item:
    made: Item = msgspec.to_builtins(made_key(new.row, new.secret, SystemClock().now()))
    return made


def _limits(item: Item) -> str:
    """What stands on a key, in few words; nothing: as much as its principal."""
    quota = item.get("quota", {})
    words = {"concurrent_runs": "{} at once", "tokens_per_day": "{} tokens a day", "usd_per_day": "${:.10g} a day"}
    given = (text.format(quota[name]) for name, text in words.items() if quota.get(name) is not None)
    return ", ".join(filter(None, (item.get("rate"), *given)))


def _show_made(made: Item, json: bool) -> None:
    scopes = ",".join(made["scopes"])
    CommandOutput(json=json).show(
        made, f"{made['key']}\n\nid {made['id']}, scopes {scopes}: shown this once, keep it safe."
    )


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _seconds(text: str) -> int:
    match = re.fullmatch(r"(\d{1,9})([smhd])", text)
    if match is None:
        raise ValidationError(f"{text!r} is no length of time: write a number and s, m, h or d, such as 15m")
    return int(match[1]) * SECONDS[match[2]]
