"""Logging in, and the OpenID Connect provider. Only what is in use: no registration, no reset by email yet."""

from allauth.account import views as account
from django.urls import include, path

from tandem_admin.identity import endpoints

urlpatterns = [
    path("accounts/login/", account.login, name="account_login"),
    path("accounts/logout/", account.logout, name="account_logout"),
    path("accounts/inactive/", account.account_inactive, name="account_inactive"),
    path("accounts/reauthenticate/", account.reauthenticate, name="account_reauthenticate"),
    # Closed by AccountAdapter; allauth's login page asks for its address.
    path("accounts/signup/", account.signup, name="account_signup"),
    path(".well-known/openid-configuration", endpoints.configuration),
    path(".well-known/jwks.json", endpoints.jwks),
    path("identity/o/api/token", endpoints.token),
    path("", include("allauth.idp.urls")),
]
