"""What can go wrong with a device on demand: it vanishes, it hangs, its packets suffer, or it is evil.

Evil switches make a device that follows the protocol and lies: a host that only counts bytes
accepts its answers, one that verifies them does not.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from random import Random

MAX_DELAY_MS = 10_000  # a delayed device still has to be stopped in reasonable time

FaultValue = bool | int | float | None


@dataclass(slots=True)
class Faults:
    """Switches; all off is an honest device that works."""

    # Answers nothing any more, as if the cable were pulled.
    unplugged: bool = False
    # Vanishes after that many further answers; None: never.
    unplug_after: int | None = None
    # Hangs for good after the next confirmed question.
    stall_after_button: bool = False

    # Packets: so many of the next ones to the host are lost, sent twice, or cut in half.
    drop_packets: int = 0
    duplicate_packets: int = 0
    truncate_packets: int = 0
    # So many of the next ones from the host are not heard.
    ignore_packets: int = 0
    # Every packet to the host waits so long.
    delay_packets_ms: int = 0
    # The same by chance, decided by a generator that starts at `packet_seed`.
    packet_loss: float = 0.0
    packet_duplication: float = 0.0
    packet_truncation: float = 0.0
    packet_seed: int = 0

    # Signs with another key of the same wallet.
    wrong_key_signature: bool = False
    # Signs with the key at the same path of another seed.
    foreign_wallet_signature: bool = False
    # Returns signatures without their last byte, alone and in the serialised transaction.
    truncate_signature: bool = False
    # Returns signatures with zero bytes appended.
    zero_padded_signature: bool = False
    # Returns the signatures of the inputs in another order.
    shuffled_signatures: bool = False
    # Signs a transaction whose first output pays someone else; serialises the one shown.
    sign_other_output: bool = False
    # Signs and serialises a transaction whose first output pays someone else.
    redirect_output: bool = False
    # Shows the right address and returns another one of the same wallet.
    wrong_address: bool = False
    # Returns the right address and shows another one of the same wallet.
    wrong_address_on_screen: bool = False
    # Adds unknown, repeated and oversized fields to every answer.
    inflated_fields: bool = False

    def as_dict(self) -> dict[str, FaultValue]:
        return asdict(self)

    def update(self, changes: Mapping[str, object]) -> None:
        """Set switches by name. ValueError names an unknown switch or a value of a wrong type."""
        known = {f.name: f.default for f in fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"unknown fault {name!r}; known: {', '.join(sorted(known))}")
            wanted = _wanted(name, known[name], value)
            if wanted is not None:
                raise ValueError(f"fault {name!r} takes {wanted}, not {value!r}")
        for name, value in changes.items():
            setattr(self, name, value)


def _wanted(name: str, default: object, value: object) -> str | None:
    """What a switch takes, if the value is not of that kind."""
    is_count = type(value) is int and value >= 0
    if name == "unplug_after":
        return None if value is None or is_count else "a count or null"
    if name == "delay_packets_ms":
        good = type(value) is int and 0 <= value <= MAX_DELAY_MS
        return None if good else f"0 to {MAX_DELAY_MS} milliseconds"
    if type(default) is bool:
        return None if type(value) is bool else "true or false"
    if type(default) is float:
        good = type(value) in (int, float) and 0 <= value <= 1  # type: ignore[operator]
        return None if good else "a probability from 0 to 1"
    return None if is_count else "a count"


@dataclass(slots=True)
class PacketMangler:
    """Does to packets what the switches say."""

    faults: Faults
    _seed: int | None = None
    _random: Random = field(default_factory=Random)

    def to_host(self, packet: bytes) -> list[bytes]:
        """The packets that are sent instead of `packet`; waits when packets are delayed."""
        faults = self.faults
        if faults.delay_packets_ms:
            time.sleep(faults.delay_packets_ms / 1000)
        if self._happens("drop_packets", faults.packet_loss):
            return []
        if self._happens("truncate_packets", faults.packet_truncation):
            packet = packet[: len(packet) // 2]
        return [packet] * (2 if self._happens("duplicate_packets", faults.packet_duplication) else 1)

    def is_heard(self) -> bool:
        """Whether a packet from the host arrives."""
        return not self._happens("ignore_packets", 0.0)

    def _happens(self, counter: str, probability: float) -> bool:
        left = getattr(self.faults, counter)
        if left:
            setattr(self.faults, counter, left - 1)
            return True
        if not probability:
            return False
        if self._seed != self.faults.packet_seed:
            self._seed = self.faults.packet_seed
            self._random.seed(self._seed)
        return self._random.random() < probability
