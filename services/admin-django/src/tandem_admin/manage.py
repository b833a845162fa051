"""`tandem-manage`: Django's management commands."""

import os
import sys

from django.core.management import execute_from_command_line
from tandem_runtime.shutdown import end_on_sigterm


def main() -> None:
    end_on_sigterm()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tandem_admin.settings")
    # A migration or an import takes as long as it takes; the limits are for requests.
    os.environ.setdefault("TANDEM_DATABASE_STATEMENT_TIMEOUT", "0")
    execute_from_command_line(sys.argv)
