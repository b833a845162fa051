"""A table that Django itself needs, made by a migration rather than by `createcachetable`."""

from django.db import models


class CacheEntry(models.Model):
    """A row of Django's cache: authorization codes, rate limits. Django reads and writes it by its own SQL."""

    cache_key = models.CharField(primary_key=True, max_length=255)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "database_cacheentry"
