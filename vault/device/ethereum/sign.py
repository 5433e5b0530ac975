"""Ethereum on a device: show an address, sign transactions, messages and typed data, check what returns.

The address of the key is read from the device and compared with the configured one before anything is
signed; every signature is recovered over our own hash before it is returned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vault.device.bitcoin.signatures import HINT
from vault.device.ethereum.checks import (
    check_account,
    check_message,
    check_transaction,
    checked_signature,
    require_address,
)
from vault.device.ethereum.describe import describe_message, describe_transaction, describe_typed_data
from vault.device.ethereum.request import EthereumAccount, SignedDefinitions
from vault.device.ethereum.typed_exchange import (
    SAFE_TX,
    require_supported,
    sign_hashes,
    sign_in_full,
    signs_in_full,
)
from vault.device.prompt import Prompt
from vault.errors import DeceivedError
from vault.evm.hashing import keccak, message_digest
from vault.evm.transaction import (
    EthereumSignature,
    EthereumTransaction,
    LegacyTransaction,
    SignedEthereumTransaction,
    serialise,
    signing_digest,
)
from vault.evm.typed import TypedData

if TYPE_CHECKING:
    from vault.device.session import DeviceSession

NOTHING_DEFINED: Final = SignedDefinitions()
_MESSAGE_V: Final = 27
_CALL_MESSAGES: Final = 200  # pages of data and fees each come with a question of their own


def read_ethereum_address(session: DeviceSession, path: tuple[int, ...]) -> str:
    """The address (EIP-55) of a path, shown nowhere: to be shown and compared before it is used.

    Raises `DeviceError` (``device.forbidden_path``, ``device.bad_ethereum_address``).
    """
    found = session.read(lambda raw: _address(raw, EthereumAccount(path, "")))
    check_account(EthereumAccount(path, found))
    return found


def show_ethereum_address(session: DeviceSession, account: EthereumAccount) -> str:
    """Have the device show the account's address, which must be the configured one.

    Raises what `DeviceSession.compare` raises, and `WrongDeviceError` (``device.wrong_account``).
    """
    check_account(account)

    def show(raw: Any) -> object:
        require_address(account, _address(raw, account, show=True))
        return account.address

    return session.compare(account.address, account.path, show)


def sign_ethereum_transaction(
    session: DeviceSession,
    transaction: EthereumTransaction,
    account: EthereumAccount,
    definitions: SignedDefinitions = NOTHING_DEFINED,
) -> SignedEthereumTransaction:
    """Sign a transaction of type 0 or 2; a Trezor takes `definitions` with it, a OneKey knows none.

    Raises `DeviceError` and its kin; see `checks`.
    """
    told = definitions if session.features.kind == "trezor" else NOTHING_DEFINED
    check_transaction(transaction, account)
    prompt = Prompt("sign_transaction", describe_transaction(transaction, account))

    def run(raw: Any) -> EthereumSignature:
        require_address(account, _address(raw, account))
        offset = 35 + 2 * transaction.chain_id if isinstance(transaction, LegacyTransaction) else 0
        vrs = _sign(raw, transaction, account, told)
        return checked_signature(account, signing_digest(transaction), vrs, offset)

    signature = session.ask(prompt, run, messages=_CALL_MESSAGES)
    signed = serialise(transaction, signature)
    return SignedEthereumTransaction(signature, signed, keccak(signed))


def sign_ethereum_message(session: DeviceSession, text: str, account: EthereumAccount) -> EthereumSignature:
    """Sign visible 7-bit text (EIP-191). Raises `DeviceError` and its kin."""
    from trezorlib import ethereum

    check_account(account)
    message = check_message(text)
    prompt = Prompt("sign_message", describe_message(text, account))

    def run(raw: Any) -> EthereumSignature:
        require_address(account, _address(raw, account))
        answer = ethereum.sign_message(raw, list(account.path), message)
        require_address(account, answer.address)
        return _of_65_bytes(account, message_digest(message), bytes(answer.signature))

    return session.ask(prompt, run, messages=_CALL_MESSAGES)


def sign_typed_data(
    session: DeviceSession, data: TypedData, account: EthereumAccount, *, by_hash: bool = False
) -> EthereumSignature:
    """Sign EIP-712 typed data: in full where the model can show it, else by its two hashes.

    `by_hash` asks for the hashes even so, where a model takes both. Raises `DeviceError`
    (``device.typed_data_unsupported``) and its kin.
    """
    check_account(account)
    info = session.features
    full = signs_in_full(info, data) and not by_hash
    require_supported(info, data, full=full)
    behind = info.pin_entry == "device" and not (info.kind == "onekey" and data.primary_type == SAFE_TX)
    prompt = Prompt("sign_typed_data", describe_typed_data(data, account, full=full, behind=behind))

    def run(raw: Any) -> EthereumSignature:
        require_address(account, _address(raw, account))
        sign = sign_in_full if full else sign_hashes
        signature, address = sign(raw, info, data, list(account.path))
        require_address(account, address, required=False)  # a OneKey Classic leaves it empty
        return _of_65_bytes(account, data.digest(), signature)

    return session.ask(prompt, run, messages=_CALL_MESSAGES + 4 * data.size())


def _address(raw: Any, account: EthereumAccount, *, show: bool = False) -> str:
    from trezorlib import ethereum

    return str(ethereum.get_address(raw, list(account.path), show_display=show))


def _sign(
    raw: Any, tx: EthereumTransaction, account: EthereumAccount, told: SignedDefinitions
) -> tuple[int, bytes, bytes]:
    from trezorlib import ethereum, messages

    path = list(account.path)
    definitions = None
    if told != NOTHING_DEFINED:
        definitions = messages.EthereumDefinitions(
            encoded_network=told.network or None, encoded_token=told.token or None
        )
    if isinstance(tx, LegacyTransaction):
        v, r, s = ethereum.sign_tx(
            raw,
            path,
            nonce=tx.nonce,
            gas_price=tx.gas_price,
            gas_limit=tx.gas_limit,
            to=tx.to,
            value=tx.value,
            data=tx.data,
            chain_id=tx.chain_id,
            definitions=definitions,
        )
    else:
        v, r, s = ethereum.sign_tx_eip1559(
            raw,
            path,
            nonce=tx.nonce,
            gas_limit=tx.gas_limit,
            to=tx.to,
            value=tx.value,
            data=tx.data,
            chain_id=tx.chain_id,
            max_gas_fee=tx.max_fee,
            max_priority_fee=tx.max_priority_fee,
            access_list=[
                messages.EthereumAccessList(address=each.address, storage_keys=list(each.storage_keys))
                for each in tx.access_list
            ],
            definitions=definitions,
        )
    return int(v), bytes(r), bytes(s)


def _of_65_bytes(account: EthereumAccount, digest: bytes, raw: bytes) -> EthereumSignature:
    if len(raw) != 65:
        raise DeceivedError("bad_signature", f"expected 65 bytes r, s, v, found {len(raw)}", hint=HINT)
    return checked_signature(account, digest, (raw[64], raw[:32], raw[32:64]), _MESSAGE_V)
