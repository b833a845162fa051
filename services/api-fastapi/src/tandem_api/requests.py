"""What bodies of requests have in common."""

from pydantic import BaseModel, ConfigDict

# Postgres stores no NUL characters.
PLAIN = r"^[^\x00]*$"
# One line of text: nothing that would break out of a label or a mail's header.
ONE_LINE = r"^[^\x00-\x1f\x7f]*$"


class Request(BaseModel):
    """Closed: a misspelt field is refused rather than ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)
