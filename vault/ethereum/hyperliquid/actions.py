"""Hyperliquid's actions that move money, as the typed data a device signs and the body the venue is told.

Pure. Knows a withdrawal to Arbitrum and a move between perpetuals and spot; refuses every other action, a
transfer to another user (``usdSend``) among them. Amounts are exact decimals, the nonce is a time in
milliseconds. Sources: Hyperliquid "Exchange endpoint", "Bridge2", "Nonces and API wallets", "Signing".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from vault.canonical import canonical_json, read_json
from vault.errors import AddressError, EthereumError, MoneyError, VaultError
from vault.evm.address import ZERO_ADDRESS, address_bytes, evm_checksummed
from vault.evm.transaction import EthereumSignature
from vault.evm.typed import DOMAIN, TypedData
from vault.money import USDC, Amount, plain

CHAIN_ID: Final = 42161  # Arbitrum One, where a withdrawal arrives: the device shows it
NETWORK: Final = "Mainnet"

_DOMAIN_NAME: Final = "HyperliquidSignTransaction"
_DOMAIN_TYPE: Final = (
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
)
_WITHDRAW: Final = (
    ("hyperliquidChain", "string"),
    ("destination", "string"),
    ("amount", "string"),
    ("time", "uint64"),
)
_CLASS_TRANSFER: Final = (
    ("hyperliquidChain", "string"),
    ("amount", "string"),
    ("toPerp", "bool"),
    ("nonce", "uint64"),
)
_NONCES: Final = range(10**12, 10**13)  # milliseconds of 2001 to 2286: anything else is another unit
_CHAIN: Final = re.compile(r"0x[1-9a-f][0-9a-f]{0,12}", re.ASCII)
_WORD: Final = re.compile(r"0x[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Withdraw:
    """``withdraw3``: `amount` of USDC leaves the margin, the venue keeps its fee of it."""

    destination: str
    amount: Amount
    nonce: int


@dataclass(frozen=True, slots=True)
class ClassTransfer:
    """``usdClassTransfer``: USDC between perpetuals and spot of one account."""

    amount: Amount
    to_perp: bool
    nonce: int


Action = Withdraw | ClassTransfer


@dataclass(frozen=True, slots=True)
class SignedAction:
    """What is posted: the action, its nonce, and the signature over its typed data."""

    action: Action
    signature: EthereumSignature
    signature_chain_id: int = CHAIN_ID

    def text(self) -> str:
        """Canonical JSON of the request's body."""
        signature = self.signature
        return canonical_json(
            {
                "action": body(self.action, self.signature_chain_id),
                "nonce": self.action.nonce,
                "signature": {
                    "r": f"0x{signature.r:064x}",
                    "s": f"0x{signature.s:064x}",
                    "v": 27 + signature.parity,
                },
            }
        )

    @classmethod
    def parse(cls, text: str) -> SignedAction:
        """Read exactly what `text` writes. Raises `EthereumError` (``bad_action``, ``unknown_action``)."""
        return _parse(text)


def typed_data(action: Action, signature_chain_id: int = CHAIN_ID) -> TypedData:
    """What the device shows and signs. Raises `EthereumError` (``bad_action``, ``bad_nonce``)."""
    told = body(action, signature_chain_id)
    members = _WITHDRAW if isinstance(action, Withdraw) else _CLASS_TRANSFER
    name = "Withdraw" if isinstance(action, Withdraw) else "UsdClassTransfer"
    primary = f"HyperliquidTransaction:{name}"
    return TypedData.parse(
        {
            "types": {DOMAIN: _members(_DOMAIN_TYPE), primary: _members(members)},
            "primaryType": primary,
            "domain": {
                "name": _DOMAIN_NAME,
                "version": "1",
                "chainId": signature_chain_id,
                "verifyingContract": ZERO_ADDRESS,
            },
            "message": {member: told[member] for member, _ in members},
        }
    )


def body(action: Action, signature_chain_id: int = CHAIN_ID) -> dict[str, Any]:
    """The ``action`` of a request to /exchange. Raises `EthereumError` (``bad_action``, ``bad_nonce``)."""
    _check(action)
    common = {
        "hyperliquidChain": NETWORK,
        "signatureChainId": f"0x{signature_chain_id:x}",
        "amount": amount_text(action.amount),
    }
    if isinstance(action, Withdraw):
        # Lower case: the venue may read it as bytes and write it anew before it hashes.
        destination = action.destination.lower()
        return {"type": "withdraw3", **common, "destination": destination, "time": action.nonce}
    return {"type": "usdClassTransfer", **common, "toPerp": action.to_perp, "nonce": action.nonce}


def amount_text(amount: Amount) -> str:
    """Plain digits: no exponent, no zeros at the end."""
    text = plain(amount.to_decimal())
    return text.rstrip("0").rstrip(".") if "." in text else text


def _members(pairs: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
    return [{"name": name, "type": kind} for name, kind in pairs]


def _check(action: Action) -> None:
    if action.amount.asset != USDC or action.amount.units <= 0:
        raise _bad(f"expected an amount of USDC above zero, found {action.amount}")
    if type(action.nonce) is not int or action.nonce not in _NONCES:
        raise EthereumError("bad_nonce", f"expected a nonce in Unix milliseconds, found {action.nonce}")
    if isinstance(action, Withdraw):
        try:
            address_bytes(action.destination, "destination")
        except AddressError as error:
            raise _bad(error.message) from None


def _parse(text: str) -> SignedAction:
    try:
        said = read_json(text, what="signed action")
    except VaultError as error:
        raise _bad(error.message) from None
    if not isinstance(said, dict) or set(said) != {"action", "nonce", "signature"}:
        raise _bad("expected action, nonce and signature, and nothing else")
    action, chain_id = _read_action(said["action"])
    signed = SignedAction(action, _signature(said["signature"]), chain_id)
    if signed.text() != text:
        raise _bad("expected the canonical text of an action whose nonce is its own")
    return signed


def _read_action(told: object) -> tuple[Action, int]:
    kind = told.get("type") if isinstance(told, dict) else None
    if not isinstance(told, dict) or kind not in {"withdraw3", "usdClassTransfer"}:
        raise EthereumError(
            "unknown_action",
            f"expected withdraw3 or usdClassTransfer, found {str(kind)[:40]!r}",
            hint="Nothing else is signed for Hyperliquid.",
        )
    try:
        chain = told["signatureChainId"]
        if not isinstance(chain, str) or not _CHAIN.fullmatch(chain):
            raise _bad(f"expected a chain id in hex, found {str(chain)[:40]!r}")
        amount = Amount.parse(_text(told, "amount"), USDC)
        if kind == "withdraw3":
            destination = evm_checksummed(_text(told, "destination"))
            return Withdraw(destination, amount, _number(told, "time")), int(chain, 16)
        if type(told["toPerp"]) is not bool:
            raise _bad("expected toPerp to be true or false")
        return ClassTransfer(amount, told["toPerp"], _number(told, "nonce")), int(chain, 16)
    except (KeyError, MoneyError, AddressError) as error:
        raise _bad(f"the action cannot be read ({error})") from None


def _text(told: dict[str, Any], name: str) -> str:
    if not isinstance(told[name], str):
        raise _bad(f"expected {name} to be text")
    return str(told[name])


def _number(told: dict[str, Any], name: str) -> int:
    if type(told[name]) is not int:
        raise _bad(f"expected {name} to be a whole number")
    return int(told[name])


def _signature(told: object) -> EthereumSignature:
    if not isinstance(told, dict) or set(told) != {"r", "s", "v"}:
        raise _bad("expected a signature of r, s and v")
    r, s, v = told["r"], told["s"], told["v"]
    words = all(isinstance(word, str) and _WORD.fullmatch(word) for word in (r, s))
    if not words or type(v) is not int or v not in {27, 28}:
        raise _bad("expected r and s as 32 bytes in hex, and v 27 or 28")
    return EthereumSignature(v - 27, v, int(r, 16), int(s, 16))


def _bad(what: str) -> EthereumError:
    return EthereumError("bad_action", f"Hyperliquid action: {what}")
