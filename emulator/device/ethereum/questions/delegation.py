"""Core firmware's questions about EIP-7702 delegation and its revocation."""

from __future__ import annotations

from dataclasses import dataclass

from trezorlib.messages import ButtonRequestType

from ...flow import Flow
from ...ui.screens import Screen

_SIGN_TX = int(ButtonRequestType.SignTx)


@dataclass(frozen=True, slots=True)
class Delegation:
    """An account and the contract it is to obey."""

    account: str
    path: str
    network: str
    delegate: str
    nonce: int


def _details(flow: Flow, name: str, title: str, what: Delegation, *lines: str) -> None:
    more = (f"Network: {what.network}", f"Derivation path: {what.path}", f"Nonce: {what.nonce}")
    flow.confirm(Screen(name, title, (*lines, *more), _SIGN_TX, confirm="HOLD TO CONFIRM"))


def ask_delegation(flow: Flow, what: Delegation, delegate_name: str) -> None:
    """A warning, then who delegates to whom. Raises ActionCancelled."""
    warning = ("Authorize your account to a third-party contract using EIP-7702?",)
    flow.confirm(Screen("ethereum/auth7702/warn", "Warning", warning, int(ButtonRequestType.Other)))
    lines = (f"Delegating: {what.account}", f"To: {delegate_name}", f"Contract: {what.delegate}")
    _details(flow, "ethereum/auth7702/details", "EIP-7702 Authorization", what, *lines)


def ask_revocation(flow: Flow, what: Delegation) -> None:
    """Whether an account is to be its own master again. Raises ActionCancelled."""
    title = "EIP-7702 Revocation"
    lines = (f"Revoke {what.account} from smart account delegation?",)
    flow.confirm(Screen("ethereum/revoke7702/intro", title, lines, _SIGN_TX, "CONTINUE"))
    _details(flow, "ethereum/revoke7702/details", title, what, f"Revoke from: {what.account}")
