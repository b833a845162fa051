"""Money between the database (integers in minor units) and people (decimals)."""

from decimal import Decimal

# ISO 4217 currencies whose minor unit is not the hundredth.
EXPONENTS = {
    **dict.fromkeys(
        (
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}


def exponent_of(currency: str) -> int:
    """How many decimal places the currency has."""
    return EXPONENTS.get(currency, 2)


def to_minor(amount: Decimal, currency: str) -> int:
    """19.99 EUR is 1999. Raises ValueError for more decimal places than the currency has."""
    scaled = amount.scaleb(exponent_of(currency))
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{currency} has {exponent_of(currency)} decimal places")
    return int(scaled)


def from_minor(minor: int, currency: str) -> Decimal:
    """1999 EUR is 19.99, with all its decimal places."""
    return Decimal(minor).scaleb(-exponent_of(currency))


def format_money(minor: int, currency: str) -> str:
    """As people read it: € 1,234.50."""
    return (
        f"{SYMBOLS.get(currency, currency)}\N{NO-BREAK SPACE}{from_minor(minor, currency):,.{exponent_of(currency)}f}"
    )
