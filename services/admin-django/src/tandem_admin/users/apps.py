from django.apps import AppConfig


class UsersConfig(AppConfig):
    name = "tandem_admin.users"
    label = "users"
