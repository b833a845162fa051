from prometheus_client import REGISTRY
from tandem_runtime.pool_metrics import watch_pool


class TwoOfFive:
    def checkedout(self) -> int:
        return 2

    def checkedin(self) -> int:
        return 1

    def size(self) -> int:
        return 5


def test_a_pool_is_measured_when_it_is_asked_for() -> None:
    watch_pool(TwoOfFive)

    values = {
        state: REGISTRY.get_sample_value("tandem_database_pool_connections", {"state": state})
        for state in ("in_use", "idle", "limit")
    }
    assert values == {"in_use": 2, "idle": 1, "limit": 5}
