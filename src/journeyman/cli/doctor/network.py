"""What `journeyman doctor` looks at of addresses, keys and whatever the server talks to."""

from __future__ import annotations

import asyncio
import errno
import json
import socket
import ssl
import time
from email.utils import parsedate_to_datetime
from importlib.util import find_spec
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from journeyman.cli.client.connect import owner_url
from journeyman.cli.doctor.finding import CheckResult
from journeyman.settings import Settings, is_loopback

NETWORK_SECONDS = 5.0
SKEW_SECONDS = 30.0
LEAST_DAYS = 14.0  # that a certificate should hold yet


def address(settings: Settings) -> CheckResult:
    """Can the server listen where it should?"""
    where = f"{settings.host}:{settings.port}"
    if settings.port == 0 or owner_url(settings.database_path) is not None:
        return CheckResult(
            "address", "fine", f"{where}, or any free port" if settings.port == 0 else f"{where} is ours"
        )
    try:
        family, _, _, _, place = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(place)
    except OSError as exc:
        taken = (
            "another program listens there: set PORT"
            if exc.errno == errno.EADDRINUSE
            else f"{exc}: correct HOST or PORT"
        )
        return CheckResult("address", "broken", f"{where}: {taken}")
    return CheckResult("address", "fine", f"{where} is free")


def callers(settings: Settings) -> CheckResult:
    """Who could call: a server that asks for keys and knows none answers nobody."""
    if settings.auth_mode == "off":
        return CheckResult("callers", "fine", f"whoever reaches {settings.host} is `local` (AUTH_MODE=off)")
    ways = ["tokens"] if settings.jwt_configured else []
    ways += ["the seed key"] if settings.seed_key else []
    ways += [f"{count} keys"] if (count := usable_keys(settings)) else []
    if not ways:
        text = "nobody: make a key with `journeyman keys create admin --scopes admin`, or set API_KEY_FILE"
        return CheckResult("callers", "warning", text)
    return CheckResult("callers", "fine", ", ".join(ways))


def usable_keys(settings: Settings) -> int:
    """In the journal's file."""
    from journeyman.auth.api_keys import usable
    from journeyman.clock import SystemClock
    from journeyman.journal.sqlite.journal import SqliteJournal

    path = settings.database_path
    if path is None or not path.exists():
        return 0

    async def count() -> int:
        journal = SqliteJournal(path, read_only=True)
        await journal.open()
        try:
            return sum(usable(row, SystemClock().now()) for row in await journal.api_keys())
        finally:
            await journal.close()

    return asyncio.run(count())


def tls(settings: Settings, now: float | None = None) -> CheckResult:
    """Do certificate and key belong together, and for how long does the certificate hold?"""
    if not settings.tls or settings.ssl_cert_path is None:
        if is_loopback(settings.host):
            return CheckResult("tls", "fine", "not needed on loopback")
        return CheckResult("tls", "warning", "none: keys travel in the clear unless a proxy before the server ends TLS")
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            settings.ssl_cert_path, settings.ssl_key_path
        )
    except (ssl.SSLError, OSError) as exc:
        return CheckResult("tls", "broken", f"SSL_CERT_PATH and SSL_KEY_PATH cannot be used together: {exc}")
    from cryptography import x509  # 0.1 s, for whoever speaks TLS

    certificate = x509.load_pem_x509_certificate(settings.ssl_cert_path.read_bytes())
    days = (certificate.not_valid_after_utc.timestamp() - (time.time() if now is None else now)) / 86_400
    if days < 0:
        return CheckResult("tls", "broken", f"the certificate ended {-days:.0f} days ago: renew it")
    return CheckResult("tls", "fine" if days >= LEAST_DAYS else "warning", f"the certificate holds for {days:.0f} days")


def client_of_redis(settings: Settings) -> CheckResult:
    if settings.redis_url is None:
        return CheckResult("redis", "fine", "REDIS_URL is unset: limits are counted in the process")
    if find_spec("redis") is None:
        return CheckResult("redis", "broken", "REDIS_URL needs the Redis client: pip install 'journeyman[redis]'")
    return CheckResult("redis", "fine", "its client is installed (--network asks it)")


# --- asked only with --network


def redis(settings: Settings) -> CheckResult:
    """One PING. Away, it stops nothing: limits are then those of each process."""
    found = client_of_redis(settings)
    if settings.redis_url is None or found.state != "fine":
        return found
    from redis import Redis, RedisError  # optional

    try:
        with Redis.from_url(settings.redis_url.get_secret_value(), socket_timeout=NETWORK_SECONDS) as client:
            begun = time.perf_counter()
            client.ping()
            return CheckResult("redis", "fine", f"answers in {(time.perf_counter() - begun) * 1000:.1f} ms")
    except (RedisError, OSError, ValueError) as exc:
        return CheckResult(
            "redis", "warning", f"does not answer ({type(exc).__name__}): limits are those of each process"
        )


def gateway(settings: Settings) -> CheckResult:
    """One request for the gateway's models, with its key; its Date against our clock."""
    if settings.litellm_gateway_url is None:
        return CheckResult("gateway", "warning", "LITELLM_GATEWAY_URL is unset: the offline model answers")
    key = settings.litellm_gateway_api_key
    headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}
    url = f"{settings.litellm_gateway_url}/models"
    try:
        with urlopen(Request(url, headers=headers), timeout=NETWORK_SECONDS) as answer:
            skew = skew_of(answer.headers.get("Date"), time.time())
            if abs(skew) > SKEW_SECONDS:
                text = f"{url} answers {answer.status}, but its clock and ours differ by {abs(skew):.0f} s"
                return CheckResult("gateway", "warning", text)
            return CheckResult("gateway", "fine", f"{url} answers {answer.status}")
    except HTTPError as exc:
        refused = exc.code in (401, 403)
        advice = ": correct LITELLM_GATEWAY_API_KEY" if refused else ""
        return CheckResult("gateway", "broken" if refused else "warning", f"{url} answers {exc.code}{advice}")
    except (URLError, OSError) as exc:
        return CheckResult(
            "gateway", "broken", f"{url} does not answer ({exc}): correct LITELLM_GATEWAY_URL or start it"
        )


def skew_of(date: str | None, now: float) -> float:
    """Seconds that an HTTP Date is ahead of `now`; 0 where there is none that can be read."""
    try:
        return parsedate_to_datetime(date).timestamp() - now if date else 0.0
    except ValueError:
        return 0.0


def key_set(settings: Settings) -> CheckResult:
    """The issuer's keys, without which no token can be verified."""
    url = settings.jwt_jwks_url or ""
    try:
        with urlopen(url, timeout=NETWORK_SECONDS) as answer:
            keys = json.loads(answer.read(1 << 20))["keys"]
            return CheckResult("key set", "fine" if keys else "broken", f"{url} has {len(keys)} keys")
    except (URLError, OSError, ValueError, LookupError, TypeError) as exc:
        return CheckResult("key set", "broken", f"{url} gives no keys ({exc}): correct JWT_JWKS_URL")
