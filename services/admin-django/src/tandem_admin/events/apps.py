from django.apps import AppConfig


class EventsConfig(AppConfig):
    name = "tandem_admin.events"
    label = "events"
