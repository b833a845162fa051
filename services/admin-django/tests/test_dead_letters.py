"""Staff see why an event could not be applied, and decide; the consumer carries it out."""

from collections.abc import Callable

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Permission
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from tandem_admin.audit.models import AuditEntry
from tandem_admin.events import services
from tandem_admin.events.models import DeadLetter, DeadLetterDecision
from tandem_admin.users.models import User

from .dead_letters import Die
from .store import TRACEPARENT, Store

pytestmark = pytest.mark.django_db
LIST = "/admin/events/deadletter/"
WHY = "the release is mended"
TRACE_ID = TRACEPARENT.split("-")[1]


def page(letter: DeadLetter, name: str = "change") -> str:
    return f"{LIST}{letter.pk}/{name}/"


def decisions(*letters: DeadLetter) -> list[tuple[int, str, str, str]]:
    """Version, action, reason and who, of each decision about the letters."""
    made = DeadLetterDecision.objects.filter(aggregate_id__in={letter.aggregate_id for letter in letters})
    return sorted(made.values_list("version", "action", "why", "decided_by"))


BY = "chief@example.com"


class TestThePage:
    def test_shows_all_that_helps_to_decide(self, staff: Client, die: Die) -> None:
        dead, _ = die(v1="dead/poison", v2="queued/behind")
        services.decide([dead], services.Action.REPLAY, why=WHY, decided_by="ada@example.com")

        shown = staff.get(page(dead)).content.decode()

        for text in ("PoisonError: no stock row", "&lt;b&gt;bold&lt;/b&gt;", TRACE_ID, "applied up to version 0"):
            assert text in shown
        for text in (f"/admin/orders/order/{dead.aggregate_id}/change/", "#2", "Queued", WHY, "ada@example.com"):
            assert text in shown

    def test_leads_to_the_trace_where_there_is_a_place_for_traces(
        self, staff: Client, die: Die, settings: LazySettings
    ) -> None:
        (dead,) = die(v1="dead/poison")
        assert "traces.example.com" not in staff.get(page(dead)).content.decode()
        settings.TRACE_URL = "https://traces.example.com/{trace_id}"
        assert f"https://traces.example.com/{TRACE_ID}" in staff.get(page(dead)).content.decode()

    @pytest.mark.parametrize(
        ("position", "versions", "offered"),
        [
            (0, {"v1": "dead/poison"}, {"replay", "discard"}),
            (1, {"v3": "dead/gap"}, {"replay-despite-gap", "discard"}),
            (2, {"v3": "dead/gap"}, {"replay", "discard"}),
            (0, {"v1": "queued/behind"}, {"discard"}),
            (None, {"v9": "dead/malformed"}, {"discard"}),
            (1, {"v1": "replayed/poison"}, set()),
            (1, {"v1": "discarded/poison"}, set()),
        ],
    )
    def test_offers_what_makes_sense(
        self, staff: Client, die: Die, position: int | None, versions: dict[str, str], offered: set[str]
    ) -> None:
        (letter,) = die(position=position, **versions)
        shown = staff.get(page(letter)).content.decode()
        assert {name for name in ("replay", "replay-despite-gap", "discard") if page(letter, name) in shown} == offered

    def test_knows_a_gap_between_letters(self, staff: Client, die: Die) -> None:
        _, behind_a_gap = die(v1="dead/poison", v4="queued/behind")
        assert "versions 2 to 3" in staff.get(page(behind_a_gap)).content.decode()

    def test_cannot_be_posted_to(self, staff: Client, die: Die) -> None:
        (dead,) = die(v1="dead/poison")
        assert staff.post(page(dead), {"state": "discarded"}).status_code == 403
        assert staff.post(page(dead, "delete"), {"post": "yes"}).status_code == 403


class TestDeciding:
    @pytest.mark.parametrize(
        ("name", "position", "action"),
        [("replay", 2, "replay"), ("replay-despite-gap", 0, "replay_despite_gap"), ("discard", 0, "discard")],
    )
    def test_keeps_who_and_why(self, staff: Client, die: Die, name: str, position: int, action: str) -> None:
        (dead,) = die(position=position, v3="dead/gap")
        response = staff.post(page(dead, name), {"why": WHY, "scope": "this"}, follow=True)
        assert "Decided about 1 letter." in response.content.decode()
        assert decisions(dead) == [(3, action, WHY, BY)]
        dead.refresh_from_db()
        assert dead.state == "dead", "carrying it out is the consumer's"
        assert AuditEntry.objects.filter(object_id=dead.pk, actor__email=BY).count() == 1

    def test_may_be_about_all_of_the_aggregate(self, staff: Client, die: Die) -> None:
        letters = die(v1="replayed/poison", v2="dead/poison", v3="queued/behind")
        other = die(v2="dead/poison")
        staff.post(page(letters[1], "discard"), {"why": WHY, "scope": "all"})
        assert decisions(*letters) == [(2, "discard", WHY, BY), (3, "discard", WHY, BY)]
        assert decisions(*other) == []

    @pytest.mark.parametrize("why", ["", "   "])
    def test_needs_a_reason(self, staff: Client, die: Die, why: str) -> None:
        (dead,) = die(v1="dead/poison")
        response = staff.post(page(dead, "replay"), {"why": why, "scope": "this"})
        assert response.context["form"].errors["why"]
        assert decisions(dead) == []

    def test_does_not_happen_by_looking_at_the_form(self, staff: Client, die: Die) -> None:
        (dead,) = die(v1="dead/poison")
        assert staff.get(page(dead, "discard")).status_code == 200
        assert decisions(dead) == []

    def test_twice_is_refused_until_the_first_is_carried_out(self, staff: Client, die: Die) -> None:
        (dead,) = die(v1="dead/poison")
        staff.post(page(dead, "replay"), {"why": WHY, "scope": "this"})
        assert "/replay/" not in staff.get(page(dead)).content.decode()
        response = staff.post(page(dead, "discard"), {"why": WHY, "scope": "this"})
        assert response.status_code == 409
        assert [action for _, action, _, _ in decisions(dead)] == ["replay"]

    def test_about_a_letter_settled_meanwhile_is_refused(self, staff: Client, die: Die) -> None:
        (settled,) = die(v1="replayed/poison")
        assert staff.post(page(settled, "discard"), {"why": WHY, "scope": "this"}).status_code == 409
        assert decisions(settled) == []


class TestDecidingAboutMany:
    def select(self, *letters: DeadLetter, action: str = "replay", **fields: str) -> dict[str, object]:
        return {"action": action, "_selected_action": [str(letter.pk) for letter in letters], **fields}

    def test_asks_first_and_names_them(self, staff: Client, die: Die) -> None:
        letters = [*die(v1="dead/poison"), *die(v1="dead/poison")]
        shown = staff.post(LIST, self.select(*letters)).content.decode()
        assert all(str(letter.aggregate_id) in shown for letter in letters)
        assert decisions(*letters) == []

    @pytest.mark.parametrize("action", ["replay", "replay_despite_gap", "discard"])
    def test_keeps_who_and_why_for_each(self, staff: Client, die: Die, action: str) -> None:
        letters = [*die(v1="dead/poison"), *die(v1="dead/poison")]
        response = staff.post(LIST, self.select(*letters, action=action, why=WHY), follow=True)
        assert "Decided about 2 letters." in response.content.decode()
        assert decisions(*letters) == [(1, action, WHY, BY)] * 2
        assert AuditEntry.objects.filter(object_id__in=[letter.pk for letter in letters]).count() == 2

    def test_leaves_out_what_cannot_be_decided(self, staff: Client, die: Die) -> None:
        (dead,) = die(v1="dead/poison")
        (settled,) = die(v1="discarded/poison")
        (record,) = die(position=None, v1="dead/malformed")
        (decided,) = die(v1="dead/poison")
        services.decide([decided], services.Action.DISCARD, why=WHY, decided_by=BY)
        selected = (dead, settled, record, decided)

        shown = staff.post(LIST, self.select(*selected)).content.decode()
        assert "3 of the selected are left out" in shown
        staff.post(LIST, self.select(*selected, why=WHY))

        assert decisions(dead) == [(1, "replay", WHY, BY)]
        assert decisions(settled, record) == []
        assert decisions(decided) == [(1, "discard", WHY, BY)]

    def test_says_so_when_nothing_can_be_decided(self, staff: Client, die: Die) -> None:
        (settled,) = die(v1="discarded/poison")
        assert "can be decided about these letters" in staff.post(LIST, self.select(settled)).content.decode()

    def test_needs_a_reason(self, staff: Client, die: Die) -> None:
        (dead,) = die(v1="dead/poison")
        response = staff.post(LIST, self.select(dead, why=" "))
        assert response.context["form"].errors["why"]
        assert decisions(dead) == []


class TestTheList:
    def test_is_found_by_what_an_operator_has_at_hand(self, staff: Client, die: Die) -> None:
        (dead,) = die(v1="dead/poison", consumer="finding")
        for term in (dead.pk, dead.aggregate_id, dead.event_id, "stock row"):
            assert str(dead.pk) in staff.get(LIST, {"q": str(term), "consumer": "finding"}).content.decode()
        assert str(dead.pk) not in staff.get(LIST, {"q": "nothing of the kind"}).content.decode()

    def test_asks_no_query_per_letter(
        self, staff: Client, die: Die, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        for _ in range(10):
            die(v1="dead/poison", v2="queued/behind")
        with django_assert_max_num_queries(12):
            assert staff.get(LIST).status_code == 200

    def test_of_decisions_tells_what_became_of_each(self, staff: Client, die: Die, store: Store) -> None:
        (dead,) = die(v1="dead/poison")
        services.decide([dead], services.Action.REPLAY, why="why on earth", decided_by=BY)
        assert "why on earth" in staff.get("/admin/events/deadletterdecision/").content.decode()
        assert staff.post("/admin/events/deadletterdecision/add/", {}).status_code == 403


def test_who_may_look_may_not_decide(client: Client, die: Die, make_user: Callable[..., User]) -> None:
    clerk = make_user("clerk@example.com", is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename="view_deadletter"))
    client.force_login(clerk)
    (dead,) = die(v1="dead/poison")

    shown = client.get(page(dead)).content.decode()
    assert "PoisonError" in shown
    assert "/replay/" not in shown
    for name in ("replay", "replay-despite-gap", "discard"):
        assert client.get(page(dead, name)).status_code == 403
        assert client.post(page(dead, name), {"why": WHY, "scope": "this"}).status_code == 403
    for action in ("replay", "replay_despite_gap", "discard"):
        client.post(LIST, {"action": action, "_selected_action": [str(dead.pk)], "why": WHY})
    assert decisions(dead) == []

    clerk.user_permissions.add(Permission.objects.get(codename="decide_deadletter"))
    client.force_login(User.objects.get(pk=clerk.pk))
    client.post(page(dead, "replay"), {"why": WHY, "scope": "this"})
    assert decisions(dead) == [(1, "replay", WHY, "clerk@example.com")]
