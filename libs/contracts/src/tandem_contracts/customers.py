"""Events of the aggregate `customer`, in the topic `tandem.customers`. No personal data: whoever needs it reads it."""

from uuid import UUID

from tandem_contracts.payloads import Payload


class CustomerEvent(Payload):
    customer_id: UUID


class CustomerRegistered(CustomerEvent):
    pass


class CustomerDeactivated(CustomerEvent):
    """From now on no service accepts this customer's requests."""


class CustomerReactivated(CustomerEvent):
    pass
