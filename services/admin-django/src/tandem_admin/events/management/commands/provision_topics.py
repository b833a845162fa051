"""`tandem-manage provision_topics`: needs the broker, not the database."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from kafka import KafkaAdminClient
from kafka.errors import KafkaError
from tandem_contracts.topics import TOPICS
from tandem_runtime.kafka import KafkaSettings
from tandem_runtime.settings import load_settings

from tandem_admin.events.topics import TopicConflictError, carry_out, plan_topics


class Command(BaseCommand):
    help = "Create the topics and bring their settings up to date with what tandem_contracts declares."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--replication-factor", type=int, default=1, help="3 where there are three brokers")
        parser.add_argument("--dry-run", action="store_true", help="tell what would change, and change nothing")
        parser.add_argument("--shrink", action="store_true", help="lower retention and sizes, too: events may be lost")

    def handle(self, *args: Any, replication_factor: int, dry_run: bool, shrink: bool, **options: Any) -> None:
        settings = load_settings(KafkaSettings)
        try:
            client = KafkaAdminClient(**settings.kafka_connection(), client_id="tandem-provision-topics")
        except KafkaError as error:
            raise CommandError(f"No broker answers at {settings.kafka_bootstrap_servers}: {error!r}") from error
        try:
            plan = plan_topics(client, TOPICS, replication_factor=replication_factor)
            if not dry_run:
                carry_out(client, plan, shrink=shrink)
        except (TopicConflictError, KafkaError) as error:
            raise CommandError(str(error)) from error
        finally:
            client.close()
        refusals = [f"refused: {line}" for line in plan.conflicts + ([] if shrink else plan.losses)]
        self.stdout.write("\n".join([*plan.lines(), *(refusals if dry_run else [])]))
        if dry_run:
            self.stdout.write("Nothing was changed.")
