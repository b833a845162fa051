"""`make schemathesis`: the whole system, and requests until there were enough of them."""

import argparse
import io
import os
import sys
import tempfile
import time
from pathlib import Path
from threading import Event

from rich.console import Console
from tandem_api.identity.scopes import PARTNER_SCOPES
from tandem_local.logins import CUSTOMER
from tandem_local.progress import Progress
from tandem_local.scenario.customer import log_in
from tandem_local.scenario.partner import partner_token, register_partner
from tandem_local.services import NO_RATE_LIMITS
from tandem_local.system import running_system

from fuzzing import FailedError, fuzz

# Of each kind, to each operation, with one token: it lives for five minutes.
EXAMPLES = 60


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fuzzing", description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000, help="at least so many requests")
    parser.add_argument("--seed", type=int, default=1, help="of the first round; each round has the next one")
    arguments = parser.parse_args()
    os.environ.update(NO_RATE_LIMITS)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # the account of Postgres passes
        with running_system(Path(folder) / "home", Progress(Console(file=io.StringIO())), stop=Event()) as system:
            partner = register_partner(system, "Fuzzing", PARTNER_SCOPES)
            began, cases, seed = time.monotonic(), 0, arguments.seed
            while cases < arguments.cases:
                token: str | None
                match seed % 4:
                    case 0:  # nothing but the catalogue is for everybody
                        token = None
                    case 2:
                        token = partner_token(system, *partner)
                    case _:
                        token = log_in(system.admin_url, CUSTOMER, system.credentials.customer_password)
                try:
                    cases += fuzz(system.api_url, token, seed=seed, examples=EXAMPLES)
                except FailedError as failure:
                    sys.exit(f"seed {seed}:\n{failure}")
                sys.stdout.write(f"seed {seed}: {cases} requests in {time.monotonic() - began:.0f} s, nothing found\n")
                sys.stdout.flush()
                seed += 1


if __name__ == "__main__":
    main()
