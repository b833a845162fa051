"""The groups of `tandem_admin.users.roles`, as they are when this runs."""

from typing import Any

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from tandem_admin.users.roles import ROLES


def create(apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    Group, Permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")  # noqa: N806 - models
    # Django makes the rights themselves only when all migrations are done.
    for label in sorted({right.partition(".")[0] for rights in ROLES.values() for right in rights}):
        create_permissions(installed.get_app_config(label), verbosity=0, using=schema_editor.connection.alias)
    for name, rights in ROLES.items():
        group, _ = Group.objects.get_or_create(name=name)
        for right in rights:
            label, _, codename = right.partition(".")
            group.permissions.add(Permission.objects.get(content_type__app_label=label, codename=codename))


class Migration(migrations.Migration):
    dependencies = [
        ("users", "0002_erasure"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("catalog", "0002_schedule_prices_pictures"),
        ("content", "0001_initial"),
        ("inventory", "0001_initial"),
        ("orders", "0001_initial"),
        ("events", "0006_settled_dead_letters"),
        ("allauth_idp_oidc", "0001_initial"),
        ("audit", "0001_initial"),
    ]
    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
