"""API keys and what they may do, and the nonces that may only rise.

A right is a name here; how an exchange words it (scopes, flags, permission lists) is its folder's affair.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from emulator.venues.engine.refusals import Reason, Refusal


class Right(StrEnum):
    READ = "read"
    ADDRESSES = "addresses"  # read the withdrawal whitelist
    TRANSFER = "transfer"
    WITHDRAW = "withdraw"
    TRADE = "trade"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key of an account; an empty `ip_list` means any address.

    `realm` tells apart the key pairs of an exchange with two doors (spot and futures); `facts` holds what
    only one exchange knows of a key (a label, a date of expiry), as it was given.
    """

    key: str
    secret: str = field(repr=False)
    passphrase: str = field(default="", repr=False)
    can_read: bool = True
    can_read_addresses: bool = True
    can_withdraw: bool = False
    can_transfer: bool = True
    can_trade: bool = False
    ip_list: tuple[str, ...] = ()
    created_ms: int = 0
    realm: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)

    def may(self, right: Right) -> bool:
        return {
            Right.READ: self.can_read,
            Right.ADDRESSES: self.can_read_addresses,
            Right.TRANSFER: self.can_transfer,
            Right.WITHDRAW: self.can_withdraw,
            Right.TRADE: self.can_trade,
        }[right]

    def check_ip(self, ip: str) -> None:
        """Raises Refusal FOREIGN_IP when the key is bound to other addresses."""
        if self.ip_list and ip not in self.ip_list:
            raise Refusal(Reason.FOREIGN_IP, ip=ip)

    def check_right(self, right: Right) -> None:
        """Raises Refusal NO_RIGHT."""
        if not self.may(right):
            raise Refusal(Reason.NO_RIGHT, right=right)


@dataclass(slots=True)
class NonceBook:
    """The last nonce of every key, or all that were used. Mutable; guarded by the venue's lock."""

    last: dict[str, int] = field(default_factory=dict)
    used: dict[str, set[int]] = field(default_factory=dict)

    def rise(self, key: str, nonce: int) -> None:
        """Accept a nonce above all before it; raises Refusal BAD_NONCE for any other."""
        last = self.last.get(key, -1)
        if nonce <= last:
            raise Refusal(Reason.BAD_NONCE, sent=nonce, last=last)
        self.last[key] = nonce

    def use(self, key: str, nonce: int) -> None:
        """Accept a nonce once, in any order; raises Refusal BAD_NONCE the next time."""
        used = self.used.setdefault(key, set())
        if nonce in used:
            raise Refusal(Reason.BAD_NONCE, sent=nonce, last=max(used))
        used.add(nonce)
