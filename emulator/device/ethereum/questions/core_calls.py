"""Clear signing on core: finds the display format of a call and asks in its terms.

Token approvals and transfers have screens of their own, every other function a list of properties.
"""

from __future__ import annotations

from ...errors import DataError, FirmwareError
from ..address import checksum_address
from ..amounts import core_amount
from ..call import SELECTOR_LENGTH, Call
from ..clear_signing.builtin import APPROVE, TRANSFER
from ..clear_signing.contracts import contract_name
from ..clear_signing.formats import DisplayFormat
from ..clear_signing.reading import Reader, two_rows
from ..networks import UNKNOWN_TOKEN
from ..vaults import known_vault
from .core_screens import Approval, CoreScreens


def approve_call(call: Call, data: bytes, screens: CoreScreens, reader: Reader) -> bool:
    """Ask about a call by its display format; False if there is none.

    Raises ClearSigningFailed when the call does not fit its format.
    """
    if not call.recipient or len(data) < SELECTOR_LENGTH:
        return False
    form = reader.find_format(data[:SELECTOR_LENGTH], call.recipient)
    if form is None:
        return False
    if call.payment_request is not None and form.selector != TRANSFER.selector:
        raise DataError("Payment Requests only supported for ERC-20 transfers.")
    arguments = data[SELECTOR_LENGTH:]
    if form.selector == APPROVE.selector:
        _approve_allowance(call, form, arguments, screens, reader)
    elif form.selector == TRANSFER.selector:
        _approve_transfer(call, form, arguments, screens, reader)
    else:
        _approve_properties(call, form, arguments, screens, reader)
    return True


def _ether_along(call: Call) -> str | None:
    """Ether that goes with a call that should not carry any."""
    return core_amount(call.value, None, call.network) if call.value else None


def _approve_allowance(
    call: Call, form: DisplayFormat, arguments: bytes, screens: CoreScreens, reader: Reader
) -> None:
    reading = reader.read(form, arguments)
    spender, amount = two_rows(reading, ("Spender", "Amount"))
    raw_spender, raw_amount = reading.parameters
    if not isinstance(raw_spender, bytes):
        raise FirmwareError("")  # an assertion of the firmware
    name = form.provider or contract_name(call.chain_id, raw_spender)
    vault = known_vault(call.network.chain_id, raw_spender)
    if name is None and vault is not None:
        name = vault.name
    token = amount.shown.token
    if token is None or token is UNKNOWN_TOKEN:
        token = token or call.wallet.definitions.token(call.recipient)
    screens.ask_approval(
        Approval(
            spender=spender.shown.text or "",
            spender_name=name,
            amount=amount.shown.text or "",
            unlimited=amount.shown.unlimited,
            revokes=raw_amount == 0,
            token=token,
            ether=_ether_along(call),
        )
    )


def _approve_transfer(
    call: Call, form: DisplayFormat, arguments: bytes, screens: CoreScreens, reader: Reader
) -> None:
    reading = reader.read(form, arguments)
    recipient, amount = two_rows(reading, ("To", "Amount"))
    token = amount.shown.token or call.wallet.definitions.token(call.recipient)
    to, raw_amount = recipient.shown.text or "", reading.parameters[1]
    if call.payment_request is not None:
        if not isinstance(raw_amount, int):
            raise FirmwareError("")
        call.payment_request.verify_output(raw_amount, to)
        contract = checksum_address(call.recipient, call.network)
        screens.ask_payment(call.payment_request, to, token, contract)
        return
    if token is UNKNOWN_TOKEN:
        screens.warn_unknown_token()
        screens.ask_contract()
    screens.ask_transfer(to, amount.shown.text or "", is_send=True, ether=_ether_along(call))


def _approve_properties(
    call: Call, form: DisplayFormat, arguments: bytes, screens: CoreScreens, reader: Reader
) -> None:
    ether = _ether_along(call)
    lines: list[str] = []
    shown_already = False
    for row in reader.read(form, arguments).rows:
        shown_already = shown_already or (ether is not None and row.shown.text == ether)
        lines.append(f"{row.label}: {row.shown.text or ''}")
        if row.shown.token is UNKNOWN_TOKEN:
            contract = checksum_address(row.shown.token_address, call.network)
            lines.append(f"Token contract address: {contract}")
    provider = form.provider or contract_name(call.chain_id, call.recipient) or call.msg.to
    screens.ask_properties(provider, form.intent, lines, None if shown_already else ether)
