"""What the store says beside its products, as customers see it."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field


class PageTitle(BaseModel):
    model_config = ConfigDict(frozen=True)

    slug: str = Field(examples=["imprint"])
    title: str = Field(examples=["Imprint"])


class Page(PageTitle):
    body: str = Field(description="Markdown")


class PageList(BaseModel):
    """In the order of their titles."""

    items: list[PageTitle]


class Banner(BaseModel):
    model_config = ConfigDict(frozen=True)

    title: str = Field(examples=["Summer sale"])
    text: str
    link: str = Field(
        description="`product:` with a SKU, `category:` or `page:` with a slug, or an https address",
        examples=["category:kitchen"],
    )
    starts_at: datetime
    ends_at: datetime | None = Field(description="null: it stays")


class Home(BaseModel):
    """The app's first screen: the banners that are shown now, in their order."""

    banners: list[Banner]
