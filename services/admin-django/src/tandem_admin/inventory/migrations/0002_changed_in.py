"""The transaction that last changed what is available of a SKU; see the same column of products.

Unlike there it has no index: a reservation would then be no HOT update. The feed reads the whole table, 50 ms for a
hundred thousand SKUs.
"""

from django.db import migrations

CREATE = """
ALTER TABLE inventory_stock ADD COLUMN changed_in bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint);

CREATE FUNCTION inventory_stock_changed() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.available IS DISTINCT FROM OLD.available THEN
        NEW.changed_in := pg_current_xact_id()::text::bigint;
    ELSE
        NEW.changed_in := OLD.changed_in;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER inventory_stock_changed BEFORE UPDATE ON inventory_stock
    FOR EACH ROW EXECUTE FUNCTION inventory_stock_changed();
"""
DROP = """
DROP TRIGGER inventory_stock_changed ON inventory_stock;
DROP FUNCTION inventory_stock_changed();
ALTER TABLE inventory_stock DROP COLUMN changed_in;
"""


class Migration(migrations.Migration):
    dependencies = [("inventory", "0001_initial")]
    operations = [migrations.RunSQL(CREATE, DROP)]
