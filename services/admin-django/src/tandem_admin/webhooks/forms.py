"""What staff are asked about webhooks."""

from typing import Any

from django import forms
from tandem_contracts.webhook_urls import objection_to
from tandem_contracts.webhooks import WEBHOOK_TYPES, types_for
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from tandem_admin.settings import SETTINGS
from tandem_admin.webhooks.models import Endpoint


class EndpointForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    event_types = forms.MultipleChoiceField(
        choices=[(name, name) for name in WEBHOOK_TYPES],
        widget=forms.CheckboxSelectMultiple,
        help_text="Those that the scopes of the partner's client allow.",
    )

    class Meta:
        model = Endpoint
        fields = ("client", "url", "description", "event_types")

    def clean_url(self) -> str:
        url = str(self.cleaned_data["url"])
        objection = objection_to(url, allow_loopback=SETTINGS.webhooks_allow_loopback)
        if objection:
            raise forms.ValidationError(objection)
        return url

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        client = cleaned.get("client") or (self.instance.client if self.instance.client_id else None)
        if client is not None:
            allowed = types_for(client.get_scopes())
            refused = [name for name in cleaned.get("event_types", ()) if name not in allowed]
            if refused:
                self.add_error("event_types", f"The partner's scopes do not allow {', '.join(refused)}.")
        return cleaned


class WhyForm(forms.Form):
    why = forms.CharField(
        label="Why",
        max_length=2000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="Kept with your name.",
    )


class DisablingForm(forms.Form):
    reason = forms.CharField(
        label="Reason", max_length=500, widget=UnfoldAdminTextInputWidget, help_text="The partner can read it."
    )


class RotationForm(forms.Form):
    former_valid_hours = forms.IntegerField(
        label="Hours that former secrets stay good",
        min_value=0,
        max_value=168,
        initial=24,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="0 when one has leaked.",
    )
