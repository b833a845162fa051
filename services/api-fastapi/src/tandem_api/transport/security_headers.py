"""What browsers are told about every answer."""

from tandem_api.transport import Application, Message, Receive, Scope, Send

# An answer of the API is data: a browser that opens one as a page loads and runs nothing. Pages bring their own policy.
DATA_ONLY = "default-src 'none'; frame-ancestors 'none'"
TWO_YEARS = 2 * 365 * 24 * 3600


class SecurityHeaders:
    """ASGI middleware; headers that an answer has already stay as they are."""

    def __init__(self, app: Application, *, https: bool) -> None:
        self._app = app
        headers = {
            "content-security-policy": DATA_ONLY,
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
        }
        if https:
            headers["strict-transport-security"] = f"max-age={TWO_YEARS}"
        self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def protecting_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(each for each in self._headers if each[0] not in there)]
            await send(message)

        await self._app(scope, receive, protecting_send if scope["type"] == "http" else send)
