"""A real Prometheus that scrapes one server as deploy/prometheus.yml says, and what it answers."""

from __future__ import annotations

import json
import shutil
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.child import Child, free_port

DEPLOYED = Path(__file__).parents[2] / "deploy/prometheus.yml"
Points = list[tuple[float, float]]  # seconds since 1970, value


@dataclass(frozen=True)
class Series:
    labels: Mapping[str, str]
    points: Points


class BadQuery(Exception):
    """Prometheus refused the expression; the message is its own."""


class Prometheus:
    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def range(self, expression: str, start: float, end: float, step: float) -> list[Series]:
        """The expression's series between two moments. Raises BadQuery."""
        found = self._ask("query_range", query=expression, start=start, end=end, step=step)
        return [
            Series(each["metric"], [(at, float(value)) for at, value in each["values"]]) for each in found["result"]
        ]

    def label_values(self, metric: str, label: str) -> list[str]:
        values: list[str] = self._ask(f"label/{label}/values", **{"match[]": metric})
        return values

    def _ask(self, what: str, **parameters: Any) -> Any:
        url = f"{self.url}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=20) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as exc:
            raise BadQuery(json.load(exc).get("error", str(exc))) from None


def config(target: str, credentials: Path, interval: str) -> dict[str, Any]:
    """What is deployed, but for where the server is, where its key is, and how often it is asked."""
    deployed: dict[str, Any] = yaml.safe_load(DEPLOYED.read_text())
    deployed["global"]["scrape_interval"] = interval
    [job] = deployed["scrape_configs"]
    job["authorization"]["credentials_file"] = str(credentials)
    job["static_configs"] = [{"targets": [target]}]
    return deployed


@contextmanager
def prometheus(folder: Path, target: str, credentials: Path, interval: str = "1s") -> Iterator[Prometheus]:
    """Scrapes the target until the block ends. `credentials` may be written later."""
    unpacked = Path(sys.executable).with_name("prometheus")
    binary = shutil.which("prometheus") or (str(unpacked) if unpacked.exists() else None)
    assert binary, "there is no prometheus: `make test-long` gets it from Debian's packages"
    port = free_port()
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(config(target, credentials, interval)))
    argv = [binary, f"--config.file={file}", f"--storage.tsdb.path={folder / 'tsdb'}", "--log.level=warn"]
    child = Child("prometheus", [*argv, f"--web.listen-address=127.0.0.1:{port}"], folder, cwd=folder)
    try:
        child.wait_http(f"http://127.0.0.1:{port}/-/ready", 30, 0.05)
        yield Prometheus(port)
    finally:
        child.stop()
