"""`tandem-manage rotate_signing_keys`: prints the next value of a setting, and changes nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from pydantic import TypeAdapter

from tandem_admin.identity.signing_keys import SigningKey, rotated
from tandem_admin.settings import SETTINGS

KEYS = TypeAdapter(tuple[SigningKey, ...])


class Command(BaseCommand):
    help = (
        "Print TANDEM_OIDC_PRIVATE_KEYS with a new key added, which takes over by itself, and an end for the others. "
        "Without keys it prints a first one. Put what it prints into the secret and roll out the admin."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--announced-minutes",
            type=int,
            default=60,
            help="so long the new key is published before it signs: the rollout, and the time for which a verifier "
            "believes the keys it has (10 minutes in the API)",
        )
        parser.add_argument(
            "--kept-minutes",
            type=int,
            default=60,
            help="so long the old keys stay published after that: a token's life (5 minutes), and clocks that differ",
        )

    def handle(self, *args: Any, announced_minutes: int, kept_minutes: int, **options: Any) -> None:
        keys = rotated(
            SETTINGS.oidc_private_keys,
            now=datetime.now(UTC).replace(microsecond=0),
            announced=timedelta(minutes=announced_minutes if SETTINGS.oidc_private_keys else 0),
            kept=timedelta(minutes=kept_minutes),
        )
        self.stdout.write(KEYS.dump_json(keys, exclude_none=True).decode())
