"""What staff do about endpoints and deliveries, each with a page of its own."""

from collections.abc import Callable

from tandem_admin.acts import Act, ActRefusedError, always_possible
from tandem_admin.webhooks import services
from tandem_admin.webhooks.forms import DisablingForm, RotationForm, WhyForm
from tandem_admin.webhooks.models import Delivery, Endpoint

SWITCH = "webhooks.switch_endpoint"


def _must_be(state: Endpoint.State) -> Callable[[Endpoint], str | None]:
    return lambda endpoint: None if endpoint.state == state else f"The endpoint is {endpoint.state}."


def _enable(endpoint: Endpoint, *, why: str) -> str:  # noqa: ARG001 - kept by the audit trail
    services.enable(endpoint)
    return "What waits is being sent."


def _disable(endpoint: Endpoint, *, reason: str) -> str:
    services.disable(endpoint, reason)
    return "Nothing is sent any more."


def _resend(delivery: Delivery, *, why: str, requested_by: str) -> str:
    if not services.request_resend([delivery], requested_by=requested_by, why=why):
        raise ActRefusedError("Somebody has asked for that already; it will be sent within seconds.")
    return "It will be sent again within seconds."


def _test(endpoint: Endpoint, *, requested_by: str) -> str:
    services.request_test(endpoint, requested_by=requested_by)
    return "A test event will be sent within seconds."


ROTATE = Act(
    name="rotate",
    title="New secret",
    icon="key",
    permission=SWITCH,
    form=RotationForm,
    perform=services.rotate_secret,
    refusal=always_possible,
    explanation="It is shown once. Messages are signed with each secret that is good.",
)
ENDPOINT_ACTS = (
    Act(
        name="test",
        title="Send test",
        icon="send",
        permission=SWITCH,
        perform=_test,
        refusal=_must_be(Endpoint.State.ENABLED),
        explanation="An event that says no more than that it arrives.",
    ),
    ROTATE,
    Act(
        name="enable",
        title="Enable",
        icon="play_arrow",
        permission=SWITCH,
        form=WhyForm,
        perform=_enable,
        refusal=_must_be(Endpoint.State.DISABLED),
        explanation="What waits is sent, and what happens from now on. What happened meanwhile is not.",
    ),
    Act(
        name="disable",
        title="Disable",
        icon="pause",
        permission=SWITCH,
        form=DisablingForm,
        perform=_disable,
        refusal=_must_be(Endpoint.State.ENABLED),
        explanation="What waits is kept. The partner can enable it again: who shall hear nothing more loses the scope.",
        dangerous=True,
    ),
)
RESEND = Act(
    name="resend",
    title="Resend",
    icon="replay",
    permission="webhooks.resend_delivery",
    form=WhyForm,
    perform=_resend,
    refusal=services.why_not_resend,
    explanation="The same message with the same id. A partner who has it already will know.",
)
