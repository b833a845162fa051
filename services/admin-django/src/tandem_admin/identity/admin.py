"""The page for OAuth clients. Tokens, and allauth's own list of addresses, are nothing to edit by hand."""

from allauth.account.models import EmailAddress
from allauth.idp.oidc.admin import ClientAdmin as AllauthClientAdmin
from allauth.idp.oidc.models import Client, Token
from django.contrib import admin

from tandem_admin.unfold_types import ModelAdmin

for model in (Client, Token, EmailAddress):
    admin.site.unregister(model)


@admin.register(Client)
class ClientAdmin(AllauthClientAdmin, ModelAdmin):  # type: ignore[misc]  # allauth has no types
    list_display = ("name", "id", "type", "skip_consent", "created_at")
    exclude = ("data", "allow_uri_wildcards")
