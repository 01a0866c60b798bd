"""The page of what components wrote, before a real serve."""

from collections.abc import Iterator

import pytest

from tests.web.page.looking import Look, look_as
from tests.web.serving import Serve

NAME = "app-written"


@pytest.fixture
def look(serve: Serve) -> Iterator[Look]:
    """Show an environment whose tyk has written two lines."""
    serve.build("tyk", NAME, "sha-1")
    serve.write_output(NAME, "t1", "<script>alert(1)</script>", "serving")
    with look_as(serve) as page:
        yield page


def test_output_is_shown_as_text(look: Look) -> None:
    page = look.get(f"/environments/{NAME}/logs")
    shown = page.one("pre", class_="output").text
    assert "tyk <script>alert(1)</script>" in shown
    assert shown.rstrip().endswith("serving")
    assert [
        s.attributes.get("src") for s in page.all("script") if not s.attributes.get("src")
    ] == []


def test_the_page_of_an_environment_leads_to_its_output(look: Look) -> None:
    page = look.get(f"/environments/{NAME}")
    assert f"/environments/{NAME}/logs" in [a.attributes["href"] for a in page.all("a")]


def test_a_choice_is_kept_in_the_form(look: Look) -> None:
    page = look.get(f"/environments/{NAME}/logs?component=tyk&since=3650d")
    selected = [o.text for o in page.all("option") if "selected" in o.attributes]
    assert selected == ["tyk"]
    assert "3650d" in [i.attributes.get("value") for i in page.all("input")]
    assert "serving" in page.one("pre", class_="output").text


def test_no_output_is_said(look: Look) -> None:
    page = look.get(f"/environments/{NAME}/logs?previous=true")
    assert "No output." in page.one("div", class_="empty").text


@pytest.mark.parametrize(
    ("query", "named"), [("since=typo", "'typo'"), ("component=typo", "no component 'typo'")]
)
def test_an_impossible_choice_is_explained(look: Look, query: str, named: str) -> None:
    assert named in look.get(f"/environments/{NAME}/logs?{query}", status=400).text


def test_a_failure_shows_what_the_crashed_task_wrote_last(serve: Serve, look: Look) -> None:
    stopped = [{"component": "tyk", "task": "t1"}]
    serve.outcome(serve.claim("sow"), "fail", stopped=stopped)
    card = look.get(f"/environments/{NAME}").one("div", class_="failed")
    assert card.all("pre")[1].text == "<script>alert(1)</script> serving"
    link = f"/environments/{NAME}/logs?component=tyk"
    assert link in [a.attributes["href"] for a in card.all("a")]


@pytest.mark.usefixtures("any_time")
def test_the_history_leads_to_what_terraform_did(serve: Serve, look: Look) -> None:
    claim = serve.claim("sow")
    serve.write_run(NAME, claim["epoch"], "aws_ecs_cluster.this: created (0s) [1/1]")
    serve.outcome(claim, "done")
    event = look.get(f"/environments/{NAME}").one("section", id="history").all("li")[0]
    (link,) = event.all("a")
    page = look.get(link.attributes["href"])
    assert "aws_ecs_cluster.this: created" in page.one("pre", class_="output").text
    assert f"run {claim['epoch']}" in page.text
