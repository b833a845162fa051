"""Pages and banners in the database."""

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from tandem_tables import content as tables

from tandem_api.content.schemas import Banner, Page


async def published_pages(session: AsyncSession) -> list[Page]:
    query = select(tables.Page).where(tables.Page.is_published).order_by(tables.Page.title, tables.Page.slug)
    return [Page(slug=page.slug, title=page.title, body=page.body) for page in await session.scalars(query)]


async def unended_banners(session: AsyncSession) -> list[Banner]:
    """Those of now and of later, in the order in which they are shown."""
    banner = tables.Banner
    query = (
        select(banner)
        .where(or_(banner.ends_at.is_(None), banner.ends_at > func.now()))
        .order_by(banner.position, banner.starts_at.desc(), banner.id)
    )
    return [
        Banner(title=one.title, text=one.text, link=one.link, starts_at=one.starts_at, ends_at=one.ends_at)
        for one in await session.scalars(query)
    ]
