"""A value that nobody describes is found in what helm-docs makes."""

from charts.readmes import UNDESCRIBED

README = """
| of | resources | |
|---|---|---|
| Postgres | `Cluster` | |

| Key | Type | Default | Description |
|-----|------|---------|-------------|
| image.tag | string | `""` | The chart's appVersion by default |
| image.digest | string | `""` |  |
| extra | object | `{"a":"b | c"}` |  |
"""


def test_a_value_without_a_description_is_found() -> None:
    assert UNDESCRIBED.findall(README) == ["image.digest", "extra"]
