from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "tandem_admin.demo"
    label = "demo"
