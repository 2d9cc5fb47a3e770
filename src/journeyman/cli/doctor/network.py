"""Checks of the address, the callers' credentials, TLS, and the services that the server uses."""

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
from journeyman.llm.gateway.address import MODELS, endpoint_url, shown_url
from journeyman.settings import Settings, is_loopback

NETWORK_SECONDS = 5.0
MAX_SKEW_SECONDS = 30.0
MIN_CERTIFICATE_DAYS = 14.0  # left until it expires


def address(settings: Settings) -> CheckResult:
    """Check that the server can listen on HOST and PORT."""
    where = f"{settings.host}:{settings.port}"
    if settings.port == 0:
        return CheckResult("address", "fine", f"{where}, or any free port")
    if owner_url(settings.database_path) is not None:
        return CheckResult("address", "fine", f"{where} is used by the running server")
    try:
        family, _, _, _, target = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(target)
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE:
            return CheckResult("address", "broken", f"another program listens on {where}; set PORT")
        return CheckResult("address", "broken", f"{where} cannot be used ({exc}); correct HOST or PORT")
    return CheckResult("address", "fine", f"{where} is free")


def callers(settings: Settings) -> CheckResult:
    """Check that someone can call the server: one that requires keys and has none rejects every request."""
    if settings.auth_mode == "off":
        return CheckResult("callers", "fine", f"every caller that reaches {settings.host} is `local` (AUTH_MODE=off)")
    credentials = ["tokens"] if settings.jwt_configured else []
    credentials += ["the seed key"] if settings.seed_key else []
    credentials += [f"{count} keys"] if (count := count_usable_keys(settings)) else []
    if not credentials:
        text = "there is no key; run `journeyman keys create admin --scopes admin`, or set API_KEY_FILE"
        return CheckResult("callers", "warning", text)
    return CheckResult("callers", "fine", ", ".join(credentials))


def count_usable_keys(settings: Settings) -> int:
    """Return the number of keys in the journal file that are neither expired nor revoked."""
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
    """Check that certificate and key belong together, and that the certificate does not expire soon."""
    if not settings.tls or settings.ssl_cert_path is None:
        if is_loopback(settings.host):
            return CheckResult("tls", "fine", "not needed on loopback")
        return CheckResult("tls", "warning", "off: keys are sent in the clear, unless a proxy in front adds TLS")
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            settings.ssl_cert_path, settings.ssl_key_path
        )
    except (ssl.SSLError, OSError) as exc:
        return CheckResult("tls", "broken", f"SSL_CERT_PATH and SSL_KEY_PATH cannot be used together ({exc})")
    from cryptography import x509  # 0.1 s, needed with TLS only

    certificate = x509.load_pem_x509_certificate(settings.ssl_cert_path.read_bytes())
    days = (certificate.not_valid_after_utc.timestamp() - (time.time() if now is None else now)) / 86_400
    if days < 0:
        return CheckResult("tls", "broken", f"the certificate expired {-days:.0f} days ago; renew it")
    return CheckResult(
        "tls", "fine" if days >= MIN_CERTIFICATE_DAYS else "warning", f"the certificate expires in {days:.0f} days"
    )


def redis_client(settings: Settings) -> CheckResult:
    """Check that the client library of Redis is installed if REDIS_URL is set."""
    if settings.redis_url is None:
        return CheckResult("redis", "fine", "REDIS_URL is not set; limits are counted in the server process")
    if find_spec("redis") is None:
        return CheckResult("redis", "broken", "REDIS_URL needs the Redis client; run pip install 'journeyman[redis]'")
    return CheckResult("redis", "fine", "the client is installed; --network also asks the server")


# --- With --network only


def redis(settings: Settings) -> CheckResult:
    """Check that Redis answers a PING. Without Redis the server works, with limits counted by each process."""
    result = redis_client(settings)
    if settings.redis_url is None or result.state != "fine":
        return result
    from redis import Redis, RedisError  # an optional package

    try:
        with Redis.from_url(settings.redis_url.get_secret_value(), socket_timeout=NETWORK_SECONDS) as client:
            start = time.perf_counter()
            client.ping()
            return CheckResult("redis", "fine", f"answers in {(time.perf_counter() - start) * 1000:.1f} ms")
    except (RedisError, OSError, ValueError) as exc:
        return CheckResult(
            "redis",
            "warning",
            f"does not answer ({type(exc).__name__}); until it does, each process counts its own limits",
        )


def gateway(settings: Settings) -> CheckResult:
    """Check that the gateway lists its models, accepts the key, and has the same time as this machine."""
    spec = settings.gateway
    if spec is None:
        return CheckResult("gateway", "warning", "LITELLM_GATEWAY_URL is not set; the offline model answers")
    headers = {"Authorization": f"Bearer {spec.key}"} if spec.key else {}
    url = endpoint_url(spec.url, MODELS)
    shown, names = shown_url(url), spec.setting_names
    try:
        with urlopen(Request(url, headers=headers), timeout=NETWORK_SECONDS) as response:
            skew = clock_skew(response.headers.get("Date"), time.time())
            if abs(skew) > MAX_SKEW_SECONDS:
                text = (
                    f"{shown} answers {response.status}, but its clock and this machine's differ by {abs(skew):.0f} s"
                )
                return CheckResult("gateway", "warning", text)
            return CheckResult("gateway", "fine", f"{shown} answers {response.status}")
    except HTTPError as exc:
        rejected = exc.code in (401, 403)
        advice = f"; correct {names.key}" if rejected else ""
        return CheckResult("gateway", "broken" if rejected else "warning", f"{shown} answers {exc.code}{advice}")
    except (URLError, OSError) as exc:
        return CheckResult(
            "gateway", "broken", f"{shown} does not answer ({exc}); start the gateway, or correct {names.url}"
        )


def clock_skew(date: str | None, now: float) -> float:
    """Return the seconds by which an HTTP Date is ahead of `now`, or 0 for a missing or unreadable date."""
    try:
        return parsedate_to_datetime(date).timestamp() - now if date else 0.0
    except ValueError:
        return 0.0


def key_set(settings: Settings) -> CheckResult:
    """Check that the issuer's key set has keys: without them no token can be verified."""
    url = settings.jwt_jwks_url or ""
    try:
        with urlopen(url, timeout=NETWORK_SECONDS) as response:
            keys = json.loads(response.read(1 << 20))["keys"]
            return CheckResult("key set", "fine" if keys else "broken", f"{shown_url(url)} has {len(keys)} keys")
    except (URLError, OSError, ValueError, LookupError, TypeError) as exc:
        return CheckResult("key set", "broken", f"{shown_url(url)} returns no keys ({exc}); correct JWT_JWKS_URL")
