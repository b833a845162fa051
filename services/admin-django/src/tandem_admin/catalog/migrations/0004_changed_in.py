"""The transaction that last changed what partners are told of a product; the API's stock feed reads by it.

Kept by Postgres: who saves a product, Django with all its columns or a hand with psql, can neither forget nor forge it.
"""

from django.db import migrations

# The default is stable, so existing rows are not written anew.
CREATE = """
ALTER TABLE catalog_product ADD COLUMN changed_in bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint);
CREATE INDEX catalog_product_changed_in ON catalog_product (changed_in, sku);

CREATE FUNCTION catalog_product_changed() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (NEW.status, NEW.price_amount, NEW.price_currency)
        IS DISTINCT FROM (OLD.status, OLD.price_amount, OLD.price_currency)
    THEN
        NEW.changed_in := pg_current_xact_id()::text::bigint;
    ELSE
        NEW.changed_in := OLD.changed_in;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER catalog_product_changed BEFORE UPDATE ON catalog_product
    FOR EACH ROW EXECUTE FUNCTION catalog_product_changed();
"""
DROP = """
DROP TRIGGER catalog_product_changed ON catalog_product;
DROP FUNCTION catalog_product_changed();
ALTER TABLE catalog_product DROP COLUMN changed_in;
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0003_search")]
    operations = [migrations.RunSQL(CREATE, DROP)]
