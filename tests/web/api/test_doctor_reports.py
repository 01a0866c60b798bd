"""Reports of the doctors over HTTP, and the commands that send them."""

from typing import Any

import pytest

from gromit.core.security.roles import Role
from tests.web.serving import Serve

REPORT: dict[str, Any] = {
    "kind": "aws",
    "checked": 2,
    "wrong": 1,
    "lines": [
        {"check": "zone", "subject": "", "state": "wrong", "seen": "a\nb", "remedy": "correct it"}
    ],
    "quotas": [
        {"quota": "fargate.vcpu", "used": 4.5, "limit": 6, "percent": 75, "environments": 4}
    ],
}


def test_the_platform_has_the_last_report_of_each_doctor(serve: Serve) -> None:
    serve.forget_reports()
    assert serve.get("/v1/platform")["doctors"] == []
    assert serve.send("POST", "/v1/reports", REPORT, Role.WORKER).status_code == 200
    newer = {**REPORT, "wrong": 0, "lines": []}
    for body in (REPORT, {"kind": "environments", "checked": 0, "wrong": 0, "lines": []}, newer):
        assert serve.send("POST", "/v1/reports", body, Role.OPERATOR).status_code == 200
    first, second = serve.get("/v1/platform")["doctors"]
    assert (first["kind"], second["kind"]) == ("aws", "environments")
    assert (first["wrong"], first["lines"], first["quotas"]) == (0, [], REPORT["quotas"])
    assert first["by"].startswith("operator:")
    assert "#doctor" not in [e["name"] for e in serve.get("/v1/environments")["environments"]]


def test_texts_of_a_report_are_in_one_line(serve: Serve) -> None:
    serve.forget_reports()
    serve.send("POST", "/v1/reports", REPORT, Role.WORKER)
    (report,) = serve.get("/v1/platform")["doctors"]
    assert "\n" not in report["lines"][0]["seen"]


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "nobody"},
        {"wrong": -1},
        {"lines": REPORT["lines"] * 101},
        {"lines": [{**REPORT["lines"][0], "seen": "x" * 301}]},
        {"quotas": [{**REPORT["quotas"][0], "limit": "six"}]},
        {"typo": 1},
    ],
)
def test_a_report_of_another_form_is_refused(serve: Serve, change: dict[str, Any]) -> None:
    answer = serve.send("POST", "/v1/reports", {**REPORT, **change}, Role.WORKER)
    assert answer.status_code == 400
