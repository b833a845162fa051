"""Lists ask the database the same number of questions, however many rows they show."""

from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from .objects import OneOfEach

MORE = 6


def queries_by_list(client: Client) -> dict[str, list[str]]:
    found = {}
    for model, page in admin.site._registry.items():
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_changelist"))
        assert answer.status_code == 200
        found[model._meta.label] = [query["sql"] for query in queries]
    return found


def test_no_list_asks_a_query_per_row(staff: Client, one_of_each: OneOfEach) -> None:
    one_of_each()
    queries_by_list(staff)  # what is asked once in a process
    before = {model: model._default_manager.count() for model in admin.site._registry}
    few = queries_by_list(staff)

    for _ in range(MORE):
        one_of_each()

    assert [model for model in before if model._default_manager.count() < before[model] + MORE] == []
    many = queries_by_list(staff)
    assert {name: asked for name, asked in many.items() if len(asked) > len(few[name])} == {}
