from django.apps import AppConfig


class InventoryConfig(AppConfig):
    name = "tandem_admin.inventory"
    label = "inventory"
