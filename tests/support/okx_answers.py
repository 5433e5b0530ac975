"""Hand-made answers of an OKX account whose numbers agree with each other."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from vault.venues.common.reading import ReadingContext
from vault.venues.okx.margin import AccountAnswers
from vault.venues.okx.positions import TierTable

NOW = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)
TIME = "1788264000000"  # NOW in milliseconds
CONTEXT = ReadingContext("main", "446556270", NOW, NOW + timedelta(seconds=1), 0)


def envelope(*data: Any) -> dict[str, Any]:
    return {"code": "0", "msg": "", "data": list(data)}


def config(level: str = "3", **fields: Any) -> dict[str, Any]:
    return envelope(
        {
            "acctLv": level,
            "uid": "446556270",
            "perm": "read_only",
            "ip": "",
            "posMode": "net_mode",
            "enableSpotBorrow": False,
            **fields,
        }
    )


def currency(asset: str, **fields: Any) -> dict[str, Any]:
    """An entry of ``details`` in multi-currency margin; blank where that mode has no number."""
    return {
        "ccy": asset,
        "availBal": "0",
        "availEq": "0",
        "cashBal": "0",
        "collateralEnabled": True,
        "disEq": "0",
        "eq": "0",
        "eqUsd": "0",
        "frozenBal": "0",
        "imr": "",
        "isoEq": "0",
        "isoUpl": "0",
        "liab": "0",
        "mgnRatio": "",
        "mmr": "",
        "ordFrozen": "0",
        "uTime": TIME,
        "upl": "0",
        **fields,
    }


def balance(*details: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return envelope(
        {
            "adjEq": "10417812",
            "availEq": "10411812",
            "imr": "6000",
            "isoEq": "583.05084744",
            "mgnRatio": "43000",
            "mmr": "240",
            "ordFroz": "12.5",
            "notionalUsdForSwap": "61000",
            "notionalUsdForFutures": "0",
            "totalEq": "11120983.05084744",
            "uTime": TIME,
            "upl": "1000",
            "details": list(details) or [BITCOIN, TETHER],
            **fields,
        }
    )


BITCOIN = currency(
    "BTC",
    cashBal="1.99",
    isoEq="0.009717514124",
    isoUpl="-0.000282485876",
    upl="-0.000282485876",
    eq="1.999717514124",
    eqUsd="119983.05084744",
    disEq="117012",
)
TETHER = currency("USDT", cashBal="11000000", upl="1000", eq="11001000", eqUsd="11001000", disEq="10300800")


def position(**fields: Any) -> dict[str, Any]:
    """Long 100 contracts of 0.01 BTC, cross, by the sign."""
    return {
        "adl": "2",
        "avgPx": "59000",
        "ccy": "USDT",
        "imr": "6000",
        "instId": "BTC-USDT-SWAP",
        "instType": "SWAP",
        "lever": "10",
        "liqPx": "",
        "margin": "",
        "markPx": "60000",
        "mgnMode": "cross",
        "mgnRatio": "43000",
        "mmr": "240",
        "notionalUsd": "60000",
        "pos": "100",
        "posId": "1",
        "posSide": "net",
        "uTime": "1700000000000",
        "upl": "1000",
        **fields,
    }


INVERSE = position(
    posId="2",
    instId="BTC-USD-SWAP",
    ccy="BTC",
    pos="-10",
    mgnMode="isolated",
    imr="",
    margin="0.01",
    mmr="0.0000666666666667",
    mgnRatio="145",
    notionalUsd="1000",
    liqPx="143326.829268292683",
    upl="-0.000282485876",
)


def instrument(symbol: str, **fields: Any) -> dict[str, Any]:
    return envelope(
        {
            "instId": symbol,
            "instType": "SWAP",
            "ctType": "linear",
            "ctVal": "0.01",
            "ctMult": "1",
            "ctValCcy": "BTC",
            "settleCcy": "USDT",
            "uly": "BTC-USDT",
            "instFamily": "BTC-USDT",
            **fields,
        }
    )


LINEAR_CONTRACT = instrument("BTC-USDT-SWAP")
INVERSE_CONTRACT = instrument(
    "BTC-USD-SWAP",
    ctType="inverse",
    ctVal="100",
    ctValCcy="USD",
    settleCcy="BTC",
    uly="BTC-USD",
    instFamily="BTC-USD",
)


def tier(family: str, number: int, least: str, most: str, rate: str) -> dict[str, Any]:
    return {
        "instFamily": family,
        "tier": str(number),
        "minSz": least,
        "maxSz": most,
        "mmr": rate,
        "imr": "0.01",
        "maxLever": "100",
    }


LINEAR_TIERS = envelope(
    tier("BTC-USDT", 1, "0", "1000", "0.004"), tier("BTC-USDT", 2, "1001", "5000", "0.01")
)
INVERSE_TIERS = envelope(tier("BTC-USD", 1, "0", "50000", "0.004"), tier("BTC-USD", 2, "50000", "", "0.02"))


def mark(symbol: str, price: str = "60000", time: str = TIME) -> dict[str, Any]:
    return envelope({"instId": symbol, "instType": "SWAP", "markPx": price, "ts": time})


def step(least: str, most: str, rate: str) -> dict[str, str]:
    return {"minAmt": least, "maxAmt": most, "discountRate": rate}


DISCOUNTS = envelope(
    {
        "ccy": "USDT",
        "minDiscountRate": "0",
        "details": [
            step("0", "5000000", "1"),
            step("5000000", "10000000", "0.9"),
            step("10000000", "", "0.8"),
        ],
    },
    {
        "ccy": "BTC",
        "minDiscountRate": "0.5",
        "details": [step("0", "20", "0.98"), step("20", "25", "0.9775")],
    },
)


def answers(**changes: Any) -> AccountAnswers:
    """Multi-currency margin: 11 million tether, two bitcoin, a linear cross and an inverse isolated swap."""
    whole = AccountAnswers(
        config=config(),
        balance=balance(),
        positions=envelope(position(), INVERSE),
        instruments=(LINEAR_CONTRACT, INVERSE_CONTRACT),
        tiers=(
            TierTable("cross", LINEAR_TIERS),
            TierTable("isolated", INVERSE_TIERS),
        ),
        marks=(mark("BTC-USDT-SWAP"), mark("BTC-USD-SWAP")),
        discounts=DISCOUNTS,
        max_withdrawal=envelope({"ccy": "BTC", "maxWd": "1.99"}, {"ccy": "USDT", "maxWd": "10411812"}),
    )
    return replace(copy.deepcopy(whole), **changes)
