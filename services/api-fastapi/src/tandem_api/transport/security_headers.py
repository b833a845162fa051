"""What browsers are told about every answer."""

from starlette.datastructures import MutableHeaders

from tandem_api.transport import Application, Message, Receive, Scope, Send

# An answer of the API is data: a browser that opens one as a page loads and runs nothing. Pages bring their own policy.
DATA_ONLY = "default-src 'none'; frame-ancestors 'none'"
TWO_YEARS = 2 * 365 * 24 * 3600


class SecurityHeaders:
    """ASGI middleware; headers that an answer has already stay as they are."""

    def __init__(self, app: Application, *, https: bool) -> None:
        self._app = app
        self._headers = {
            "Content-Security-Policy": DATA_ONLY,
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
        if https:
            self._headers["Strict-Transport-Security"] = f"max-age={TWO_YEARS}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def protecting_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, protecting_send if scope["type"] == "http" else send)
