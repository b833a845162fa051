"""Taking the evidence of a healed system: once it rests, and again when it has consumed everything once more."""

from collections.abc import Callable, Sequence

from tandem_local.progress import Progress

from chaos import collect
from chaos.evidence import Evidence, Row
from chaos.load.history import Request
from chaos.quiet import QUIET_SECONDS, Observed, consume_all_again, wait_until_quiet


def take_evidence(
    system: Observed,
    requests: Sequence[Request],
    provider_books: Callable[[], tuple[list[Row], list[Row]]],
    progress: Progress,
    patience: float = QUIET_SECONDS,
) -> tuple[Evidence, str]:
    """The evidence, and what was left to do after `patience` seconds; `provider_books` are payments and ledger."""
    with progress.step("System", "comes to rest"):
        quiet_seconds, left = wait_until_quiet(system, patience)
    with progress.step("Evidence", "collected"):
        tables = collect.all_tables(system.superuser_url())
        records = collect.whole_log(system.bootstrap_servers())
        payments, ledger = provider_books()
    with progress.step("Everything", "consumed once more"):
        consume_all_again(system)
        wait_until_quiet(system, patience)
        replayed = collect.all_tables(system.superuser_url())
    return Evidence(requests, records, tables, replayed, payments, ledger, quiet_seconds), left
