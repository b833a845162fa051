from django.apps import AppConfig


class ProbeConfig(AppConfig):
    name = "tandem_admin.probe"
    label = "probe"
