"""Calldata as a call with a name: only what our tables know, and only if it encodes back to the same bytes.

Refuses everything else: unknown contracts and functions, functions that are only read or never called,
bytes too few or too many. What it says of a call is complete, and no address is shortened.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from vault.errors import EthereumError
from vault.ethereum.chains import chain_of
from vault.ethereum.contracts import erc20
from vault.ethereum.contracts.table import ContractTable
from vault.ethereum.tokens import Token, require_token, token_at
from vault.evm.abi import Function, Value
from vault.money import Asset

Directory = Mapping[str, ContractTable]
"""Contracts that the caller knows beside the tokens, by address: Safes of ours."""

ETHER: Final = "ether"
_HEX: Final = re.compile(r"0x(?:[0-9a-f]{2})*", re.ASCII)
_MONEY: Final = frozenset({erc20.TRANSFER, erc20.APPROVE})


@dataclass(frozen=True, slots=True)
class Argument:
    name: str
    type: str
    value: Value

    @property
    def text(self) -> str:
        """The value in full."""
        if isinstance(self.value, bytes):
            return f"0x{self.value.hex()}"
        if self.type == "string" or isinstance(self.value, tuple):
            return ascii(self.value)
        return str(self.value).lower() if isinstance(self.value, bool) else str(self.value)


@dataclass(frozen=True, slots=True)
class DecodedCall:
    """A call that is known. `contract` is its table's kind, or ``ether`` of a plain transfer.

    `asset`, `units` and `party` (who receives, or may spend) are those of a transfer or an allowance; of
    other calls they are None.
    """

    chain_id: int
    to: str
    value: int
    contract: str
    title: str
    function: Function | None
    arguments: tuple[Argument, ...] = ()
    token: Token | None = None
    asset: Asset | None = None
    units: int | None = None
    party: str | None = None

    def lines(self) -> tuple[str, ...]:
        """The call for a person, line by line and in full."""
        chain = chain_of(self.chain_id)
        first = f"chain: {chain.title} ({chain.id})"
        ether = f"{decimal_text(self.value, chain.coin.decimals)} {chain.coin} ({self.value} wei)"
        if self.function is None:
            return first, f"send: {ether}", f"to: {self.to}"
        lines = [first, f"contract: {self.title} at {self.to}", f"call: {self.function.signature}"]
        for each in self.arguments:
            text = each.text
            if self.asset is not None and self.units is not None and each.type == "uint256":
                text = f"{decimal_text(self.units, self.asset.decimals)} {self.asset} ({self.units} units)"
            lines.append(f"{each.name}: {text}")
        return (*lines, f"ether with it: {ether}") if self.value else tuple(lines)


def decode_call(
    chain_id: int, to: str, value: int, data: bytes, directory: Directory | None = None
) -> DecodedCall:
    """What a call of `to` (EIP-55) with `value` wei and `data` does.

    Raises `EthereumError`: ``unknown_call``, ``refused_function``, ``bad_calldata``, and for a token's
    function at another contract ``lookalike`` or ``unknown_token``.
    """
    coin = chain_of(chain_id).coin
    if not data:
        return DecodedCall(chain_id, to, value, ETHER, str(coin), None, asset=coin, units=value, party=to)
    token = token_at(chain_id, to)
    table = erc20.ERC20 if token is not None else (directory or {}).get(to)
    if table is None:
        if erc20.ERC20.find(data[:4]) is not None:
            require_token(chain_id, to)
        raise _unknown(to, data, "no contract that is known")
    known = table.find(data[:4])
    if known is None:
        raise _unknown(to, data, f"no function of a {table.title} that is known")
    function = known.function
    if known.use != "call":
        why = known.why or "it is only read"
        raise EthereumError("refused_function", f"{function.signature} of {to} is never called: {why}")
    values = function.decode(data)
    arguments = tuple(
        Argument(each.name, each.type, found) for each, found in zip(function.inputs, values, strict=True)
    )
    decoded = DecodedCall(chain_id, to, value, table.kind, table.title, function, arguments)
    return _with_money(decoded, token) if token is not None else decoded


def _with_money(call: DecodedCall, token: Token) -> DecodedCall:
    party, units = (each.value for each in call.arguments)
    if call.function not in _MONEY or not isinstance(party, str) or not isinstance(units, int):
        raise EthereumError("unknown_call", f"expected a transfer or an allowance, found {call.function}")
    title = f"{token.asset} token"
    return replace(call, title=title, token=token, asset=token.asset, units=units, party=party)


def data_bytes(text: str) -> bytes:
    """Calldata from its text, ``0x`` and lower-case hex digits. Raises `EthereumError` (``bad_calldata``)."""
    if not _HEX.fullmatch(text):
        raise EthereumError(
            "bad_calldata", f"expected 0x and pairs of lower-case hex digits, found {ascii(text)[:80]}"
        )
    return bytes.fromhex(text[2:])


def data_text(data: bytes) -> str:
    """Calldata as plans write it."""
    return f"0x{data.hex()}"


def decimal_text(units: int, decimals: int) -> str:
    """Base units as whole ones, exactly and with all digits; also of numbers that no `Amount` may have."""
    whole, rest = divmod(units, 10**decimals)
    return f"{whole}.{rest:0{decimals}d}" if decimals else str(whole)


def _unknown(to: str, data: bytes, what: str) -> EthereumError:
    return EthereumError(
        "unknown_call",
        f"a call of {to} with 0x{data[:4].hex()} and {max(0, len(data) - 4)} more bytes: {what}",
        hint="Only calls that are read in full are signed.",
    )
