from django.apps import AppConfig


class RefundsConfig(AppConfig):
    name = "tandem_admin.refunds"
    label = "refunds"
