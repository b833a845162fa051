"""Django's settings, from the environment."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF, UNSAFE_INLINE
from psycopg.conninfo import conninfo_to_dict
from tandem_runtime.settings import load_settings

from tandem_admin.environment import Settings
from tandem_admin.mail import mail_settings
from tandem_admin.media import media_storage
from tandem_admin.theme import UNFOLD  # noqa: F401 - unfold's setting

SETTINGS = load_settings(Settings)


def _database(url: str) -> dict[str, Any]:
    part = conninfo_to_dict(url)
    further = {name: part[name] for name in part.keys() - {"dbname", "user", "password", "host", "port"}}
    limits = {
        "statement_timeout": SETTINGS.database_statement_timeout,
        "lock_timeout": SETTINGS.database_lock_timeout,
        "idle_in_transaction_session_timeout": SETTINGS.database_statement_timeout * 2,
    }
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": part.get("dbname", "tandem"),
        "USER": part.get("user", ""),
        "PASSWORD": part.get("password", ""),
        "HOST": part.get("host", ""),
        "PORT": part.get("port", ""),
        "CONN_MAX_AGE": SETTINGS.database_connection_seconds,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            **further,  # such as sslmode
            "connect_timeout": 5,
            "tcp_user_timeout": 25_000,  # milliseconds: a database that is gone without a word is noticed
            "application_name": "tandem-admin",
            "options": " ".join(f"-c {name}={seconds}s" for name, seconds in limits.items() if seconds),
        },
    }


# Never on, not even in development: a traceback page shows settings and variables to whoever asks.
DEBUG = False
SECRET_KEY = SETTINGS.secret_key.get_secret_value()
SECRET_KEY_FALLBACKS = [key.get_secret_value() for key in SETTINGS.secret_key_fallbacks]
DATABASES = {"default": _database(SETTINGS.database_url.get_secret_value())}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "users.User"
ROOT_URLCONF = "tandem_admin.urls"
WSGI_APPLICATION = "tandem_admin.wsgi.application"
TRACE_URL = SETTINGS.trace_url
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
USE_I18N = False
FORMAT_MODULE_PATH = ["tandem_admin.formats"]
# tandem_runtime.logs configures logging, in `wsgi` and `manage`.
LOGGING_CONFIG = None

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.import_export",
    "tandem_admin.apps.BackOfficeConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "import_export",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.idp.oidc",
    "tandem_admin.users",
    "tandem_admin.identity",
    "tandem_admin.catalog",
    "tandem_admin.content",
    "tandem_admin.inventory",
    "tandem_admin.orders",
    "tandem_admin.refunds",
    "tandem_admin.addresses",
    "tandem_admin.notifications",
    "tandem_admin.events",
    "tandem_admin.webhooks",
    "tandem_admin.audit",
    "tandem_admin.demo",
    "tandem_admin.probe",
    "tandem_admin.database",
]

MIDDLEWARE = [
    "tandem_admin.middleware.observe_requests",
    "tandem_admin.middleware.separate_hosts",
    "tandem_admin.middleware.limit_bodies",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "tandem_admin.identity.popups.keep_opener",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # Before the packages' own: the pages of allauth in our design.
        "DIRS": [Path(__file__).parent / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

STATIC_URL = "/static/"
STATIC_ROOT = SETTINGS.static_root
STATICFILES_DIRS = [Path(__file__).parent / "static"]
WHITENOISE_USE_FINDERS = SETTINGS.static_root is None
STORAGES = {
    "default": media_storage(SETTINGS),
    "staticfiles": {
        "BACKEND": (
            "whitenoise.storage.CompressedManifestStaticFilesStorage"
            if SETTINGS.static_root
            else "django.contrib.staticfiles.storage.StaticFilesStorage"
        )
    },
}

# Authorization codes and rate limits live here, so it is one for all pods; and a table asks for no further server.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "database_cacheentry",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    }
}

ALLOWED_HOSTS = sorted({SETTINGS.admin_host, SETTINGS.staff_host, SETTINGS.keys_host} - {""})
CSRF_TRUSTED_ORIGINS = sorted({SETTINGS.admin_url, SETTINGS.staff_url or SETTINGS.admin_url})
SECURE_SSL_REDIRECT = SETTINGS.https
SECURE_HSTS_SECONDS = int(timedelta(days=365).total_seconds()) if SETTINGS.https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SETTINGS.https
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = SETTINGS.https
SESSION_COOKIE_AGE = int(timedelta(hours=SETTINGS.session_hours).total_seconds())
CSRF_COOKIE_SECURE = SETTINGS.https
CSRF_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
# Forms may lead anywhere: after a login an application's redirect URI is where the browser has to go. The back office,
# whose menus need Alpine's expressions, has rules of its own (`back_office`).
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF, UNSAFE_INLINE],
        "img-src": [SELF, "data:", SETTINGS.media_base_url],
        "font-src": [SELF],
        "connect-src": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
# A cell that begins as a formula stays text: spreadsheets would run it on the computer of whoever opens the export.
IMPORT_EXPORT_ESCAPE_FORMULAE_ON_EXPORT = True
# Entering a domain in the browsers' preload lists is its owner's decision, not this service's.
SILENCED_SYSTEM_CHECKS = ["security.W021"]

globals().update(mail_settings(SETTINGS.mail_url.get_secret_value()))
DEFAULT_FROM_EMAIL = SETTINGS.mail_from

AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"

ACCOUNT_ADAPTER = "tandem_admin.identity.accounts.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_FORMS = {"login": "tandem_admin.identity.forms.LoginForm"}
ACCOUNT_SIGNUP_FORM_CLASS = "tandem_admin.identity.forms.SignupForm"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
# By codes that are typed in rather than links: whoever came from the mobile app stays in its flow.
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_SESSION_REMEMBER = True
# How often one may try, by address and by account, is allauth's default; its counters are in CACHES.
MFA_ADAPTER = "tandem_admin.identity.second_factor.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Tandem"
# One step, 30 seconds, before and after: phones' clocks are not exact.
MFA_TOTP_TOLERANCE = 1
ALLAUTH_TRUSTED_PROXY_COUNT = SETTINGS.trusted_proxy_count

if not SETTINGS.https:
    # Only for this does oauthlib's server ask whether a transport is safe: to answer a browser application (the API's
    # documentation) whose origin is plain http, as it is on a laptop. Production is https.
    os.environ.setdefault("OAUTHLIB_INSECURE_TRANSPORT", "1")
IDP_OIDC_ADAPTER = "tandem_admin.identity.provider.ProviderAdapter"
IDP_OIDC_PRIVATE_KEYS = [
    {"pem": key.pem.get_secret_value(), "not_before": key.not_before, "expires_at": key.expires_at}
    for key in SETTINGS.oidc_private_keys
]
IDP_OIDC_ACCESS_TOKEN_FORMAT = "jwt"  # noqa: S105 - a format
IDP_OIDC_ACCESS_TOKEN_EXPIRES_IN = int(timedelta(minutes=5).total_seconds())
IDP_OIDC_REFRESH_TOKEN_EXPIRES_IN = int(timedelta(days=30).total_seconds())
IDP_OIDC_ROTATE_REFRESH_TOKEN = True
IDP_OIDC_JWKS_CACHE_CONTROL = int(timedelta(minutes=5).total_seconds())
