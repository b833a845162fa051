"""What staff are asked when they decide about dead letters."""

from django import forms
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextareaWidget

THIS, ALL = "this", "all"


class WhyForm(forms.Form):
    why = forms.CharField(
        label="Why",
        max_length=2000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="Kept with your name: what was wrong, and what makes it right now.",
    )


class DecisionForm(WhyForm):
    scope = forms.ChoiceField(
        label="About",
        choices=((THIS, "This letter"), (ALL, "All unsettled letters of this aggregate")),
        initial=THIS,
        widget=UnfoldAdminRadioSelectWidget,
    )
