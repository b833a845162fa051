from django.apps import AppConfig


class ContentConfig(AppConfig):
    name = "tandem_admin.content"
    label = "content"
