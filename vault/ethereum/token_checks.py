"""Is a registered token still what it was: its code, what it says of itself, and whether it lets us pass?

Refuses a token whose code or implementation is not the pinned one, that is paused, retired, blocks a party
or takes a fee. Every answer is read strictly; one that cannot be read is no answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vault.errors import EthereumError
from vault.ethereum.contracts import erc20
from vault.ethereum.tokens import Token
from vault.ethereum.view import BlockView
from vault.evm.abi import Function, Value
from vault.evm.address import checksum_address
from vault.evm.hashing import keccak

_BASIS_POINTS = 10_000


@dataclass(frozen=True, slots=True)
class TokenPin:
    """What a token's code was when the treasury took it up; hashes are Keccak-256, ``0x`` and hex.

    The implementation is empty of a token that is no proxy.
    """

    chain_id: int
    token: str
    code_hash: str
    implementation: str = ""
    implementation_code_hash: str = ""


def read_pin(view: BlockView, token: Token) -> TokenPin:
    """What a pin would say now. Raises `EthereumError` (``no_code``, ``proxy_changed``)."""
    require_chain(view, token.chain_id)
    code_hash = _code_hash(view, token.address, f"the contract of {token.asset}")
    slot = token.implementation_slot
    if slot is None:
        return TokenPin(token.chain_id, token.address, code_hash)
    word = view.storage(token.address, slot)
    if len(word) != 32 or any(word[:12]) or not any(word):
        raise EthereumError(
            "proxy_changed",
            f"expected the implementation of {token.asset} in its storage, found 0x{bytes(word[:32]).hex()}",
            hint="The proxy is of another kind than the registry says.",
        )
    implementation = checksum_address(word[12:])
    return TokenPin(
        token.chain_id,
        token.address,
        code_hash,
        implementation,
        _code_hash(view, implementation, f"the implementation of {token.asset}"),
    )


def check_token(
    view: BlockView, token: Token, pin: TokenPin | None, parties: Sequence[str] = (), units: int = 0
) -> TokenPin:
    """Prove that `token` is as registered and pinned, and that it lets `parties` move `units`.

    Without a `pin` its code is not compared. Returns what a pin would say now. Raises `EthereumError`:
    ``no_code``, ``proxy_changed``, ``code_changed``, ``wrong_decimals``, ``wrong_symbol``, and what
    `require_passable` raises.
    """
    found = read_pin(view, token)
    if pin is not None:
        _require_pinned(token, pin, found)
    decimals = _ask(view, token, erc20.DECIMALS)
    if decimals != token.asset.decimals:
        raise EthereumError(
            "wrong_decimals",
            f"{token.asset}: expected {token.asset.decimals} decimals, found {decimals!a}",
        )
    symbol = _ask(view, token, erc20.SYMBOL)
    if symbol not in token.symbols:
        raise EthereumError(
            "wrong_symbol",
            f"{token.asset}: expected the symbol {' or '.join(token.symbols)}, found {ascii(symbol)[:60]}",
        )
    require_passable(view, token, parties, units)
    return found


def require_passable(view: BlockView, token: Token, parties: Sequence[str], units: int) -> None:
    """Nothing that the token itself says stands in the way of moving `units` between `parties`.

    Raises `EthereumError`: ``token_retired``, ``token_paused``, ``token_blocks``, ``token_takes_fee``.
    """
    if token.retired is not None and _ask(view, token, token.retired):
        raise EthereumError(
            "token_retired", f"{token.asset} at {token.address} handed over to another contract"
        )
    if token.paused is not None and _ask(view, token, token.paused):
        raise EthereumError("token_paused", f"{token.asset} is paused: nobody can move it now")
    if token.blocks is not None:
        for party in parties:
            if _ask(view, token, token.blocks, party):
                raise EthereumError(
                    "token_blocks",
                    f"{token.asset} blocks {party}: it can neither pay nor be paid",
                    hint="Ask the issuer; nothing that is sent there comes back.",
                )
    if token.takes_fee:
        _require_no_fee(view, token, units)


def require_chain(view: BlockView, chain_id: int) -> None:
    """The node answers for that chain. Raises `EthereumError` (``ethereum.wrong_chain_id``)."""
    if view.chain_id != chain_id:
        raise EthereumError("wrong_chain_id", f"expected a node of chain {chain_id}, found {view.chain_id}")


def _require_no_fee(view: BlockView, token: Token, units: int) -> None:
    rate, most = (_ask(view, token, each) for each in (erc20.BASIS_POINTS_RATE, erc20.MAXIMUM_FEE))
    fee = min(units * int(str(rate)) // _BASIS_POINTS, int(str(most)))
    if fee:
        raise EthereumError(
            "token_takes_fee",
            f"{token.asset} takes {fee} of {units} base units: the recipient would be paid too little",
        )


def _require_pinned(token: Token, pin: TokenPin, found: TokenPin) -> None:
    if (pin.chain_id, pin.token) != (token.chain_id, token.address):
        raise EthereumError(
            "unknown_token", f"expected a pin of {token.address} on chain {token.chain_id}, found {pin.token}"
        )
    hint = "Somebody changed what it does. Read the new code, then pin it anew."
    if pin.implementation != found.implementation:
        raise EthereumError(
            "proxy_changed",
            f"{token.asset}: expected the implementation {pin.implementation}, found {found.implementation}",
            hint=hint,
        )
    for expected, now in (
        (pin.code_hash, found.code_hash),
        (pin.implementation_code_hash, found.implementation_code_hash),
    ):
        if expected != now:
            raise EthereumError(
                "code_changed",
                f"{token.asset}: expected code with the hash {expected}, found {now}",
                hint=hint,
            )


def _code_hash(view: BlockView, address: str, what: str) -> str:
    code = view.code(address)
    if not code:
        raise EthereumError("no_code", f"expected {what} at {address}, found no contract there")
    return f"0x{keccak(code).hex()}"


def _ask(view: BlockView, token: Token, function: Function, *values: Value) -> Value:
    """The one value that a view function returns."""
    answer = view.call(token.address, function.encode(*values))
    try:
        return function.result(answer)[0]
    except EthereumError as error:
        raise EthereumError(
            "bad_answer",
            f"{token.asset} answers {function.signature} with what cannot be read: {error.message}",
        ) from None
