"""What is done to users. The caller owns the transaction."""

from allauth.account.models import EmailAddress
from allauth.idp.oidc.models import Token
from django.db.models import F
from tandem_contracts.customers import CustomerDeactivated, CustomerReactivated, CustomerRegistered

from tandem_admin.events.services import append_event
from tandem_admin.users.models import User


def register(user: User) -> None:
    """Save a new user, who can log in at once: staff vouch for the email address."""
    user.email = user.email.lower()
    user.save(force_insert=True)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    welcome(user)


def welcome(user: User) -> None:
    """Tell of somebody who registered, and now has proven the email address."""
    append_event(user.pk, CustomerRegistered(customer_id=user.pk))


def change(user: User) -> None:
    """Save a user's changed profile. The address to log in with follows; whoever knew the old one is logged out."""
    before = User.objects.select_for_update().get(pk=user.pk)
    user.email = user.email.lower()
    # Whether one is active, and which sessions hold, has services of its own: a form opened earlier must not undo them.
    user.is_active, user.sessions_ended = before.is_active, before.sessions_ended
    user.save()
    if user.email != before.email:
        EmailAddress.objects.filter(user=user).delete()
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
        end_sessions(user)


def change_password(user: User, password: str) -> None:
    user.set_password(password)
    user.save(update_fields=["password"])
    end_sessions(user)


def deactivate(user: User) -> bool:
    """Lock a user out everywhere; False when that was so already.

    Sessions and refresh tokens end with the transaction; access tokens when the API hears of the event.
    """
    if not User.objects.filter(pk=user.pk, is_active=True).update(is_active=False):
        return False
    end_sessions(user)
    append_event(user.pk, CustomerDeactivated(customer_id=user.pk))
    user.is_active = False
    return True


def reactivate(user: User) -> bool:
    """Let a user in again, who has to log in anew; False when nothing was to do, or nobody is left."""
    if not User.objects.filter(pk=user.pk, is_active=False, erased_at=None).update(is_active=True):
        return False
    append_event(user.pk, CustomerReactivated(customer_id=user.pk))
    user.is_active = True
    return True


def end_sessions(user: User) -> None:
    """End every session and every token that could be exchanged for a new one."""
    User.objects.filter(pk=user.pk).update(sessions_ended=F("sessions_ended") + 1)
    user.refresh_from_db(fields=["sessions_ended"])
    Token.objects.filter(user=user).delete()
