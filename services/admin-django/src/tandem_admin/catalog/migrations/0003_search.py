"""What customers' search reads: the words of a product, weighted, and the trigrams of its name for misspelt ones.

The column is Postgres' alone, so it is none of the model: nobody could write it, and nobody who reads products wants it.
"""

from django.db import migrations

WORDS = """
ALTER TABLE catalog_product ADD COLUMN search tsvector NOT NULL GENERATED ALWAYS AS (
    setweight(to_tsvector('english', name), 'A')
    || setweight(to_tsvector('english', sku), 'A')
    || setweight(to_tsvector('english', description), 'C')
) STORED;
CREATE INDEX catalog_product_search ON catalog_product USING gin (search);
"""
TRIGRAMS = """
-- A trusted extension: the database's owner may create it.
CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;
CREATE INDEX catalog_product_name_trigrams ON catalog_product USING gin (name gin_trgm_ops);
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0002_schedule_prices_pictures")]
    operations = [
        migrations.RunSQL(WORDS, "ALTER TABLE catalog_product DROP COLUMN search"),
        # The extension stays: something else may use it by then.
        migrations.RunSQL(TRIGRAMS, "DROP INDEX catalog_product_name_trigrams"),
    ]
