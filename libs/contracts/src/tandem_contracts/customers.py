"""Events of the aggregate `customer`, in the topic `tandem.customers`. No personal data: whoever needs it reads it."""

from uuid import UUID

from tandem_contracts.payloads import Payload


class CustomerEvent(Payload):
    customer_id: UUID


class CustomerRegistered(CustomerEvent):
    """There is a new customer."""


class CustomerDeactivated(CustomerEvent):
    """From now on no service accepts this customer's requests."""


class CustomerReactivated(CustomerEvent):
    """Requests of this customer are accepted again."""


class CustomerErased(CustomerEvent):
    """Nothing tells any more who this customer was. Whoever keeps personal data of theirs has to remove it."""
