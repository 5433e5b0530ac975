"""From the signatures of every device to the final transaction, built by us.

Refuses inputs with fewer signatures than they need, and any signature that does not verify; of a
group's surplus signatures the first in the order of its keys are used.
"""

from __future__ import annotations

from dataclasses import replace

from vault.address import Network
from vault.device.bitcoin.assemble import final_transaction
from vault.device.bitcoin.places import check_partial, place_of
from vault.device.bitcoin.request import SignedInputs, SpendRequest
from vault.device.bitcoin.sighash import Digests, Unsigned
from vault.device.bitcoin.signatures import require_form, require_valid


def carry_on(request: SpendRequest, signed: SignedInputs) -> SpendRequest:
    """The same request with a device's signatures of groups' inputs in it, for the next cosigner."""
    known = {(each.input, each.key) for each in signed.partial}
    kept = (each for each in request.partial if (each.input, each.key) not in known)
    return replace(request, partial=(*kept, *signed.partial))


def finish(request: SpendRequest, network: Network, signed: SignedInputs) -> bytes:
    """The signed transaction in the network's serialisation.

    `signed` is what the last device returned; the other cosigners' signatures are in the request (see
    `carry_on`). Raises `DeviceError` (``unfinished``, ``bad_partial_signature`` …), `DeceivedError`.
    """
    request = carry_on(request, signed)
    places = [place_of(spend.origin, spend.script_type, network) for spend in request.inputs]
    locks = [place.lock for place in places]
    unsigned = Unsigned.of(request)
    digests = Digests(request, unsigned, locks)
    check_partial(request, places, digests)
    single = dict(signed.signatures)
    partial = {(each.input, each.key): each.signature for each in request.partial}
    chosen = []
    for index, lock in enumerate(locks):
        held = [(key, partial[index, key]) for key in lock.keys if (index, key) in partial]
        if index in single:
            require_form(index, lock, single[index])
            require_valid(digests, index, lock, lock.keys[0], single[index])
            held = [(lock.keys[0], single[index])]
        chosen.append(held[: lock.threshold])
    return final_transaction(unsigned, locks, chosen)
