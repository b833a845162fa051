"""The pages behind the problems' URIs."""

from html import escape

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from tandem_api.problems.errors import not_found
from tandem_api.problems.types import PROBLEM_TYPES, ProblemType

router = APIRouter(prefix="/problems", include_in_schema=False)

_POLICY = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"}
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 1rem/1.6 system-ui, sans-serif; max-width: 42rem; margin: 3rem auto; padding: 0 1rem; color: #1f2933 }}
code {{ background: #eef2f6; padding: .1em .3em; border-radius: .25em }}
a {{ color: #0b63b0 }}
</style>
{body}
</html>
"""


@router.get("", response_class=HTMLResponse)
async def list_problems() -> HTMLResponse:
    rows = "".join(
        f'<li><a href="/problems/{problem.slug}">{problem.slug}</a> ({problem.status}): {escape(problem.title)}</li>'
        for problem in sorted(PROBLEM_TYPES.values(), key=lambda problem: (problem.status, problem.slug))
    )
    body = f"<h1>Problems</h1><p>Every error of the API is one of these.</p><ul>{rows}</ul>"
    return HTMLResponse(_PAGE.format(title="Problems", body=body), headers=_POLICY)


@router.get("/{slug}", response_class=HTMLResponse)
async def explain_problem(slug: str) -> HTMLResponse:
    problem = PROBLEM_TYPES.get(slug)
    if problem is None:
        raise not_found("problem type")
    return HTMLResponse(_PAGE.format(title=escape(problem.title), body=_explanation(problem)), headers=_POLICY)


def _explanation(problem: ProblemType) -> str:
    # Backticks are the only markup that the texts use.
    parts = escape(problem.meaning).split("`")
    text = "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))
    return (
        f"<h1>{escape(problem.title)}</h1><p>{text}</p>"
        f"<p>Status <code>{problem.status}</code>, type <code>{problem.slug}</code>.</p>"
        f'<p><a href="/problems">All problems</a></p>'
    )
