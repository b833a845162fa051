"""The admin's settings, for a service of plain Django that takes orders over HTTP."""

from tandem_admin.settings import *  # noqa: F403 - settings are a module's names

ROOT_URLCONF = "benchmarks.events.peers.django_orders"
# What every such service would have; sessions, logins and pages are not for it.
MIDDLEWARE = [
    "tandem_admin.middleware.observe_requests",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
]
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "tandem_admin.users",
    "tandem_admin.catalog",
    "tandem_admin.inventory",
    "tandem_admin.orders",
    "tandem_admin.events",
]
