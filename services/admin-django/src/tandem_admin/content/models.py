"""What the store says beside its products: pages, and banners for the app's home screen."""

from django.core.validators import RegexValidator
from django.db import models

from tandem_admin.database.columns import created_at, uuid_primary_key

# Where a banner may lead: somewhere in the app, or to a safe address.
LINK = RegexValidator(
    r"^(product:\S{1,64}|category:[-\w]{1,64}|page:[-\w]{1,64}|https://\S+)$",
    "Give product:SKU, category:slug, page:slug, or an https address.",
)


class Page(models.Model):
    """A text such as the imprint, in Markdown; customers see it while it is published."""

    id = uuid_primary_key()
    slug = models.SlugField(max_length=64, unique=True)
    title = models.CharField(max_length=200)
    body = models.TextField(help_text="Markdown.")
    is_published = models.BooleanField("published", default=False, db_default=False)
    created_at = created_at()

    class Meta:
        ordering = ("title",)

    def __str__(self) -> str:
        return self.title


class Banner(models.Model):
    """A picture's worth of text on the home screen, shown from `starts_at` until `ends_at`."""

    id = uuid_primary_key()
    title = models.CharField(max_length=100)
    text = models.CharField(max_length=200, blank=True, db_default="")
    link = models.CharField(
        max_length=500, validators=[LINK], help_text="product:SKU, category:slug, page:slug, or an https address."
    )
    position = models.PositiveSmallIntegerField(db_default=0, default=0, help_text="Lower comes first.")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True, help_text="Without it the banner stays.")
    created_at = created_at()

    class Meta:
        ordering = ("position", "-starts_at")
        constraints = (
            models.CheckConstraint(
                name="content_banner_ends_after_it_starts",
                condition=models.Q(ends_at__isnull=True) | models.Q(ends_at__gt=models.F("starts_at")),
                violation_error_message="A banner ends after it starts.",
            ),
        )

    def __str__(self) -> str:
        return self.title
