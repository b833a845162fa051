"""Prometheus' HTTP interface, as far as the checks ask it."""

import time
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True)
class FiringAlert:
    name: str
    severity: str
    annotations: dict[str, str]


class Prometheus:
    """Asks one server. HTTPStatusError when it does not understand a question."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=f"{url}/api/v1", timeout=30)

    def series_over(self, expression: str, *, since: float, step: float) -> int:
        """How many series the expression had at any moment since then."""
        asked = {"query": expression, "start": since, "end": time.time(), "step": step}
        return len(self._ask("query_range", asked)["result"])

    def names(self) -> list[str]:
        """Every metric's name."""
        return list(self._ask("label/__name__/values", {}))

    def series(self, name: str) -> list[dict[str, str]]:
        """The labels of every series of the name."""
        return list(self._ask("series", {"match[]": name}))

    def exemplars(self, expression: str, *, since: float) -> list[dict[str, str]]:
        """The labels of the exemplars of the series."""
        found = self._ask("query_exemplars", {"query": expression, "start": since, "end": time.time()})
        return [exemplar["labels"] for one in found for exemplar in one["exemplars"]]

    def firing(self) -> list[FiringAlert]:
        return [
            FiringAlert(alert["labels"]["alertname"], alert["labels"]["severity"], alert["annotations"])
            for alert in self._ask("alerts", {})["alerts"]
            if alert["state"] == "firing"
        ]

    def rule_faults(self) -> list[str]:
        """Rules whose last evaluation failed, and why."""
        rules = [rule for group in self._ask("rules", {})["groups"] for rule in group["rules"]]
        return [f"{rule['name']}: {rule['lastError']}" for rule in rules if rule.get("lastError")]

    def _ask(self, what: str, asked: dict[str, Any]) -> Any:
        answer = self._client.get(f"/{what}", params=asked)
        if answer.is_client_error:
            raise ValueError(f"{asked}: {answer.json()['error']}")
        return answer.raise_for_status().json()["data"]
