"""Finding products by words, in the database; what is shown of them is in the snapshot."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

# How alike the trigrams of the words and of a part of the name must be, from 0 to 1: "enmael mugg" finds an enamel mug.
SIMILARITY = 0.35

_BOUNDS = text(
    "SELECT set_config('statement_timeout', :milliseconds, true),"
    " set_config('pg_trgm.word_similarity_threshold', :similarity, true)"
)
# The column `search` has the words of name and SKU before those of the description (weights A and C).
_WORDS = text("""
SELECT id FROM catalog_product, websearch_to_tsquery('english', :words) AS wanted
WHERE status = 'published' AND search @@ wanted
ORDER BY ts_rank_cd(search, wanted) DESC, name, sku
LIMIT :limit
""")
_SIMILAR = text("""
SELECT id FROM catalog_product
WHERE status = 'published' AND :words <% name
ORDER BY word_similarity(:words, name) DESC, name, sku
LIMIT :limit
""")


async def find_products(session: AsyncSession, words: str, *, limit: int, seconds: float) -> Sequence[UUID]:
    """The ids of published products that fit `words`, the best first; when none does, of those with similar names.

    `words` may have "phrases", `or` and -exclusions, and cannot be wrong: what is no word is passed over. The database
    gives up after `seconds`, with OperationalError.
    """
    await session.execute(_BOUNDS, {"milliseconds": str(round(seconds * 1000)), "similarity": str(SIMILARITY)})
    for query in (_WORDS, _SIMILAR):
        if found := (await session.scalars(query, {"words": words, "limit": limit})).all():
            return found
    return []
