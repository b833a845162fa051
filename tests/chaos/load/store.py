"""What is sold, and to whom."""

# The first products are sold out soon, even in a short run; what is cancelled is fought over again.
SCARCE = (20, 40, 150)
PLENTY = 100_000
# SKU, price in cents, pieces. The prices make totals that end in anything.
PRODUCTS = tuple(
    (f"CHAOS-{number:02}", 1000 + 37 * number, SCARCE[number] if number < len(SCARCE) else PLENTY)
    for number in range(12)
)
CUSTOMERS = tuple(f"customer-{number}@tandem.example" for number in range(6))
# The provider's answer to an amount with this ending is always 500: such an order rightly waits for ever.
NEVER_SETTLED = 13


def total(quantities: dict[str, int]) -> int:
    """What an order of these quantities costs, in cents."""
    prices = {sku: price for sku, price, _ in PRODUCTS}
    return sum(prices[sku] * quantity for sku, quantity in quantities.items())
