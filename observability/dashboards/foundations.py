"""What will hurt one day, when nobody does anything about it."""

from observability.dashboards.model import Panel, Query, Row

_OURS = '{persistentvolumeclaim=~".*(postgres|kafka|brokers|controllers).*"}'
_LEFT = f"kubelet_volume_stats_available_bytes{_OURS} / kubelet_volume_stats_capacity_bytes{_OURS}"

FOUNDATIONS = Row(
    "What will hurt one day",
    (
        Panel(
            title="Room on the disks",
            description="Share that is left of each volume of Postgres and Kafka. The kubelet's figures: without a"
            " cluster there are none.",
            unit="percentunit",
            width=6,
            warn=0.2,
            bad=0.05,
            low_is_bad=True,
            runbook="TandemDiskFilling",
            queries=(Query(f"min by (namespace, persistentvolumeclaim) ({_LEFT})", "{{persistentvolumeclaim}}"),),
        ),
        Panel(
            title="Time until certificates end",
            description="Of Kafka's brokers and their authority as the relay meets them; of API and admin as the probe"
            " does. Without TLS there are none.",
            unit="s",
            width=6,
            warn=1_209_600,
            bad=172_800,
            low_is_bad=True,
            runbook="TandemCertificateEnds",
            queries=(Query("min by (of) (tandem_certificate_not_after_seconds) - time()", "{{of}}"),),
        ),
        Panel(
            title="Age of the signing key",
            description="Since when the key signs tokens that signs now. Half a year is enough.",
            unit="s",
            width=6,
            warn=15_552_000,
            runbook="TandemSigningKeyOld",
            queries=(Query("max(tandem_signing_key_age_seconds)", "age"),),
        ),
        Panel(
            title="Migrations that lack",
            description="Of the admin's release, in the database. Its pods are not ready while there are any.",
            unit="short",
            width=6,
            bad=1,
            runbook="TandemMigrationFailed",
            queries=(Query("max(tandem_schema_missing_migrations)", "migrations"),),
        ),
    ),
)
