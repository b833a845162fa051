"""Each value of each chart is set by some test of it, or of the API's chart, which tests what the library does."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from charts.rendering import CHARTS, NAMES

# What the library does for these is tested with the API's chart.
OF_LIBRARY = ("admin", "api", "worker", "payment-sandbox")
# Maps whose keys are whoever's who installs the chart.
FREE = ("settings", "secrets", "resources", "strategy", "labels", "roles", "schedules", "parameters", "pools", "users")


def leaves(values: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """The paths of all values, such as "image.tag"."""
    for key, value in values.items():
        here = f"{path}{key}"
        if isinstance(value, dict) and value and key not in FREE:
            yield from leaves(value, f"{here}.")
        else:
            yield here


def exercised(chart: str) -> set[str]:
    """What the tests of the chart set, and all that is above it."""
    suites = [yaml.safe_load(file.read_text()) for file in CHARTS.joinpath(chart, "tests").glob("*_test.yaml")]
    given = [leaf for suite in suites for test in suite["tests"] for leaf in leaves(test.get("set", {}))]
    return {".".join(leaf.split(".")[:length]) for leaf in given for length in range(1, leaf.count(".") + 2)}


def of_library(chart: str, leaf: str) -> str:
    """Where the API's chart has what is `leaf` in another; the worker's roles have theirs in `defaults`."""
    return leaf.removeprefix("defaults.") if chart == "worker" else leaf


@pytest.mark.parametrize("chart", NAMES)
def test_each_value_is_tested(chart: str) -> None:
    values = yaml.safe_load(CHARTS.joinpath(chart, "values.yaml").read_text())
    everywhere = exercised("api") if chart in OF_LIBRARY else set()

    untested = {leaf for leaf in leaves(values) if of_library(chart, leaf) not in everywhere} - exercised(chart)

    assert untested == set()
