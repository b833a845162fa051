"""Swagger UI, served by ourselves: it works where the internet does not reach."""

from importlib.util import find_spec
from pathlib import Path

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html, get_swagger_ui_oauth2_redirect_html
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from tandem_api.identity.scopes import SCOPES

CLIENT_ID = "tandem-api-docs"
REDIRECT_PATH = "/docs/oauth2-redirect"
ASSETS_PATH = "/docs/assets"


def serve_documentation(app: FastAPI, admin_url: str) -> None:
    """Add /docs, with a login by authorization code and PKCE at `admin_url`."""
    # Swagger UI's pages start by a script of their own, and its styles are everywhere.
    policy = {
        "Content-Security-Policy": "default-src 'none'; script-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        f"style-src 'self' 'unsafe-inline'; connect-src 'self' {admin_url}; frame-ancestors 'none'"
    }
    app.mount(ASSETS_PATH, StaticFiles(directory=_assets()), name="docs-assets")

    @app.get("/docs", include_in_schema=False)
    async def swagger_ui() -> HTMLResponse:
        page = get_swagger_ui_html(
            openapi_url="/openapi.json",
            title=app.title,
            swagger_js_url=f"{ASSETS_PATH}/swagger-ui-bundle.js",
            swagger_css_url=f"{ASSETS_PATH}/swagger-ui.css",
            swagger_favicon_url=f"{ASSETS_PATH}/favicon.png",
            oauth2_redirect_url=REDIRECT_PATH,
            init_oauth={
                "clientId": CLIENT_ID,
                "scopes": list(SCOPES),
                "usePkceWithAuthorizationCodeGrant": True,
            },
            swagger_ui_parameters={"persistAuthorization": False, "tryItOutEnabled": True},
        )
        page.headers.update(policy)
        return page

    @app.get(REDIRECT_PATH, include_in_schema=False)
    async def oauth2_redirect() -> HTMLResponse:
        page = get_swagger_ui_oauth2_redirect_html()
        page.headers.update(policy)
        return page


def _assets() -> Path:
    spec = find_spec("fastapi_offline")  # its files only: importing it would bring another FastAPI class
    if spec is None or spec.origin is None:
        raise RuntimeError("the package fastapi-offline is not installed")
    return Path(spec.origin).parent / "static"
