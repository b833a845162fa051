"""What staff are asked when they act on an order."""

from django import forms
from unfold.widgets import UnfoldAdminTextInputWidget


class ShipmentForm(forms.Form):
    carrier = forms.CharField(label="Carrier", max_length=100, widget=UnfoldAdminTextInputWidget)
    tracking_number = forms.CharField(
        label="Tracking number", max_length=100, required=False, widget=UnfoldAdminTextInputWidget
    )


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label="Reason", max_length=500, widget=UnfoldAdminTextInputWidget, help_text="The customer can read it."
    )
