"""Money, an integer in minor units, as people read it."""

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


def from_minor(minor: int, currency: str) -> Decimal:
    """1999 EUR is 19.99, with all its decimal places."""
    return Decimal(minor).scaleb(-exponent_of(currency))


def format_money(minor: int, currency: str) -> str:
    """As people read it: € 1,234.50."""
    return (
        f"{SYMBOLS.get(currency, currency)}\N{NO-BREAK SPACE}{from_minor(minor, currency):,.{exponent_of(currency)}f}"
    )
