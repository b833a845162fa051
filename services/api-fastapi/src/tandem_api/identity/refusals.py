"""The customers whose tokens are no longer good."""

from collections.abc import Iterable
from uuid import UUID

from tandem_api.metrics import REFUSED_CUSTOMERS


class RefusedCustomers:
    """Deactivated customers, as the feed last saw them; `loaded` is false until the database was read once."""

    def __init__(self) -> None:
        self._ids: frozenset[UUID] = frozenset()
        self.loaded = False

    def __contains__(self, customer_id: UUID) -> bool:
        return customer_id in self._ids

    def replace_all(self, refused: Iterable[UUID]) -> None:
        self._set(frozenset(refused))
        self.loaded = True

    def update(self, examined: Iterable[UUID], refused: Iterable[UUID]) -> None:
        """Of the customers in `examined`, exactly those in `refused` are deactivated now."""
        self._set((self._ids - frozenset(examined)) | frozenset(refused))

    def _set(self, ids: frozenset[UUID]) -> None:
        self._ids = ids
        REFUSED_CUSTOMERS.set(len(ids))
