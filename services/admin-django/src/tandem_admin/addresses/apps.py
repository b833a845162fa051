from django.apps import AppConfig


class AddressesConfig(AppConfig):
    name = "tandem_admin.addresses"
    label = "addresses"
