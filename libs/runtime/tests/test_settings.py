from collections.abc import Callable
from typing import Any

Run = Callable[..., Any]  # the fixture of conftest: code, environment -> Finished
LOAD = """
    from pydantic import model_validator
    from tandem_runtime.settings import RuntimeSettings, load_settings

    class Settings(RuntimeSettings):
        database_url: str
        workers: int = 4
        signing_key: str = "development-only"

        @model_validator(mode="after")
        def refuse_unsafe_defaults(self):
            if self.in_production and self.signing_key == "development-only":
                raise ValueError("TANDEM_SIGNING_KEY: must be set in production")
            return self

    settings = load_settings(Settings)
    print(settings.environment, settings.workers)
    settings.workers = 5
"""


def test_each_wrong_variable_is_one_line_on_stderr_and_the_status_is_2(run: Run) -> None:
    finished = run(LOAD, TANDEM_WORKERS="many", TANDEM_LOG_FORMAT="xml")
    assert finished.status == 2
    assert finished.stdout == ""
    lines = finished.stderr.splitlines()
    assert len(lines) == 3
    assert [line.split(": ")[:2] for line in sorted(lines)] == [
        ["settings", "TANDEM_DATABASE_URL"],
        ["settings", "TANDEM_LOG_FORMAT"],
        ["settings", "TANDEM_WORKERS"],
    ]


def test_a_wrong_value_is_not_printed_because_it_may_be_a_secret(run: Run) -> None:
    finished = run(LOAD, TANDEM_DATABASE_URL="x", TANDEM_WORKERS="hunter2")
    assert finished.status == 2
    assert "TANDEM_WORKERS" in finished.stderr
    assert "hunter2" not in finished.stdout + finished.stderr


def test_a_forgotten_environment_is_production_where_unsafe_defaults_refuse_to_boot(run: Run) -> None:
    finished = run(LOAD, TANDEM_DATABASE_URL="x")
    assert finished.status == 2
    assert finished.stderr == "settings: TANDEM_SIGNING_KEY: must be set in production\n"


def test_settings_are_read_from_the_environment_and_frozen(run: Run) -> None:
    finished = run(LOAD, TANDEM_DATABASE_URL="x", TANDEM_ENVIRONMENT="test", TANDEM_WORKERS="7")
    assert finished.stdout == "test 7\n"
    assert finished.status == 1
    assert "frozen" in finished.stderr
