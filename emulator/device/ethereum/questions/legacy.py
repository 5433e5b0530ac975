"""Trezor One's questions: small pages, each with a ButtonRequest of its own."""

from __future__ import annotations

from trezorlib.messages import ButtonRequestType

from ...errors import DataError
from ...flow import Flow
from ...ui.screens import Screen
from ..address import checksum_address
from ..amounts import gwei, legacy_amount
from ..call import WORD, Call
from ..calldata import CallData
from ..erc20 import is_transfer, transfer_of
from ..networks import Network, Token
from ..paths import format_path
from ..staking import Operation, staking_operation
from .pressing import said_yes

_SIGN_TX = int(ButtonRequestType.SignTx)
_PAGE_BYTES = 24  # three lines of eight bytes
_MAX_DATA_PAGES = 5
_STAKING_WORDS = {
    Operation.STAKE: ("Stake", "on Everstake?"),
    Operation.UNSTAKE: ("Unstake", "from Everstake?"),
    Operation.CLAIM: ("Claim ETH", "from Everstake?"),
}
_STAKING_ARGUMENTS = {Operation.STAKE: 1, Operation.UNSTAKE: 3, Operation.CLAIM: 0}


class LegacyQuestions:
    """Screens of the 128 x 64 pixel display."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow

    def _ask(self, name: str, title: str, *lines: str, code: int = _SIGN_TX) -> None:
        self._flow.confirm(Screen(name, title, lines, code))

    def show_address(self, address: str, path: list[int], network: Network) -> None:
        """NO turns to the QR code and back; only YES ends it."""
        pages = ((address, format_path(path)), ("QR code:", address))
        page = 0
        code = int(ButtonRequestType.Address)
        while not said_yes(self._flow, Screen("show_address", "Address:", pages[page], code)):
            page = 1 - page

    def show_public_key(self, public_key: bytes, path: list[int]) -> None:
        code = int(ButtonRequestType.PublicKey)
        self._ask("show_pubkey", "Public Key:", public_key.hex(), code=code)

    def approve(self, call: Call, data: CallData) -> None:
        token = self._token(call)
        operation = staking_operation(call.recipient, call.initial)
        if operation is not None:
            self._ask_staking(call, operation)
        else:
            self._ask_transfer(call, token)
            if token is None and data.length > 0:
                self._ask_data(call)
        if call.fees.priority is None:
            self._ask_fee(call, token)
        else:
            self._ask_eip1559_fees(call)

    def finish(self, call: Call) -> None:
        """Nothing more is asked."""

    @staticmethod
    def _token(call: Call) -> Token | None:
        """The token an ERC-20 transfer is about, `UNKNOWN_TOKEN` included."""
        return call.wallet.definitions.token(call.recipient) if is_transfer(call) else None

    def _ask_staking(self, call: Call, operation: Operation) -> None:
        arguments = call.initial[4:]
        if len(arguments) != _STAKING_ARGUMENTS[operation] * WORD:
            raise DataError("Invalid staking transaction call")
        title, place = _STAKING_WORDS[operation]
        value = call.value
        if operation is Operation.UNSTAKE:
            value = int.from_bytes(arguments[:WORD], "big")
        amount = () if operation is Operation.CLAIM else (legacy_amount(value, None, call.network),)
        self._ask("confirm_ethereum_staking_tx", title, *amount, place)

    def _ask_transfer(self, call: Call, token: Token | None) -> None:
        # Without a recipient the page shows the zero address, as the firmware's buffer is empty.
        recipient, value = call.recipient or bytes(20), call.value
        if token is not None:
            recipient, value = transfer_of(call)
        amount = "message" if token is None and value == 0 else legacy_amount(value, token, call.network)
        self._ask("confirm_ethereum_tx", "Send", amount, "to", checksum_address(recipient, call.network))

    def _ask_data(self, call: Call) -> None:
        offset, data = 0, call.initial
        for _ in range(_MAX_DATA_PAGES):
            if offset >= call.data_length:
                return
            page = data[offset : offset + _PAGE_BYTES]
            offset += len(page)
            rows = [page[i : i + 8].hex() for i in range(0, len(page), 8)]
            more = "... " if offset < call.data_length else ""
            self._ask("confirm_data", "Transaction data:", *rows, f"{more}{offset}/{call.data_length} bytes")
        if offset < call.data_length:
            lines = ("Warning! Too long", "data to view.", "Proceed with caution.")
            self._ask("confirm_data", "Transaction data:", *lines, code=int(ButtonRequestType.ProtectCall))

    def _ask_fee(self, call: Call, token: Token | None) -> None:
        amount = "token" if token is not None else "message"
        if call.value:
            amount = legacy_amount(call.value, None, call.network)
        fee = legacy_amount(call.fees.maximum, None, call.network)
        self._ask("confirm_total", "Really send", amount, "paying up to", fee, "for gas?")

    def _ask_eip1559_fees(self, call: Call) -> None:
        fees = call.fees
        total = legacy_amount(fees.maximum, None, call.network)
        for label, amount in (
            ("Maximum fee per gas", gwei(fees.price)),
            ("Priority fee per gas", gwei(fees.priority or 0)),
            ("Maximum fee", total),
        ):
            self._ask("confirm_total", "Confirm fee", label, amount)
