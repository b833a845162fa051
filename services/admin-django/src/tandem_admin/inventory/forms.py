"""What staff are asked when they book stock."""

from django import forms
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

MOST_PIECES = 1_000_000


class ReceiveForm(forms.Form):
    quantity = forms.IntegerField(
        label="Pieces that arrived", min_value=1, max_value=MOST_PIECES, widget=UnfoldAdminIntegerFieldWidget
    )
    note = forms.CharField(
        label="Note",
        max_length=200,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Such as the delivery note.",
    )


class CorrectForm(forms.Form):
    difference = forms.IntegerField(
        label="Difference",
        min_value=-MOST_PIECES,
        max_value=MOST_PIECES,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Positive for pieces found, negative for pieces missing.",
    )
    reason = forms.CharField(label="Reason", max_length=200, widget=UnfoldAdminTextInputWidget)

    def clean_difference(self) -> int:
        difference: int = self.cleaned_data["difference"]
        if difference == 0:
            raise forms.ValidationError("A correction changes something.")
        return difference
