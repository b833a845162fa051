"""Registering, logging in, the second factor, and the OpenID Connect provider. Only the pages that are in use."""

from allauth.account import views as account
from django.urls import include, path

from tandem_admin.identity import endpoints

urlpatterns = [
    path("accounts/login/", account.login, name="account_login"),
    path("accounts/logout/", account.logout, name="account_logout"),
    path("accounts/inactive/", account.account_inactive, name="account_inactive"),
    path("accounts/reauthenticate/", account.reauthenticate, name="account_reauthenticate"),
    path("accounts/signup/", account.signup, name="account_signup"),
    path("accounts/confirm-email/", account.email_verification_sent, name="account_email_verification_sent"),
    path("accounts/password/change/", account.password_change, name="account_change_password"),
    path("accounts/password/reset/", account.password_reset, name="account_reset_password"),
    path(
        "accounts/password/reset/confirm/",
        account.confirm_password_reset_code,
        name="account_confirm_password_reset_code",
    ),
    path("accounts/password/reset/complete/", account.complete_password_reset, name="account_complete_password_reset"),
    path(
        "accounts/password/reset/done/",
        account.password_reset_from_key_done,
        name="account_password_reset_completed",
    ),
    path("accounts/2fa/", include("allauth.mfa.urls")),
    path(".well-known/openid-configuration", endpoints.configuration),
    path(".well-known/jwks.json", endpoints.jwks),
    path("identity/o/api/token", endpoints.token),
    path("", include("allauth.idp.urls")),
]
