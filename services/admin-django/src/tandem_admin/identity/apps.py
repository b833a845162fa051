from django.apps import AppConfig


class IdentityConfig(AppConfig):
    name = "tandem_admin.identity"
    label = "identity"

    def ready(self) -> None:
        from oauthlib.oauth2.rfc6749.grant_types import (  # type: ignore[import-untyped]  # noqa: PLC0415
            AuthorizationCodeGrant,
        )

        # With "plain" the challenge is the verifier: who reads the request can use the code (RFC 9700, section 2.1.1).
        # oauthlib offers both and has no option for it.
        methods = AuthorizationCodeGrant._code_challenge_methods  # noqa: SLF001
        AuthorizationCodeGrant._code_challenge_methods = {"S256": methods["S256"]}  # noqa: SLF001
