"""Partners: applications that call in their own name. No customer's data is theirs to see."""

from typing import Annotated

import structlog
from fastapi import Depends, Request, Security
from fastapi.openapi.models import OAuthFlowClientCredentials, OAuthFlows
from fastapi.security import OAuth2, SecurityScopes
from tandem_contracts.webhooks import MANAGE_SCOPE

from tandem_api.identity.principal import proven, require_scopes
from tandem_api.identity.scopes import FEED_READ, ORDERS_STATUS, PARTNER_SCOPES
from tandem_api.identity.tokens import PartnerToken, verify_partner

PARTNER_SCHEME_NAME = "partner"

# The address depends on settings: `openapi` fills it in.
credentials = OAuth2(
    flows=OAuthFlows(clientCredentials=OAuthFlowClientCredentials(tokenUrl="/", scopes=PARTNER_SCOPES)),
    scheme_name=PARTNER_SCHEME_NAME,
    auto_error=False,
)


async def _authenticate(
    request: Request, wanted: SecurityScopes, authorization: Annotated[str | None, Depends(credentials)]
) -> PartnerToken:
    scheme, _, token = (authorization or "").partition(" ")
    partner = await proven(request, token.strip() if scheme.lower() == "bearer" else None, verify_partner)
    request.state.client_id = partner.client_id  # for `transport.arrival`
    structlog.contextvars.bind_contextvars(client_id=partner.client_id)
    require_scopes(wanted, partner.scopes)
    return partner


WebhookManager = Annotated[PartnerToken, Security(_authenticate, scopes=[MANAGE_SCOPE])]
FeedReader = Annotated[PartnerToken, Security(_authenticate, scopes=[FEED_READ])]
StatusReader = Annotated[PartnerToken, Security(_authenticate, scopes=[ORDERS_STATUS])]
