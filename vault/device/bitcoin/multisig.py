"""Groups of cosigners: keys derived and sorted on the host, and the message that describes a group.

`pubkeys_order` is never sent: OneKey ignores it and would build another script. Refuses extended keys
of another network, place or form, hardened places, and cosigners that are not told apart.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vault.address import Network, address_of
from vault.bip32 import ExtendedKey
from vault.device.bitcoin.request import Cosigner, GroupOrigin, PartialSignature
from vault.device.bitcoin.scripts import Lock, group_lock
from vault.device.paths import MAX_INDEX, check_group_path, coin_name, format_path
from vault.errors import ConfigError, DeviceError, WrongDeviceError

if TYPE_CHECKING:
    from vault.device.session import DeviceSession


@dataclass(frozen=True, slots=True)
class Member:
    """A cosigner at one place of the group: derived key, account key, and which cosigner it is."""

    key: bytes
    account: ExtendedKey
    cosigner: Cosigner


@dataclass(frozen=True, slots=True)
class GroupPlace:
    """A place of a group: its lock, and its members in the order of the lock's keys."""

    lock: Lock
    members: tuple[Member, ...]
    branch: int
    index: int

    def ours(self, fingerprint: str) -> tuple[Member, ...]:
        """The members whose key the wallet with that root fingerprint holds."""
        return tuple(member for member in self.members if member.cosigner.fingerprint == fingerprint)

    def path(self, member: Member) -> tuple[int, ...]:
        """The full path of a member's key."""
        return (*member.cosigner.path, self.branch, self.index)


def group_place(kind: str, origin: GroupOrigin, network: Network) -> GroupPlace:
    """Derive a group at a place.

    Raises `DeviceError`: ``forbidden_path``, ``bad_group``, ``bad_account_key`` …
    """
    if origin.branch not in {0, 1} or not 0 <= origin.index <= MAX_INDEX:
        raise DeviceError(
            "forbidden_path",
            f"expected branch 0 or 1 and an index up to {MAX_INDEX}, found {origin.branch}/{origin.index}",
        )
    members = []
    for cosigner in origin.group.cosigners:
        check_group_path(cosigner.path, kind, network)
        account = read_account_key(cosigner, network)
        members.append(Member(account.child(origin.branch, origin.index), account, cosigner))
    lock = group_lock(kind, origin.group.threshold, [member.key for member in members])
    members.sort(key=lambda member: member.key)
    return GroupPlace(lock, tuple(members), origin.branch, origin.index)


@functools.lru_cache(maxsize=256)
def read_account_key(cosigner: Cosigner, network: Network) -> ExtendedKey:
    """A cosigner's extended key. Raises `DeviceError` (``device.bad_account_key``)."""
    where = f"cosigner [{cosigner.fingerprint}] {format_path(cosigner.path)}"
    try:
        key = ExtendedKey.parse(cosigner.xpub, network)
    except ConfigError as error:
        raise DeviceError("bad_account_key", f"{where}: {error.message}", hint=error.hint) from None
    if (key.depth, key.child_number) != (len(cosigner.path), cosigner.path[-1]):
        raise DeviceError(
            "bad_account_key", f"{where}: expected the key at that path, found one of depth {key.depth}"
        )
    return key


def group_message(place: GroupPlace, signatures: dict[bytes, bytes]) -> Any:
    """MultisigRedeemScriptType: extended keys in the order of their derived keys, a slot a signature."""
    from trezorlib import messages

    nodes = [
        messages.HDNodePathType(
            node=messages.HDNodeType(
                depth=member.account.depth,
                fingerprint=int.from_bytes(member.account.parent, "big"),
                child_num=member.account.child_number,
                chain_code=member.account.chain_code,
                public_key=member.account.key,
            ),
            address_n=[place.branch, place.index],
        )
        for member in place.members
    ]
    slots = [signatures.get(member.key, b"") for member in place.members]
    message = messages.MultisigRedeemScriptType(pubkeys=nodes, signatures=slots, m=place.lock.threshold)
    message.pubkeys_order = None  # the library would send its default
    return message


def carried_in(
    partial: Iterable[PartialSignature], index: int, place: GroupPlace, mine: bytes
) -> dict[bytes, bytes]:
    """Signatures of an input's other cosigners, at most as many as leave one to `mine`."""
    given = {each.key: each.signature for each in partial if each.input == index and each.key != mine}
    chosen = [key for key in place.lock.keys if key in given][: place.lock.threshold - 1]
    return {key: given[key] for key in chosen}


def show_group_address(
    session: DeviceSession, network: Network, script_type: str, origin: GroupOrigin, *, expected: str
) -> str:
    """Have a cosigner's device show the group's address; it must be `expected`, and ours.

    Raises what `DeviceSession.compare` raises, and `WrongDeviceError` (no cosigner of this wallet).
    """
    from trezorlib import btc

    place = group_place(script_type, origin, network)
    derived = address_of(place.lock.script_pubkey, network)
    if derived != expected:
        raise DeviceError("address_mismatch", f"expected {expected}, but the group derives {derived}")
    ours = place.ours(session.fingerprint)
    if not ours:
        raise foreign_group(session.fingerprint, place, "the address")
    path = place.path(ours[0])
    group = f"group: {place.lock.threshold} of {len(place.members)}"

    def show(raw: Any) -> object:
        return btc.get_authenticated_address(
            raw,
            coin_name(network),
            list(path),
            show_display=True,
            multisig=group_message(place, {}),
            script_type=input_kinds()[script_type],
        ).address

    return session.compare(expected, path, show, (group,))


def input_kinds() -> dict[str, Any]:
    """trezorlib's input script type of every kind."""
    from trezorlib.messages import InputScriptType as Kind

    return {
        "p2pkh": Kind.SPENDADDRESS,
        "p2sh-p2wpkh": Kind.SPENDP2SHWITNESS,
        "p2wpkh": Kind.SPENDWITNESS,
        "p2tr": Kind.SPENDTAPROOT,
        "p2sh": Kind.SPENDMULTISIG,
        "p2sh-p2wsh": Kind.SPENDP2SHWITNESS,
        "p2wsh": Kind.SPENDWITNESS,
    }


def foreign_group(fingerprint: str, place: GroupPlace, where: str) -> WrongDeviceError:
    """The connected wallet is none of the cosigners."""
    known = ", ".join(sorted(member.cosigner.fingerprint for member in place.members))
    return WrongDeviceError(
        "foreign_key",
        f"{where}: expected a cosigner of {known}, found the connected wallet {fingerprint}",
        hint="Connect the device of a cosigner.",
        expected=known,
        found=fingerprint,
    )
