"""The page of the metrics, the alerts and the dashboard name what a service really has, and all of it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import Metric
from prometheus_client.metrics import MetricWrapperBase

from pfcon.jobs.measuring.collector import Figures, FiguresCollector
from pfcon.metrics import instruments
from pfcon.records.overview import Count

DOCS = Path(__file__).parents[2] / "docs"
PAGE, ALERTS, DASHBOARD = DOCS / "metrics.md", DOCS / "metrics/alerts.yaml", DOCS / "metrics/dashboard.json"
FIGURES = Figures(
    lambda: None, lambda: (Count("plugin", "started", "", 1),), lambda: 1, lambda: 1.0, lambda: {"engine": True}, "1"
)
PARTS = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("_total",), "gauge": ("",)}
OF_PROMETHEUS = {"le"}


def metrics() -> list[Metric]:
    """All that a service has."""
    counted = [one for one in vars(instruments).values() if isinstance(one, MetricWrapperBase)]
    return [*(metric for one in counted for metric in one.describe()), *FiguresCollector(FIGURES).collect()]


def series() -> set[str]:
    """The names of all time series."""
    return {found.name + suffix for found in metrics() for suffix in PARTS[found.type]}


def shown(found: Metric) -> str:
    """The name on the page."""
    return f"{found.name}_total" if found.type == "counter" else found.name


def queries() -> list[str]:
    """All expressions of the alerts and the dashboard."""
    rules = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
    panels: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return [*(rule["expr"] for rule in rules), *(target["expr"] for panel in panels for target in panel["targets"])]


@pytest.mark.parametrize("query", queries())
def test_a_query_asks_for_what_there_is(query: str) -> None:
    """Else an alert would never fire, and nobody would notice."""
    assert {*re.findall(r"\bpfcon_\w+", query)} <= series()


@pytest.mark.parametrize("query", queries())
def test_a_query_selects_by_labels_that_there_are(query: str) -> None:
    """A label that does not exist selects nothing."""
    labels = {*re.findall(r"(\w+)(?:=~|!~|!=|=)\"", query)}
    for words in re.findall(r"by \(([^)]*)\)", query):
        labels |= {word.strip() for word in words.split(",")}
    rows = re.findall(r"^\| (`pfcon_[^|]*) \| \w+ \| ([^|]*) \|", PAGE.read_text(), re.MULTILINE)
    known = {label: names for names, of_row in rows for label in re.findall(r"`(\w+)`", of_row)}
    assert labels - OF_PROMETHEUS - {"job"} <= known.keys()


def test_the_page_has_each_metric_with_its_type_and_no_other() -> None:
    """What is in the code, by name and type."""
    rows = re.findall(r"^\| (`pfcon_[^|]*) \| (\w+) \|", PAGE.read_text(), re.MULTILINE)
    told = {(name, kind) for names, kind in rows for name in re.findall(r"`(\w+)`", names)}
    assert told == {(shown(found), found.type) for found in metrics()}


def test_the_page_says_what_to_do_for_each_alert() -> None:
    """A line in its table."""
    names = {rule["alert"] for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]}
    assert {*re.findall(r"^\| `(Pfcon\w+)` \|", PAGE.read_text(), re.MULTILINE)} == names
