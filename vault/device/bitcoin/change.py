"""Which change a device puts on its screen: all that does not go back to the one account every input is of.

What it shows it takes for a payment, and counts in the total. Judges the messages that are sent, as each
run spends from one of our accounts; refuses nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def shown_change(inputs: Sequence[Any], outputs: Sequence[Any], *, in_order: bool) -> frozenset[int]:
    """Numbers of the change outputs among `outputs` that are shown, beside these `inputs`.

    `in_order`: the firmware takes a group whose keys come in another order for another group, as Trezor's
    does (multisig_fingerprint in crypto.c and multisig.py); keys are sorted at each place anew, so change
    may have them otherwise than the inputs. OneKey sorts them before.
    """
    homes = {(_account(message), _group(message, in_order)) for message in inputs}
    home = homes.pop() if len(homes) == 1 else None
    return frozenset(
        number
        for number, message in enumerate(outputs)
        if message.address_n and (_account(message), _group(message, in_order)) != home
    )


def of_one_account(inputs: Sequence[Any]) -> bool:
    """Whether all inputs are on one account path of ours."""
    return len({_account(message) for message in inputs}) == 1


def _account(message: Any) -> tuple[int, ...]:
    """The account's path; it fits one script type, which need not be compared then."""
    return tuple(message.address_n[:-2])


def _group(message: Any, in_order: bool) -> tuple[object, ...]:
    if message.multisig is None:
        return ()
    keys = [(bytes(hd.node.public_key), bytes(hd.node.chain_code)) for hd in message.multisig.pubkeys]
    return (message.multisig.m, *(keys if in_order else sorted(keys)))
