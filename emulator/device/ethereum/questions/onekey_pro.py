"""OneKey Pro's questions: one overview, and a last one when the signature is ready.

The overview leads to a page of details only when the person asks for it, which a press of YES does
not; what that page would show is on the overview here.
"""

from __future__ import annotations

from trezorlib.messages import ButtonRequestType

from ...errors import DataError, FirmwareError
from ...flow import Flow
from ...ui.screens import Screen
from ..address import checksum_address
from ..amounts import core_amount
from ..call import Call
from ..calldata import CallData
from ..erc20 import UNLIMITED, is_approval, is_transfer, nft_transfer_of, transfer_of
from ..networks import UNKNOWN_NETWORK, UNKNOWN_TOKEN, Network
from ..onekey_messages import EthereumSignTxEIP1559OneKey, EthereumSignTxOneKey
from ..paths import format_path
from ..providers import provider_name
from ..safe_calls import describe_safe_call, is_safe_call
from .pressing import said_yes

_SIGN_TX = int(ButtonRequestType.SignTx)
_OTHER = int(ButtonRequestType.Other)
_OUTPUT = int(ButtonRequestType.ConfirmOutput)
_OWN_MESSAGES = (EthereumSignTxOneKey, EthereumSignTxEIP1559OneKey)
_ERC1155_LENGTHS = (228,)
_OWN_ERC1155_LENGTHS = (196, 228)
_DATA_OFFSET = 0xA0  # where ERC-1155's data has to begin


def display_name(network: Network) -> str:
    """What the device calls a network."""
    return "EVM" if network is UNKNOWN_NETWORK else network.name


class OneKeyProQuestions:
    """Screens of the 480 x 800 pixel display."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow

    def _ask(self, name: str, title: str, *lines: str, code: int = _SIGN_TX) -> None:
        self._flow.confirm(Screen(name, title, lines, code))

    def show_address(self, address: str, path: list[int], network: Network) -> None:
        """The answer goes out whichever way the person leaves the screen."""
        title = f"{display_name(network)} address"
        lines = (address, format_path(path))
        said_yes(self._flow, Screen("show_address", title, lines, int(ButtonRequestType.Address)))

    def show_public_key(self, public_key: bytes, path: list[int]) -> None:
        code = int(ButtonRequestType.PublicKey)
        self._ask("show_pubkey", "Public key", public_key.hex(), format_path(path), code=code)

    def approve(self, call: Call, data: CallData) -> None:
        own = isinstance(call.msg, _OWN_MESSAGES)
        if own and is_approval(call):
            self._ask_approval(call)
            return
        token = None
        recipient, value = call.recipient, call.value
        if is_transfer(call):
            token = call.wallet.rules.registry.token(call.chain_id, call.recipient) or UNKNOWN_TOKEN
            recipient, value = transfer_of(call)
            if token is UNKNOWN_TOKEN and not own:
                self._ask("unknown_token", "Unknown token", f"Contract: 0x{call.recipient.hex()}")
        elif (nft := self._nft(call, own=own)) is not None:
            recipient, value = nft
        elif own and is_safe_call(call):
            self._ask_safe(call, data)
            return
        self._ask_overview(call, recipient, core_amount(value, token, call.network))

    def finish(self, call: Call) -> None:
        name = display_name(call.network)
        self._ask(
            "confirm_final",
            "Confirm transaction",
            f"Do you want to sign this {name} transaction?",
            code=_OTHER,
        )

    def _nft(self, call: Call, *, own: bool) -> tuple[bytes, int] | None:
        nft = nft_transfer_of(call, _OWN_ERC1155_LENGTHS if own else _ERC1155_LENGTHS)
        if nft is None:
            return None
        if len(call.initial) > 100:
            if int.from_bytes(call.initial[132:164], "big") != _DATA_OFFSET:
                raise FirmwareError("Firmware error")  # an assertion of the firmware
            if nft.data != b"\0" and (nft.data or not own):
                self._ask("confirm_data", "View data", nft.data.hex())
        return nft.recipient, nft.amount

    def _fee_lines(self, call: Call) -> tuple[str, ...]:
        fees, network = call.fees, call.network
        lines = [f"Maximum fee: {core_amount(fees.maximum, None, network)}"]
        if fees.priority is None:
            lines.append(f"Gas price: {core_amount(fees.price, None, network)}")
        else:
            lines.append(f"Max fee per gas: {core_amount(fees.price, None, network)}")
            lines.append(f"Max priority fee per gas: {core_amount(fees.priority, None, network)}")
        return tuple(lines)

    def _ask_overview(self, call: Call, recipient: bytes, amount: str) -> None:
        to = checksum_address(recipient, call.network) if recipient else "New contract"
        sender = checksum_address(call.sender, call.network)
        raw = () if is_transfer(call) or not call.data_length else (f"Data: {call.initial.hex()}",)
        lines = (f"To: {to}", f"From: {sender}", *self._fee_lines(call), *raw)
        self._ask("confirm_output", f"Send {amount}", *lines)

    def _ask_approval(self, call: Call) -> None:
        spender, amount = transfer_of(call)
        token = call.wallet.rules.registry.token(call.chain_id, call.recipient) or UNKNOWN_TOKEN
        provider = provider_name(call.chain_id, spender)
        what = "unlimited" if amount == UNLIMITED else core_amount(amount, token, call.network)
        title = f"Revoke {token.symbol}" if amount == 0 else f"Approve {what} {token.symbol}"
        lines = (
            f"Spender: {checksum_address(spender, call.network)}",
            f"Provider: {provider or 'unknown'}",
            f"Token: {checksum_address(call.recipient, call.network)}",
            *self._fee_lines(call),
        )
        self._ask("approve_erc20_eth", title, *lines)

    def _ask_safe(self, call: Call, data: CallData) -> None:
        try:
            safe = describe_safe_call(call, data)
        except DataError:
            raise FirmwareError("Firmware error") from None  # an assertion of the firmware
        title = "Safe transaction"
        to = checksum_address(call.recipient, call.network)
        if safe.approves_hash:
            self._ask("confirm_output", title, to, *safe.lines, *self._fee_lines(call), code=_OUTPUT)
        else:
            code = int(ButtonRequestType.ProtectCall)
            lines = (to, *safe.lines, *self._fee_lines(call))
            self._ask("confirm_safe_exec_transaction", title, *lines, code=code)
