"""What staff decide about a dead letter, each with a page of its own."""

from collections.abc import Callable

from tandem_admin.acts import Act, ActRefusedError
from tandem_admin.events import services
from tandem_admin.events.forms import ALL, DecisionForm
from tandem_admin.events.models import DeadLetter, DeadLetterDecision

Action = DeadLetterDecision.Action
PERMISSION = "events.decide_deadletter"


def _perform(action: DeadLetterDecision.Action) -> Callable[..., str]:
    def perform(letter: DeadLetter, *, why: str, scope: str, decided_by: str) -> str:
        decide = services.decide_all if scope == ALL else services.decide_one
        try:
            decided = decide(letter, action, why=why, decided_by=decided_by)
        except services.DecisionNotPossibleError as error:
            raise ActRefusedError(str(error)) from error
        return told(decided)

    return perform


def told(decided: list[DeadLetter]) -> str:
    """What to tell whoever decided."""
    letters = "1 letter" if len(decided) == 1 else f"{len(decided)} letters"
    return f"Decided about {letters}. The consumer carries it out, each in its turn."


def _refusal(action: DeadLetterDecision.Action) -> Callable[[DeadLetter], str | None]:
    return lambda letter: services.why_not(letter, action)


REPLAY = Act(
    name="replay",
    title="Replay",
    icon="replay",
    permission=PERMISSION,
    form=DecisionForm,
    perform=_perform(Action.REPLAY),
    refusal=_refusal(Action.REPLAY),
    explanation="The event is applied again; what queued behind it follows in order. If it fails again, it stays here.",
)
REPLAY_DESPITE_GAP = Act(
    name="replay-despite-gap",
    title="Replay despite gap",
    icon="fast_forward",
    permission=PERMISSION,
    form=DecisionForm,
    perform=_perform(Action.REPLAY_DESPITE_GAP),
    refusal=_refusal(Action.REPLAY_DESPITE_GAP),
    explanation=(
        "The event is applied although versions before it never came. Should they come later, they count as"
        " duplicates and are not applied."
    ),
    dangerous=True,
)
DISCARD = Act(
    name="discard",
    title="Discard",
    icon="delete",
    permission=PERMISSION,
    form=DecisionForm,
    perform=_perform(Action.DISCARD),
    refusal=_refusal(Action.DISCARD),
    explanation="The event never takes effect; what queued behind it is applied. There is no way back.",
    dangerous=True,
)
