"""Dates as staff in several countries read them alike; Django's own `en` has am and pm, and no seconds."""

DATETIME_FORMAT = "j M Y, H:i:s"
DATE_FORMAT = "j M Y"
TIME_FORMAT = "H:i:s"
