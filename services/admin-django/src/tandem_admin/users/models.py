"""Everybody who logs in: customers and staff."""

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac

from tandem_admin.database.columns import created_at, uuid_primary_key
from tandem_admin.users.querysets import UserManager


class User(AbstractBaseUser, PermissionsMixin):
    """A person, known by email. A customer is a user without `is_staff`; the id is the token's `sub`."""

    id = uuid_primary_key()
    email = models.EmailField(unique=True, error_messages={"unique": "This email is in use."})
    name = models.CharField(max_length=150, blank=True, db_default="")
    is_active = models.BooleanField(
        default=True,
        db_default=True,
        help_text="Deactivated users can neither log in nor use the API; what they ordered stays.",
    )
    is_staff = models.BooleanField("staff", default=False, db_default=False, help_text="May log in here.")
    sessions_ended = models.PositiveIntegerField(
        default=0, db_default=0, editable=False, help_text="Counts how often all sessions of the user were ended."
    )
    created_at = created_at()
    erased_at = models.DateTimeField(null=True, editable=False)

    objects = UserManager()

    # What the audit trail, which nobody can change, does not keep.
    PERSONAL_FIELDS: ClassVar[tuple[str, ...]] = ("email", "name")

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        ordering = ("-created_at",)
        constraints = (models.CheckConstraint(name="users_user_email_lower", condition=models.Q(email=Lower("email"))),)
        permissions = (
            ("export_user", "Can hand out a copy of somebody's data"),
            ("erase_user", "Can erase somebody's data"),
        )

    def __str__(self) -> str:
        return self.email

    def clean(self) -> None:
        self.email = self.email.lower()

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """A session lives while this value stays: until the password changes or `sessions_ended` rises."""
        value = f"{self.password}:{self.sessions_ended}"
        return salted_hmac("tandem.users.session", value, secret=secret, algorithm="sha256").hexdigest()

    def get_full_name(self) -> str:
        return self.name or self.email

    def get_short_name(self) -> str:
        return self.name.split(" ")[0] or self.email
