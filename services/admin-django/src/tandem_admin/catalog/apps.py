from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "tandem_admin.catalog"
    label = "catalog"
