from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "tandem_admin.webhooks"
    label = "webhooks"
