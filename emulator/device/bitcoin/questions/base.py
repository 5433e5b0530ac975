"""What a signing asks the person: one method per question, whatever a make does with its screens.

A method returns when the person agreed and raises ActionCancelled when not. Rules and totals are
not here: they decide whether a question is asked at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from trezorlib.messages import AmountUnit

from ...flow import Flow
from ...protocol.proto import Message
from ..coins import Coin

Path = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """What all questions of one signing share."""

    flow: Flow
    coin: Coin
    unit: AmountUnit
    chunkify: bool = False


@dataclass(frozen=True, slots=True)
class OutputQuestion:
    """An output someone else is paid with; `label` names it when it is ours after all."""

    number: int  # from 1, OP_RETURN counted
    address: str
    amount: int
    label: str | None = None
    account: Path | None = None  # all inputs come from, None for several


@dataclass(frozen=True, slots=True)
class FeeQuestion:
    """A fee with the size it is paid for."""

    fee: int
    virtual_size: int


class SigningQuestions(Protocol):
    """Amounts are satoshi."""

    def output(self, output: OutputQuestion) -> None: ...

    def op_return(self, number: int, data: bytes) -> None: ...

    def payment_request(self, request: Message, address: str, amount: int, account: Path | None) -> None:
        """A payment request (SLIP-24); `address` is the one its first output pays."""

    def replacement(self, title: str, tx_hash: bytes) -> None: ...

    def modified_output(self, address: str, old_amount: int, new_amount: int) -> None: ...

    def modified_fee(self, title: str, change: int, fee: FeeQuestion) -> None:
        """`change` is what the person pays more (negative: less) than before."""

    def unverified_external_inputs(self) -> None: ...

    def several_accounts(self) -> None: ...

    def fee_over_threshold(self, fee: int) -> None: ...

    def many_change_outputs(self, count: int) -> None: ...

    def lock_time(self, lock_time: int, *, disabled: bool) -> None:
        """`disabled`: no input lets the lock time take effect."""

    def total(self, spending: int, fee: FeeQuestion, account: Path | None) -> None: ...

    def joint_total(self, spending: int, total: int) -> None:
        """`spending` is our part of what all inputs together spend."""
