"""Django for a service without sessions, logins and pages: the admin's models, and the middleware of every service."""

import os

from psycopg.conninfo import conninfo_to_dict

from benchmarks.api.peers.answers import DATABASE_URL, POOL

_part = conninfo_to_dict(DATABASE_URL)
ASYNC = bool(os.environ.get("BENCHMARK_ASYNC"))

SECRET_KEY = "nothing is signed here"  # noqa: S105
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
USE_TZ = True
USE_I18N = False
LOGGING_CONFIG = None
AUTH_USER_MODEL = "users.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "benchmarks.api.peers.django_async" if ASYNC else "benchmarks.api.peers.django_sync"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "tandem_admin.users",
    "tandem_admin.catalog",
    "tandem_admin.inventory",
    "tandem_admin.events",
]
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _part["dbname"],
        "USER": _part["user"],
        "PASSWORD": _part.get("password", ""),
        "HOST": _part["host"],
        "PORT": _part["port"],
        # Threads keep their connection. Under ASGI Django's manual says not to: a pool instead.
        "CONN_MAX_AGE": 0 if ASYNC else None,
        "OPTIONS": {"pool": {"min_size": POOL, "max_size": POOL}} if ASYNC else {},
    }
}
