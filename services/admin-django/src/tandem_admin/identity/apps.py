from django.apps import AppConfig


class IdentityConfig(AppConfig):
    name = "tandem_admin.identity"
    label = "identity"

    def ready(self) -> None:
        from tandem_admin.identity import metrics, upstream  # noqa: PLC0415 - when the apps it changes are loaded

        upstream.refuse_plain_challenges()
        upstream.accept_former_secrets()
        upstream.keep_keys_loaded()
        metrics.watch_signing_keys()
