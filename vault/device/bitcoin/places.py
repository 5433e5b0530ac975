"""Where coins lie: the scripts of a single key or a group, made from the keys, and whose keys they are.

Refuses paths that do not fit script type and network, keys of another wallet, and signatures carried in
that do not verify.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vault.address import Network
from vault.device.bitcoin.multisig import GroupPlace, foreign_group, group_place
from vault.device.bitcoin.request import GroupOrigin, KeyOrigin, Origin, SpendRequest
from vault.device.bitcoin.scripts import Lock, single_lock
from vault.device.bitcoin.sighash import Digests
from vault.device.bitcoin.signatures import holds, is_strict_der
from vault.device.paths import check_wallet_path
from vault.errors import DeviceError, WrongDeviceError


@dataclass(frozen=True, slots=True)
class SinglePlace:
    """An address of a wallet with one key."""

    origin: KeyOrigin
    lock: Lock


Place = SinglePlace | GroupPlace


def place_of(origin: Origin, kind: str, network: Network) -> Place:
    """The scripts of an origin. Raises `DeviceError` (``forbidden_path``, ``bad_key``, ``bad_group`` …)."""
    if isinstance(origin, GroupOrigin):
        return group_place(kind, origin, network)
    check_wallet_path(origin.path, kind, network)
    return SinglePlace(origin, single_lock(kind, origin.key))


def require_ours(place: Place, fingerprint: str, where: str) -> None:
    """The wallet has a key there. Raises `WrongDeviceError` (``device.foreign_key``)."""
    if not isinstance(place, SinglePlace):
        if not place.ours(fingerprint):
            raise foreign_group(fingerprint, place, where)
    elif place.origin.fingerprint != fingerprint:
        found = place.origin.fingerprint
        raise WrongDeviceError(
            "foreign_key",
            f"{where}: expected a key of the connected wallet {fingerprint}, found {found}",
            hint="Connect the device of that wallet.",
            expected=fingerprint,
            found=found,
        )


def check_partial(request: SpendRequest, places: Sequence[Place], digests: Digests) -> None:
    """Signatures that are carried in are as good as those a device returns.

    Raises `DeviceError` (``device.bad_partial_signature``).
    """
    seen = set()
    for each in request.partial:
        place = places[each.input] if 0 <= each.input < len(places) else None
        if not isinstance(place, GroupPlace) or each.key not in place.lock.keys:
            raise _bad_partial(each.input, f"expected one of its group, found one of {each.key.hex()}")
        if (each.input, each.key) in seen:
            raise _bad_partial(each.input, f"expected one a cosigner, found two of {each.key.hex()}")
        seen.add((each.input, each.key))
        digest = digests.of(each.input)
        if not is_strict_der(each.signature) or not holds(place.lock, each.key, each.signature, digest):
            raise _bad_partial(each.input, f"that of {each.key.hex()} does not verify")


def _bad_partial(index: int, why: str) -> DeviceError:
    return DeviceError(
        "bad_partial_signature",
        f"input {index}, signatures carried in: {why}",
        hint="It belongs to another transaction, or was altered. Have that cosigner sign again.",
    )
