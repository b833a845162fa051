from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "tandem_admin.audit"
    label = "audit"
