"""OneKey's questions about EIP-7702 delegation."""

from __future__ import annotations

from trezorlib.messages import ButtonRequestType

from ...flow import Flow
from ...ui.screens import Screen
from ..address import checksum_address
from ..amounts import core_amount, onekey_amount
from ..call import Call
from .onekey_classic import UNNAMED_CHAIN, Page, chain_name, fee_lines, walk
from .onekey_pro import display_name


def _title(*, revokes: bool) -> str:
    return "Revoke Smart Account Delegation" if revokes else "Upgrade Smart Account"


def _network(call: Call, name: str) -> str:
    chain = call.msg.authorization_list[0].chain_id
    if chain == 0:
        return "ALL"
    return str(chain) if name == UNNAMED_CHAIN else name


def ask_delegation(flow: Flow, call: Call, delegate: str, name: str, *, revokes: bool) -> None:
    """OneKey Classic's menu. Raises ActionCancelled."""
    title = _title(revokes=revokes)
    warning = "Revoking the delegation of this account." if revokes else f"Upgrading to {name}."
    network = _network(call, chain_name(call.network, call.chain_id))
    details = (f"Network: {network}", f"Amount: {onekey_amount(call.value, None, call.network)}")
    pages = [
        Page("Warning", (warning,)),
        Page(title, ("Account:", checksum_address(call.sender, call.network))),
        *([] if revokes else [Page(title, ("Delegate to:", delegate))]),
        Page("Transaction Details", (*details, f"Nonce: {call.nonce}", *fee_lines(call)), details=True),
        Page("Sign Transaction", ("Do you want to sign this transaction?",)),
    ]
    walk(flow, "confirm_eip7702", int(ButtonRequestType.SignTx), pages)


def ask_overview(flow: Flow, call: Call, delegate: str, name: str, *, revokes: bool) -> None:
    """OneKey Pro's overview. Raises ActionCancelled."""
    to = () if revokes else (f"Delegate to: {delegate} ({name})",)
    lines = (
        f"Account: {checksum_address(call.sender, call.network)}",
        *to,
        f"Network: {_network(call, display_name(call.network))}",
        f"Maximum fee: {core_amount(call.fees.maximum, None, call.network)}",
    )
    code = int(ButtonRequestType.ProtectCall)
    flow.confirm(Screen("eip7702_authority_overview", _title(revokes=revokes), lines, code))
