"""What the database could do: pgbench with the very statements of a placement, as the server's log has them.

So the ceiling follows the API: whoever changes its statements changes both.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from tandem_local.accounts import unprivileged_account
from tandem_local.databases import Database
from tandem_local.postgres_binaries import postgres_programs
from tandem_local.processes import Command, ProcessFailed, run

ROLE = "tandem_api"
# With what a placement begins, which names the order to be, and what it writes.
BEGINNING, ORDER = " AS order_id", "INSERT INTO orders_order "
# The log's lines: what continues a statement over several begins with a tab.
STATEMENT = re.compile(r"LOG:  (?:statement|execute [^:]+): (.*?)(?:;)?$", re.DOTALL)
PARAMETERS = re.compile(r"\$(\d+) = (NULL|'(?:[^']|'')*')")


@dataclass(frozen=True, slots=True)
class Statement:
    """As the server ran it; `parameters` are SQL literals."""

    text: str
    parameters: dict[str, str]


def log_statements(database: Database, *, on: bool) -> None:
    """Have the server log, or no longer log, what the API's role does in connections that it opens from now on."""
    value = sql.SQL("SET log_statement = 'all'" if on else "RESET log_statement")
    with psycopg.connect(database.url(), autocommit=True) as superuser:
        superuser.execute(
            sql.SQL("ALTER ROLE {} IN DATABASE {} {}").format(
                sql.Identifier(ROLE), sql.Identifier(database.name), value
            )
        )


def logged(log: str) -> list[Statement]:
    """What placed an order: the statements of its connection, whatever others did meanwhile."""
    by_process: dict[str, list[Statement]] = {}
    for entry in _entries(log):
        statements = by_process.setdefault(entry.partition("[")[2].partition("]")[0], [])
        if match := STATEMENT.search(entry):
            if BEGINNING in match[1]:
                statements.clear()
            statements.append(Statement(match[1].strip(), {}))
        elif "DETAIL:  Parameters: " in entry and statements:
            statements[-1].parameters.update(PARAMETERS.findall(entry))
    placed = next(some for some in by_process.values() if any(ORDER in one.text for one in some))
    return placed[: [ORDER in one.text for one in placed].index(True) + 1]


def script(statements: Sequence[Statement], *, order_id: str, key: str, customer: str, by: str) -> str:
    """A pgbench script of a placement by the customer `by`; each run has an order and an idempotency key of its own."""
    lines = [r"\set key random(1, 9000000000000000000)"]
    for statement in statements:
        literals = {number: _woven(literal, order_id, key) for number, literal in statement.parameters.items()}
        if "advisory_xact_lock" in statement.text:
            literals["1"] = "(:key)"
        text = statement.text
        for number in sorted(literals, key=int, reverse=True):  # $12 before $1
            text = text.replace(f"${number}", literals[number])
        lines.append(text + (r" \gset" if BEGINNING in text else ";"))
    return "\n".join(lines).replace(customer, by) + "\n"


def transactions_per_second(database: Database, scripts: Sequence[Path], *, clients: int, seconds: float) -> float:
    """What pgbench reaches when its clients run the scripts, each time one of them, over prepared statements.

    At least 3 seconds: connecting takes the first of them, and is not counted.
    """
    programs = postgres_programs(unprivileged_account())
    files = [argument for file in scripts for argument in ("-f", str(file))]
    options = ["-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(max(3, round(seconds)))]
    argv = [str(programs / "pgbench"), *options, *files, database.url(ROLE)]
    log = scripts[0].with_name("pgbench.log")
    try:
        told = run(Command(name="pgbench", argv=argv, log=log), seconds=seconds + 60)
    except ProcessFailed:
        told = log.read_text()  # the reason is at its beginning
    match = re.search(r"^tps = ([0-9.]+)", told, re.MULTILINE)
    failed = re.search(r"^number of failed transactions: (\d+)", told, re.MULTILINE)
    if match is None or failed is None or failed[1] != "0" or "aborted" in told:
        raise RuntimeError(told)
    return float(match[1])


def _woven(literal: str, order_id: str, key: str) -> str:
    """The literal with pgbench's variables, which it does not find inside of quotes, for what each run has anew."""
    for text, variable in ((order_id, "order_id"), (key, "key")):
        literal = literal.replace(text, f"' || (:{variable})::text || '")
    return f"({literal})" if "||" in literal else literal


def _entries(log: str) -> Iterator[str]:
    entry = ""
    for line in log.splitlines():
        if line.startswith("\t"):
            entry += "\n" + line[1:]
            continue
        if entry:
            yield entry
        entry = line
    if entry:
        yield entry
