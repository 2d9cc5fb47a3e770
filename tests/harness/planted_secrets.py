"""Planted secrets, and the search for them in whatever came out. Knows nothing of how the server masks."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

# One for each place where a secret can stand. Some hold characters that JSON, addresses and base64 write otherwise.
SETTINGS = {
    "LITELLM_GATEWAY_API_KEY": "sk-cnry-gateway/Zq7+x9=a",
    "API_KEY": "cnry-seed-key-0123456789-abcdefghijkl",
    "JWT_SECRET_KEY": "cnry-jwt-secret/0123456789+abcdefghijkl",
    "REDIS_URL": "redis://:cnry-redis-p%40ss@127.0.0.1:1/0",
    "JOURNEYMAN_API_KEY": "cnry-client-key-0123456789",
    "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20cnry-collector-0123456789",
}
NAMED = {  # by `${NAME}` in agent files
    "MCP_TOKEN": 'cnry-mcp-header-"quo\'ted"-9',
    "MCP_ENV": "cnry-mcp-env-/slash/+plus",
    "CRM_TOKEN": "cnry-crm-bearer-0123456789",
    "SMS_USER": "cnry-sms-user-0123456789",
    "SMS_PASSWORD": "cnry-sms-password/+0123456789",
    "SMS_QUERY": "cnry-sms-query-&=/0123456789",
    "PROMPT_KEY": "cnry-prompt-key-äöü-0123",
    "DESCRIPTION_KEY": "cnry-description-0123456789",
    "EXTRA_KEY": "cnry-extra-0123456789",
    "NODE_KEY": "cnry-node-prompt-0123456789",
    "QUESTION_KEY": "cnry-question-0123456789",
    "CONDITION_KEY": "cnry-condition-0123456789",
}
GRANTED = {  # to a tool that runs in a process
    "SHOP_KEY": "cnry-shop-granted-0123456789",
    "SHOP_DATABASE": "postgresql://shop:cnry-shop-p%40ssword@db.example/shop",
}
PARTS = {  # of those above, that may come out alone
    "REDIS_URL's password": "cnry-redis-p@ss",
    "SHOP_DATABASE's password": "cnry-shop-p@ssword",
    "the collector's token": "cnry-collector-0123456789",
}
ENVIRONMENT = SETTINGS | NAMED | GRANTED
ADDRESS_PASSWORD = "cnry-in-an-address-0123"  # in an address that a caller gives: known by its shape only

Found = list[tuple[str, str]]  # where, which


def known() -> dict[str, str]:
    """Every value that the process knows to be secret."""
    whole = {name: value for name, value in ENVIRONMENT.items() if name != "OTEL_EXPORTER_OTLP_HEADERS"}
    return whole | PARTS


def writings(value: str) -> set[str]:
    """As it is, in JSON, in an address, and the middle of any base64 of it."""
    forms = {value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], quote(value, safe="")}
    data = value.encode()
    for before in range(3):
        cut = (3 - before) % 3
        whole = data[cut : cut + (len(data) - cut) // 3 * 3]  # the groups that are its own, wherever it begins
        forms |= {base64.b64encode(whole).decode(), base64.urlsafe_b64encode(whole).decode()}
    return forms


class Sightings:
    """Keeps what came out, by where, and tells in which of it a secret stands."""

    def __init__(self) -> None:
        self.seen: dict[str, bytes] = {}

    def see(self, where: str, what: str | bytes) -> None:
        data = what.encode("utf-8", "surrogatepass") if isinstance(what, str) else what
        self.seen[where] = self.seen.get(where, b"") + b"\n" + data

    def see_files(self, folder: Path, pattern: str) -> list[str]:
        """All files of that pattern, by name."""
        files = sorted(file for file in folder.rglob(pattern) if file.is_file())
        for file in files:
            self.see(f"file {file.name}", file.read_bytes())
        return [file.name for file in files]

    def leaks(self, secrets: Mapping[str, str], only: str = "") -> Found:
        """Where each secret stands, in any writing; `only`: places that begin so."""
        forms = {name: [form.encode() for form in writings(value)] for name, value in secrets.items()}
        return [
            (where, name)
            for where, data in self.seen.items()
            if where.startswith(only)
            for name, written in forms.items()
            if any(form in data for form in written)
        ]
