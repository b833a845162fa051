"""The page for OAuth clients. Tokens, second factors and allauth's list of addresses are nothing to edit by hand."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.idp.oidc.admin import ClientAdmin as AllauthClientAdmin
from allauth.idp.oidc.models import Client, Token
from allauth.mfa.models import Authenticator
from django.contrib import admin, messages
from django.http import HttpRequest
from django.urls import reverse

from tandem_admin.acts import Act, ActsAdmin, button
from tandem_admin.identity import clients

for model in (Client, Token, EmailAddress, Authenticator):
    admin.site.unregister(model)


def _no_secret(client: Client) -> str | None:
    return None if client.type == Client.Type.CONFIDENTIAL else "A public client has no secret."


@admin.register(Client)
class ClientAdmin(AllauthClientAdmin, ActsAdmin):  # type: ignore[misc]  # allauth has no types
    list_display = ("name", "id", "type", "skip_consent", "created_at")
    # The owner is whom a client acts for: set by `clients.save_client_of` alone.
    exclude = ("data", "allow_uri_wildcards", "owner")
    acts = (
        Act(
            name="rotate",
            title="New secret",
            icon="key",
            permission="allauth_idp_oidc.change_client",
            perform=clients.rotate_secret,
            refusal=_no_secret,
            explanation="It is shown once. The former one is good for "
            f"{clients.FORMER_SECRET_HOURS} more hours, so that nobody is locked out meanwhile.",
        ),
        Act(
            name="revoke",
            title="Revoke former secret",
            icon="key_off",
            permission="allauth_idp_oidc.change_client",
            perform=clients.revoke_former_secret,
            refusal=lambda client: None if clients.former_secret(client) else "There is no former secret.",
            explanation="From now on only the newest secret is good.",
            dangerous=True,
        ),
    )

    def perform_act(self, request: HttpRequest, act: Act, obj: Client, fields: dict[str, Any]) -> str:
        told = str(act.perform(obj, **fields))
        if act.name != "rotate":
            return told
        # Beside the message that the audit trail keeps: nobody else is to read it.
        messages.warning(request, f"The new secret, shown this once: {told}")
        return f"The former secret is good for {clients.FORMER_SECRET_HOURS} hours."

    def buttons(self, request: HttpRequest, obj: Client) -> list[dict[str, Any]]:
        if not (request.user.has_perm("webhooks.view_endpoint") and "webhooks:manage" in obj.get_scopes()):
            return super().buttons(request, obj)
        endpoints = f"{reverse('admin:webhooks_endpoint_changelist')}?client__id__exact={obj.pk}"
        return [*super().buttons(request, obj), button("Webhooks", "webhook", endpoints)]
