"""A Safe transaction for a person: every field, what the call does, and the hashes that screens show.

Nothing is shortened: a hash or an address is compared whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from vault.ethereum.safe.inner import read_inner
from vault.ethereum.safe.signatures import OwnerSignature
from vault.ethereum.safe.transaction import SafeTx, hashes
from vault.ethereum.safe.versions import singleton_at
from vault.evm.call import SafeCall

_SAW: Final = {
    "data": "saw the data",
    "hashes": "saw hashes only",
    "unknown": "what was seen is not known",
}
NO_NAMES: Final[Mapping[str, str]] = {}


def grouped(text: str) -> str:
    """Hex digits in fours, for comparing on two screens."""
    digits = text.removeprefix("0x")
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))


def describe(
    tx: SafeTx,
    call: SafeCall | None = None,
    signatures: Iterable[OwnerSignature] = (),
    names: Mapping[str, str] = NO_NAMES,
    *,
    fours: bool = False,
) -> tuple[str, ...]:
    """All lines; `to`, `value` and `data` also as screens have them that decode nothing.

    Raises `EthereumError`, `SafeError` for what may not be signed: it is not described.
    """
    inner = read_inner(tx)
    lines = [f"Safe: {named(tx.safe, names)} on chain {tx.chain_id}", f"Safe nonce: {tx.nonce}"]
    lines += [f"call: {named_line(each, names)}" for each in inner.lines()]
    lines += [f"to: {named(tx.to, names)}", f"value: {tx.value} wei", f"data: 0x{tx.data.hex()}"]
    lines.append("operation: 0 (CALL), no refund of gas")
    if call is not None:
        known = singleton_at(call.implementation)
        which = f" ({known.variant})" if known else ""
        lines.append(f"version: {call.version}{which} at {call.implementation}")
        lines.append(f"owners: {call.threshold} of {len(call.owners)} must sign")
        lines += [f"  {named(each, names)}" for each in call.owners]
    for name, text in hashes(tx).texts:
        lines.append(f"{name}: {text}")
        if fours:
            lines.append(f"  {grouped(text)}")
    lines += [f"signed by {named(each.owner, names)}, {_SAW[each.saw]}" for each in signatures]
    return tuple(lines)


def named(address: str, names: Mapping[str, str]) -> str:
    """An address with the name it is known by here."""
    name = names.get(address)
    return f"{address} ({name})" if name else address


def named_line(line: str, names: Mapping[str, str]) -> str:
    """A line with the name of every address in it that has one."""
    for address in names:
        if address in line:
            line = line.replace(address, named(address, names))
    return line
