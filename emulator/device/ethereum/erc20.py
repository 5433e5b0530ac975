"""Calls of token contracts that the C firmwares and OneKey recognise by their form alone."""

from __future__ import annotations

from dataclasses import dataclass

from .call import WORD, Call

TRANSFER = bytes.fromhex("a9059cbb")
APPROVALS = (bytes.fromhex("095ea7b3"), bytes.fromhex("39509351"))  # approve, increaseAllowance
SAFE_TRANSFER_ERC1155 = bytes.fromhex("f242432a")
SAFE_TRANSFER_ERC721 = bytes.fromhex("42842e0e")
_LEADING = bytes(12)  # of an address in a word
UNLIMITED = 2**256 - 1
_TWO_WORDS = 4 + 2 * WORD


def _begins(call: Call, selector: bytes) -> bool:
    return call.initial[:16] == selector + _LEADING


def is_transfer(call: Call) -> bool:
    """transfer(address,uint256), without ether and in one piece."""
    return call.is_plain_call(_TWO_WORDS) and _begins(call, TRANSFER)


def is_approval(call: Call) -> bool:
    """approve(address,uint256) or increaseAllowance, without ether and in one piece."""
    return call.is_plain_call(_TWO_WORDS) and any(_begins(call, selector) for selector in APPROVALS)


def transfer_of(call: Call) -> tuple[bytes, int]:
    """Recipient (or spender) and amount of a transfer or an approval."""
    return call.initial[16:36], int.from_bytes(call.initial[36:68], "big")


@dataclass(frozen=True, slots=True)
class NftTransfer:
    """A safeTransferFrom of ERC-721 or ERC-1155."""

    sender: bytes
    recipient: bytes
    token_id: int
    amount: int
    data: bytes = b""


def nft_transfer_of(call: Call, erc1155_lengths: tuple[int, ...] = (228,)) -> NftTransfer | None:
    """The NFT a call moves; None for any other call."""
    data = call.initial
    token_id = int.from_bytes(data[68:100], "big")
    for length in erc1155_lengths:
        if call.is_plain_call(length) and _begins(call, SAFE_TRANSFER_ERC1155):
            size = int.from_bytes(data[164:196], "big")
            extra = data[-size:] if size else b""
            return NftTransfer(
                data[16:36], data[48:68], token_id, int.from_bytes(data[100:132], "big"), extra
            )
    if call.is_plain_call(100) and _begins(call, SAFE_TRANSFER_ERC721):
        return NftTransfer(data[16:36], data[48:68], token_id, 1)
    return None
