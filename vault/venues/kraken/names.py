"""What Kraken calls an asset, in several ways at once: XBT, XXBT and xbt are bitcoin. Pure.

Names with a dot (XBT.F, staked or lent) stay what they are: they are not the asset itself. Source: Kraken
"Asset names" (an X stands before old coins, a Z before currencies).
"""

from __future__ import annotations

from typing import Final

# Ours to the name that both hosts take.
_THEIRS: Final = {"BTC": "XBT", "DOGE": "XDG"}
_OURS: Final = {theirs: ours for ours, theirs in _THEIRS.items()}
# Four letters with a prefix; any other name of four letters that starts so is a coin's own.
_PREFIXED: Final = {
    f"{prefix}{name}": name
    for prefix, names in (
        ("X", ("XBT", "ETH", "XRP", "XLM", "LTC", "XDG", "ETC", "XMR", "ZEC", "REP", "MLN")),
        ("Z", ("USD", "EUR", "GBP", "CAD", "JPY", "AUD")),
    )
    for name in names
}


def ours(theirs: str) -> str:
    """Our symbol of an asset of theirs, whatever it is."""
    name = theirs.upper()
    name = _PREFIXED.get(name, name)
    return _OURS.get(name, name)


def theirs(symbol: str) -> str:
    """The name that requests carry."""
    return _THEIRS.get(symbol, symbol)
