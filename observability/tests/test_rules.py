"""The alerts and their pages: complete, asking for what there is."""

import re
from pathlib import Path

import pytest

from observability import promql, queries, slos
from observability.addresses import GRAFANA, RUNBOOKS
from observability.contract import FOREIGN, declared_metrics
from observability.dashboards.all import DASHBOARDS
from observability.documents import ROOT, Block, blocks
from observability.documents import RUNBOOKS as PAGES
from observability.live.expressions import panels
from observability.ruleset import Alert, Recording, alerts, recordings

SECTIONS = ["First look", "Cause", "Action", "Verification"]
ALERTS = [pytest.param(alert, id=f"{alert.name} {alert.labels['severity']}") for alert in alerts()]


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_says_who_is_hurt_and_where_to_look(alert: Alert) -> None:
    assert alert.name.startswith("Tandem")
    assert set(alert.labels) == {"severity"}
    assert alert.labels["severity"] in {"page", "ticket"}
    assert set(alert.annotations) == {"summary", "description", "dashboard", "runbook_url"}
    assert alert.annotations["summary"].endswith(".")
    assert alert.annotations["description"].endswith(".")
    assert alert.annotations["runbook_url"] == f"{RUNBOOKS}/{alert.name}.md"
    assert alert.annotations["dashboard"] in {f"{GRAFANA}/d/{dashboard.uid}" for dashboard in DASHBOARDS}


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_asks_for_what_is_emitted(alert: Alert) -> None:
    assert queries.objections(alert.expression, queries.known_series()) == []


@pytest.mark.parametrize("recording", recordings(), ids=lambda one: one.name)
def test_a_recording_asks_for_what_is_emitted(recording: Recording) -> None:
    assert recording.name.startswith("tandem:")
    assert queries.objections(recording.expression, queries.known_series()) == []


def test_what_others_emit_is_declared_apart_and_asked_for() -> None:
    foreign = {metric.name for metric in declared_metrics(FOREIGN)}
    expressions = [alert.expression for alert in alerts()] + [asked.expression for asked in panels("5m")]
    asked = {selection.name for expression in expressions for selection in promql.selections(expression)}

    assert foreign <= asked
    assert not foreign & {metric.name for metric in declared_metrics()}


def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    assert {page.stem for page in PAGES.glob("Tandem*.md")} == {alert.name for alert in alerts()}


@pytest.mark.parametrize("page", sorted(PAGES.glob("Tandem*.md")), ids=lambda page: page.stem)
def test_a_page_leads_from_the_hurt_to_the_proof_that_it_is_over(page: Path) -> None:
    text = page.read_text()
    title, hurt = text.split("\n\n")[:2]
    assert title == f"# {page.stem}"
    assert not hurt.startswith("#")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert (PAGES / target).exists(), target


@pytest.mark.parametrize("block", blocks("promql"), ids=lambda block: block.page)
def test_expressions_for_people_ask_for_what_is_emitted(block: Block) -> None:
    for line in block.lines():
        assert queries.objections(line, queries.known_series()) == [], line


@pytest.mark.parametrize("block", blocks("sql"), ids=lambda block: block.page)
def test_statements_for_people_only_read(block: Block) -> None:
    assert block.text.startswith("SELECT ")
    assert not re.search(r"\b(INSERT|UPDATE|DELETE|pg_terminate_backend|pg_cancel_backend)\b", block.text)


@pytest.mark.parametrize("slo", slos.SLOS, ids=lambda slo: slo.name)
def test_an_objective_fits_the_alerts_that_watch_it(slo: slos.Slo) -> None:
    """A burn beyond what is possible would never fire."""
    assert 0 < slo.budget < 1
    assert all(factor * slo.budget < 1 for _, _, factor in (*slos.PAGE, *slos.TICKET))


def test_docs_name_no_alert_that_is_none() -> None:
    known = {alert.name for alert in alerts()}
    for page in (*PAGES.glob("*.md"), ROOT / "docs" / "operations.md"):
        assert set(re.findall(r"\bTandem[A-Z]\w+", page.read_text())) <= known, page.name
