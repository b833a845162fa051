"""Money between the database (integers in minor units) and people (decimals)."""

from decimal import Decimal

from tandem_contracts.money import exponent_of, format_money, from_minor

__all__ = ["exponent_of", "format_money", "from_minor", "to_minor"]


def to_minor(amount: Decimal, currency: str) -> int:
    """19.99 EUR is 1999. Raises ValueError for more decimal places than the currency has."""
    scaled = amount.scaleb(exponent_of(currency))
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{currency} has {exponent_of(currency)} decimal places")
    return int(scaled)
