"""`POST /exchange`: an action, its nonce and a signature. Only withdrawals and moves inside are emulated.

The order of the checks is the venue's: the form, the nonce against the action's own, who signed, whether that
address has an account, the nonce's window and whether it was used; then the action, which uses the nonce up
even when it is refused. Sources: Hyperliquid "Exchange endpoint", "Nonces and API wallets".
"""

from __future__ import annotations

import re
from decimal import Decimal

from emulator.venues.engine.accounts import Account
from emulator.venues.engine.exact import InexactNumberError, number
from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.engine.venue import Venue
from emulator.venues.engine.withdrawals import WithdrawalRequest
from emulator.venues.hyperliquid.asking import Body, body_of
from emulator.venues.hyperliquid.dialect import ERR
from emulator.venues.hyperliquid.margin import COIN, PERP, SPOT
from emulator.venues.hyperliquid.profile import NETWORK
from emulator.venues.hyperliquid.signing import SIGNED, BadSignatureError, signer, well_formed
from emulator.venues.serving.errors import VenueError
from emulator.venues.serving.routing import Call, Route
from emulator.venues.serving.wire import Json

DAY_MS = 86_400_000
OLDEST_MS, NEWEST_MS = 2 * DAY_MS, DAY_MS
ENVELOPE = frozenset({"action", "nonce", "signature"})
OPTIONAL = frozenset({"vaultAddress", "expiresAfter"})
CHAIN = "Mainnet"
_AMOUNT = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)


def exchange(call: Call) -> Json:
    """Accepted is all it says; what became of it is in the ledger."""
    body = body_of(call)
    action = _form(body)
    nonce = action["time"] if action["type"] == "withdraw3" else action["nonce"]
    if nonce != body["nonce"]:
        raise VenueError(ERR, "Nonce mismatch.", 200)
    if action["hyperliquidChain"] != CHAIN:
        raise VenueError(ERR, "Mainnet and testnet require different signature.", 200)
    account = _signer(call.venue, action, body["signature"])
    _use(call.venue, account, int(str(nonce)))
    if action["type"] == "withdraw3":
        _withdraw(call.venue, account, action)
    else:
        _move(call.venue, account, action)
    return {"status": "ok", "response": {"type": "default"}}


def _form(body: Body) -> Body:
    """The action of a body that has the form; raises Refusal BAD_PARAMETER."""
    action = body.get("action")
    known = isinstance(action, dict) and action.get("type") in SIGNED
    names = set(body)
    if not known or not ENVELOPE <= names <= ENVELOPE | OPTIONAL or type(body["nonce"]) is not int:
        raise Refusal(Reason.BAD_PARAMETER, name="action")
    if not isinstance(action, dict) or not well_formed(action):
        raise Refusal(Reason.BAD_PARAMETER, name="action")
    if any(body.get(name) is not None for name in OPTIONAL):
        raise VenueError(ERR, "Unsupported field for this action.", 200)
    return action


def _signer(venue: Venue, action: Body, signature: object) -> Account:
    """The account of whoever signed; raises Refusal BAD_SIGNATURE, BAD_KEY."""
    try:
        address = signer(action, signature)
    except BadSignatureError:
        raise Refusal(Reason.BAD_SIGNATURE) from None
    found = venue.find_key(address)
    if found is None:
        raise Refusal(Reason.BAD_KEY, address=address)
    return found[0]


def _use(venue: Venue, account: Account, nonce: int) -> None:
    """Raises VenueError outside of the window, Refusal BAD_NONCE for one that was used."""
    now = venue.clock.now_ms()
    if nonce <= now - OLDEST_MS:
        raise VenueError(ERR, f"Invalid nonce: nonce too low {nonce} < {now - OLDEST_MS}", 200)
    if nonce >= now + NEWEST_MS:
        raise VenueError(ERR, f"Invalid nonce: nonce too high {nonce} > {now + NEWEST_MS}", 200)
    venue.nonces.use(str(account.uid), nonce)


def _amount(action: Body) -> Decimal:
    text = str(action["amount"])
    if not _AMOUNT.fullmatch(text):
        raise Refusal(Reason.BAD_AMOUNT)
    try:
        return number(text)
    except InexactNumberError:
        raise Refusal(Reason.BAD_AMOUNT) from None


def _withdraw(venue: Venue, account: Account, action: Body) -> None:
    nonce = str(action["time"])
    address = account.keys[0].key
    venue.withdraw(
        account,
        WithdrawalRequest(
            coin=COIN,
            address=str(action["destination"]),
            amount=_amount(action),
            network=NETWORK,
            tag=f"{address}:{nonce}",
            client_id=nonce,
        ),
    )


def _move(venue: Venue, account: Account, action: Body) -> None:
    way = (SPOT, PERP) if action["toPerp"] is True else (PERP, SPOT)
    venue.transfer(account, *way, COIN, _amount(action), client_id=str(action["nonce"]))


ROUTES = (Route("POST", "/exchange", exchange),)
