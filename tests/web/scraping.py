"""Scrapes of a server's metrics, read as Prometheus reads them."""

from collections.abc import Iterator

import httpx2
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.waiting import PATIENCE_S


def scrape(url: str) -> list[Sample]:
    """Return all samples of the server at the address of its health."""
    return list(samples(metrics_text(url)))


def metrics_text(url: str) -> str:
    """Return the text of the server at the address of its health."""
    answer = httpx2.get(f"{url}/metrics", trust_env=False, timeout=PATIENCE_S)
    assert answer.status_code == 200
    return answer.text


def samples(text: str) -> Iterator[Sample]:
    """Yield the samples in a text."""
    for family in text_string_to_metric_families(text):
        yield from family.samples


def metric_value(url: str, name: str, **labels: str) -> float | None:
    """Return the value of a series with exactly these labels; None if there is none."""
    return next((s.value for s in scrape(url) if s.name == name and s.labels == labels), None)
