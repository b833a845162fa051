"""The rights to webhooks, for the groups that a store began with, as far as it still has them."""

from typing import Any

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

LOOK = ("view_endpoint", "view_delivery")
RIGHTS = {
    "Support": (*LOOK, "resend_delivery"),
    "Administrator": (*LOOK, "resend_delivery", "add_endpoint", "change_endpoint", "switch_endpoint"),
    "Auditor": LOOK,
}


def give(apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    Group, Permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")  # noqa: N806 - models
    # Django makes the rights themselves only when all migrations are done.
    create_permissions(installed.get_app_config("webhooks"), verbosity=0, using=schema_editor.connection.alias)
    for group in Group.objects.filter(name__in=RIGHTS):
        rights = Permission.objects.filter(content_type__app_label="webhooks", codename__in=RIGHTS[group.name])
        group.permissions.add(*rights)


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0001_initial"), ("users", "0003_roles")]
    operations = [migrations.RunPython(give, migrations.RunPython.noop)]
