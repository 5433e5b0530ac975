"""Pins of tokens: the code that a token ran when it was first used here, compared ever after.

Whoever can change a token's code can change what it does with our balance. Refuses a token whose code is
not the pinned one (``ethereum.proxy_changed``, ``ethereum.code_changed``); only a person pins it anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vault.codec import decode, encode
from vault.ethereum.token_checks import TokenPin, check_token, read_pin
from vault.ethereum.tokens import token_of
from vault.money import ETH
from vault.store import records
from vault.treasury.ethereum.accounts import chain_named

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from vault.ethereum.tokens import Token
    from vault.ethereum.view import BlockView
    from vault.money import Amount, Asset
    from vault.store.database import Writer
    from vault.treasury.desk import Desk

KIND = "ethereum_pin"


def pin_of(connection: Connection, token: Token) -> TokenPin | None:
    """The newest pin of a token; None while it was never used."""
    found: Any = None
    for body in records.documents(connection, KIND):
        pin = body["pin"]
        if (pin["chain_id"], pin["token"]) == (token.chain_id, token.address):
            found = pin
    return None if found is None else decode(found, TokenPin, what="pin")


def require_token(
    desk: Desk, view: BlockView, asset: Asset, parties: tuple[str, ...] = (), amount: int = 0
) -> Token | None:
    """The token of an asset on the chain, checked against its pin, which the first use records.

    None for ether. `parties` are the addresses between which `amount` moves. Raises `EthereumError`.
    """
    if asset == ETH:
        return None
    token = token_of(view.chain_id, asset)
    with desk.store.read() as connection:
        pin = pin_of(connection, token)
    check_token(view, token, pin, parties, amount)
    if pin is None:
        pin_token(desk, view, token)
    return token


def require_receivable(desk: Desk, network: str, amount: Amount, address: str) -> None:
    """What a venue is to pay can be held there: the token is as it was pinned, and lets the address have it.

    Pins nothing. Raises `EthereumError`; a chain that does not answer is no yes.
    """
    if amount.asset == ETH:
        return
    node = desk.ethereum(chain_named(desk.treasury, network).name)
    with node.session():
        view = node.view(node.tip())
        token = token_of(view.chain_id, amount.asset)
        with desk.store.read() as connection:
            pin = pin_of(connection, token)
        check_token(view, token, pin, (address,), amount.units)


def pin_token(desk: Desk, view: BlockView, token: Token) -> TokenPin:
    """Record the code that a token runs now; from here on it must stay so."""
    pin = read_pin(view, token)
    with desk.store.write() as writer:
        _save(writer, pin, view)
    return pin


def _save(writer: Writer, pin: TokenPin, view: BlockView) -> None:
    body = {"at": writer.at, "block": view.number, "block_hash": view.block_hash, "pin": encode(pin)}
    records.save_document(writer, KIND, body)
