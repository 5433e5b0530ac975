"""How large the C firmwares let a field of a message be (nanopb's max_size and max_count).

Facts from legacy/firmware/protob/*.options of both code bases, for the messages this emulator
serves. A field's number is the size of its C buffer (a string's last byte is the terminating zero)
or, for repeated numbers and messages, how many there may be; a pair is (count, size). None: the
firmware does not compile the field in and skips it.
"""

from __future__ import annotations

from collections.abc import Mapping

FieldBound = int | tuple[int, int] | None
Bounds = Mapping[str, Mapping[str, FieldBound]]

TREZOR_ONE_BOUNDS: Bounds = {
    "ApplySettings": {"language": 17, "label": 33, "homescreen": 1024},
    "AuthorizeCoinJoin": {"coordinator": 37, "address_n": 8, "coin_name": 21},
    "BackupDevice": {"groups": None},
    "CipherKeyValue": {"address_n": 8, "key": 256, "value": 1024, "iv": 16},
    "CoinJoinRequest": {"mask_public_key": 33, "signature": 64},
    "EntropyAck": {"entropy": 128},
    "EthereumAccessList": {"address": 43, "storage_keys": (12, 32)},
    "EthereumDefinitions": {"encoded_network": 1024, "encoded_token": 1024, "encoded_display_format": None},
    "EthereumGetAddress": {"address_n": 8, "encoded_network": 1024},
    "EthereumGetPublicKey": {"address_n": 8},
    "EthereumSignMessage": {"address_n": 8, "message": 1024, "encoded_network": 1024},
    "EthereumSignTx": {
        "address_n": 8,
        "nonce": 32,
        "gas_price": 32,
        "gas_limit": 32,
        "to": 43,
        "value": 32,
        "data_initial_chunk": 1024,
        "payment_req": None,
    },
    "EthereumSignTxEIP1559": {
        "address_n": 8,
        "nonce": 32,
        "max_gas_fee": 32,
        "max_priority_fee": 32,
        "gas_limit": 32,
        "to": 43,
        "value": 32,
        "data_initial_chunk": 1024,
        "access_list": 12,
        "payment_req": None,
        "auth7702": None,
    },
    "EthereumSignTypedHash": {
        "address_n": 8,
        "domain_separator_hash": 32,
        "message_hash": 32,
        "encoded_network": 1024,
    },
    "EthereumTxAck": {"data_chunk": 1024},
    "EthereumVerifyMessage": {"address": 43, "signature": 65, "message": 1024},
    "GetAddress": {"address_n": 8, "coin_name": 21},
    "GetECDHSessionKey": {"peer_public_key": 65, "ecdsa_curve_name": 32},
    "GetFirmwareHash": {"challenge": 32},
    "GetOwnershipId": {"address_n": 8, "coin_name": 21},
    "GetOwnershipProof": {"address_n": 8, "coin_name": 21, "ownership_ids": (15, 32), "commitment_data": 70},
    "GetPublicKey": {"address_n": 8, "ecdsa_curve_name": 32, "coin_name": 21},
    "HDNodePathType": {"address_n": 8},
    "HDNodeType": {"chain_code": 32, "private_key": 32, "public_key": 33},
    "IdentityType": {"proto": 9, "user": 64, "host": 64, "port": 6, "path": 256},
    "Initialize": {"session_id": 32},
    "LoadDevice": {"mnemonics": (16, 241), "pin": 51, "language": 17, "label": 33},
    "MultisigRedeemScriptType": {"pubkeys": 15, "signatures": (15, 73), "nodes": 15, "address_n": 8},
    "PassphraseAck": {"passphrase": 51, "_state": None},
    "PinMatrixAck": {"pin": 51},
    "Ping": {"message": 256},
    "RebootToBootloader": {"firmware_header": None},
    "RecoveryDevice": {"language": 17, "label": 33},
    "ResetDevice": {"language": 17, "label": 33},
    "SignIdentity": {"challenge_hidden": 512, "challenge_visual": 256, "ecdsa_curve_name": 32},
    "SignMessage": {"address_n": 8, "message": 1024, "coin_name": 21},
    "SignTx": {"coin_name": 21},
    "TransactionType": {"inputs": 1, "bin_outputs": 1, "outputs": 1, "extra_data": 1024},
    "TxInputType": {
        "address_n": 8,
        "prev_hash": 32,
        "script_sig": 1650,
        "witness": 109,
        "ownership_proof": 147,
        "commitment_data": 70,
        "orig_hash": 32,
        "script_pubkey": 520,
    },
    "TxOutputBinType": {"script_pubkey": 520},
    "TxOutputType": {"address": 130, "address_n": 8, "op_return_data": 150, "orig_hash": 32},
    "UnlockPath": {"address_n": 8, "mac": 32},
    "VerifyMessage": {"address": 130, "signature": 65, "message": 1024, "coin_name": 21},
    "WordAck": {"word": 12},
}

_ONEKEY_SIGN_TX: Mapping[str, FieldBound] = {
    "address_n": 8,
    "nonce": 32,
    "gas_price": 32,
    "gas_limit": 32,
    "to": 43,
    "value": 32,
    "data_initial_chunk": 1024,
    "payment_req": None,
}
_ONEKEY_SIGN_TX_1559: Mapping[str, FieldBound] = {
    "address_n": 8,
    "nonce": 32,
    "max_gas_fee": 32,
    "max_priority_fee": 32,
    "gas_limit": 32,
    "to": 43,
    "value": 32,
    "data_initial_chunk": 1024,
    "access_list": 16,
    "payment_req": None,
    "auth7702": None,
}
_ONEKEY_SIGN_MESSAGE: Mapping[str, FieldBound] = {"address_n": 8, "message": 5120, "encoded_network": 1024}

ONEKEY_1S_BOUNDS: Bounds = {
    **TREZOR_ONE_BOUNDS,
    "EthereumAccessList": {"address": 43, "storage_keys": (8, 32)},
    "EthereumSignMessage": _ONEKEY_SIGN_MESSAGE,
    "EthereumSignTx": _ONEKEY_SIGN_TX,
    "EthereumSignTxEIP1559": _ONEKEY_SIGN_TX_1559,
    "Initialize": {"session_id": 32, "passphrase_state": 64},
    "PinMatrixAck": {"pin": 10, "new_pin": 10},
    # The same requests under OneKey's own numbers, and what Trezor has not.
    "EthereumGetAddressOneKey": {"address_n": 8},
    "EthereumGetPublicKeyOneKey": {"address_n": 8},
    "EthereumSignTxOneKey": _ONEKEY_SIGN_TX,
    "EthereumSignTxEIP1559OneKey": _ONEKEY_SIGN_TX_1559,
    "EthereumSignTxEIP7702OneKey": {**_ONEKEY_SIGN_TX_1559, "authorization_list": 16},
    "EthereumAuthorizationOneKey": {"address_n": 8, "address": 43, "nonce": 8},
    "EthereumAccessListOneKey": {"address": 43, "storage_keys": (16, 32)},
    "EthereumTxAckOneKey": {"data_chunk": 1024},
    "EthereumSignMessageOneKey": {"address_n": 8, "message": 5120},
    "EthereumVerifyMessageOneKey": {"address": 43, "signature": 65, "message": 1024},
    "EthereumSignTypedHashOneKey": {"address_n": 8, "domain_separator_hash": 32, "message_hash": 32},
    "EthereumSignMessageEIP712": {"address_n": 8, "domain_hash": 32, "message_hash": 32},
    "EthereumSignTypedDataOneKey": {"address_n": 8, "primary_type": 64},
    "EthereumTypedDataStructAckOneKey": {"members": 16},
    "EthereumStructMemberOneKey": {"name": 64},
    "EthereumFieldTypeOneKey": {"struct_name": 64},
    "EthereumTypedDataValueAckOneKey": {"value": 1536},
    "EthereumGnosisSafeTxAck": {
        "to": 43,
        "value": 32,
        "data": 1536,
        "safeTxGas": 32,
        "baseGas": 32,
        "gasPrice": 32,
        "gasToken": 43,
        "refundReceiver": 43,
        "nonce": 32,
        "verifyingContract": 43,
    },
}
