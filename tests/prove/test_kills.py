"""The kills of the suite: their spread, and a proxy that strikes once, at its moment."""

import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, RemoteDisconnected
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from urllib.parse import urlsplit

import pytest

from tests.prove.kill_lives import Part
from tests.prove.kills import plans
from tests.prove.strike_proxy import Moment, Request, StrikeOutcome, StrikeProxy
from tests.waiting import PATIENCE_S

EVENTS = {
    part: [Request("ecs", f"Create{n}", by_terraform=n % 4 != 0) for n in range(40)]
    for part in Part
}


def test_kills_are_spread_over_all_events_and_manners() -> None:
    made = plans(EVENTS, 20, random.Random(3))
    whole = [kill for plan in made if not plan.is_deleted_at_once for kill in plan.kills]
    assert len(whole) == 60
    assert set(Counter((kill.part, kill.manner) for kill in whole).values()) <= {6, 7}
    for part in Part:
        numbers = sorted(k.moment.number for k in whole if k.part is part)
        assert numbers[0] <= 2
        assert max(b - a for a, b in pairwise(numbers)) <= 6
    assert {k.moment.is_after for k in whole} == {True, False}
    deleted = [plan.kills[0] for plan in made if plan.is_deleted_at_once]
    assert Counter(kill.part for kill in deleted) == {Part.APPLY: 20, Part.CHANGE: 20}
    assert set(deleted) <= set(whole), "each of them also has to lead to what is desired"


class _Aws(BaseHTTPRequestHandler):
    """Answers everything."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Log nothing."""


@pytest.fixture
def aws() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Aws) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("outcome", [StrikeOutcome.SENDER_DIES, StrikeOutcome.SENDER_LIVES])
@pytest.mark.parametrize("is_after", [True, False])
def test_a_proxy_strikes_once_and_passes_on_what_the_sender_lives_to_see(
    aws: str, outcome: StrikeOutcome, is_after: bool
) -> None:
    struck: list[Request] = []
    results = [StrikeOutcome.MISSED, outcome]

    def strike(request: Request) -> StrikeOutcome:
        struck.append(request)
        return results.pop(0)

    with StrikeProxy(aws, Moment(2, is_after), strike) as proxy:
        lost = 0
        for action in ("CreateCluster", "ListClusters", "ListClusters", "DeleteCluster", "Next"):
            try:
                _ask(proxy.url, action)
            except RemoteDisconnected:
                lost += 1
    assert [r.action for r in struck] == ["ListClusters", "DeleteCluster"], "polls do not count"
    assert proxy.struck == Request("ecs", "DeleteCluster", by_terraform=True)
    assert [r.action for r in proxy.log.events] == [
        "CreateCluster", "ListClusters", "DeleteCluster", "Next",
    ]  # fmt: skip
    assert lost == (outcome is StrikeOutcome.SENDER_DIES and not is_after)


def test_only_events_of_terraform_count_where_terraform_is_to_die(aws: str) -> None:
    moment = Moment(1, is_after=False, only_terraform=True)
    struck: list[Request] = []

    def strike(request: Request) -> StrikeOutcome:
        struck.append(request)
        return StrikeOutcome.SENDER_LIVES

    with StrikeProxy(aws, moment, strike) as proxy:
        _ask(proxy.url, "CreateCluster", agent="Boto3/1.40")
        _ask(proxy.url, "DeleteCluster")
    assert [request.action for request in struck] == ["DeleteCluster"]


def _ask(url: str, action: str, agent: str = "aws-sdk-go/1.38") -> None:
    credential = "AWS4-HMAC-SHA256 Credential=local/20260101/eu-central-1/ecs/aws4_request"
    headers = {
        "X-Amz-Target": f"AmazonEC2ContainerServiceV20141113.{action}",
        "Authorization": credential,
        "User-Agent": agent,
    }
    with closing(HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE_S)) as connection:
        connection.request("POST", "/", b"{}", headers)
        assert connection.getresponse().status == 200
