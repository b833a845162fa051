from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "tandem_admin.notifications"
    label = "notifications"
