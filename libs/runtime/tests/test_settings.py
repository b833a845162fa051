from collections.abc import Callable
from pathlib import Path
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


def mounted(folder: Path, **secrets: str) -> str:
    """A folder as Kubernetes mounts a secret: each file a link into a folder that is replaced as a whole."""
    data = folder / "..2026_11_23"
    data.mkdir()
    (folder / "..data").symlink_to(data.name)
    for name, value in secrets.items():
        (data / name).write_text(f"{value}\n")
        (folder / name).symlink_to(f"..data/{name}")
    return str(folder)


def test_a_mounted_secret_is_a_setting(run: Run, tmp_path: Path) -> None:
    folder = mounted(tmp_path, TANDEM_DATABASE_URL="postgresql://x", TANDEM_SIGNING_KEY="k", TANDEM_WORKERS="6")
    finished = run(LOAD, TANDEM_SECRETS_DIRECTORY=folder)
    assert finished.stdout == "production 6\n"


def test_a_variable_goes_before_a_mounted_secret(run: Run, tmp_path: Path) -> None:
    folder = mounted(tmp_path, TANDEM_DATABASE_URL="x", TANDEM_SIGNING_KEY="k", TANDEM_WORKERS="6")
    finished = run(LOAD, TANDEM_SECRETS_DIRECTORY=folder, TANDEM_WORKERS="7")
    assert finished.stdout == "production 7\n"


def test_a_wrong_mounted_secret_is_refused_without_being_printed(run: Run, tmp_path: Path) -> None:
    folder = mounted(tmp_path, TANDEM_DATABASE_URL="x", TANDEM_WORKERS="hunter2")
    finished = run(LOAD, TANDEM_SECRETS_DIRECTORY=folder)
    assert finished.status == 2
    assert finished.stderr.startswith("settings: TANDEM_WORKERS: ")
    assert "hunter2" not in finished.stderr


def test_a_folder_of_secrets_that_is_not_there_ends_the_process(run: Run, tmp_path: Path) -> None:
    finished = run(LOAD, TANDEM_DATABASE_URL="x", TANDEM_SECRETS_DIRECTORY=str(tmp_path / "nowhere"))
    assert finished.status == 2
    assert finished.stderr == "settings: TANDEM_SECRETS_DIRECTORY: must be a folder\n"


def test_what_a_single_command_reads_may_be_mounted_too(run: Run, tmp_path: Path) -> None:
    folder = mounted(tmp_path, TANDEM_ONE="mounted", TANDEM_TWO="mounted")
    code = (
        "from tandem_runtime.settings import setting; print(*map(setting, ('TANDEM_ONE', 'TANDEM_TWO', 'TANDEM_NO')))"
    )
    finished = run(code, TANDEM_SECRETS_DIRECTORY=folder, TANDEM_ONE="variable")
    assert finished.stdout == "variable mounted None\n"
