from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "tandem_admin.orders"
    label = "orders"
