from django.apps import AppConfig


class DatabaseConfig(AppConfig):
    name = "tandem_admin.database"
    label = "database"
