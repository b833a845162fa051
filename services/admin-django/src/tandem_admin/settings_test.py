"""The settings for tests and type checks: as settings, but not those of production."""

import os

os.environ.setdefault("TANDEM_ENVIRONMENT", "test")
os.environ.setdefault("TANDEM_STAFF_SECOND_FACTOR", "false")  # tests of it turn it on

from tandem_admin.settings import *  # noqa: F403 - the environment comes first

# Seconds of every test that logs in otherwise; what production uses is Django's default, untouched.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
