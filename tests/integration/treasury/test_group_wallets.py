"""Groups enter the treasury only with keys read twice and addresses shown by every cosigner's device."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.faults.treasury import line, stage
from tests.faults.treasury.bench import Bench
from tests.support.group_treasury import AGREEING, Outsider, outsider, request, without_wallet
from vault.address import base58check_encode, network_of
from vault.bitcoin.descriptor import Descriptor
from vault.config import Treasury, load_treasury
from vault.device.paths import account_paths
from vault.device.prompt import silent
from vault.errors import (
    ConfigError,
    DeceivedError,
    DeniedError,
    DeviceError,
    DeviceRefusedError,
    VaultError,
    WrongDeviceError,
)
from vault.treasury import approve, documents, execute, propose
from vault.treasury.add_wallet import (
    NewWallet,
    Signer,
    WalletRequest,
    add_wallet,
    enrol,
    parse_cosigner,
)
from vault.treasury.desk import Desk
from vault.treasury.devices import KeyList, configured, open_target, read_keys, show_address
from vault.treasury.shown import describe_wallet, not_shown, require_shown

REGTEST = network_of("regtest")
OTHER_SEED = "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong"


@dataclass
class Place:
    """A treasury with two devices and no staging wallet."""

    bench: Bench
    number: int
    treasury: Treasury
    outside: Outsider
    staged: stage.Staged

    @property
    def wanted(self) -> WalletRequest:
        return request(("cold", self.number), ("staging", self.number), outside=(self.outside,))

    def add(self, wanted: WalletRequest | None = None) -> NewWallet:
        return add_wallet(self.treasury, wanted or self.wanted, AGREEING, silent)

    def refused(self, wanted: WalletRequest) -> str:
        with pytest.raises(VaultError) as caught:
            self.add(wanted)
        assert self.treasury.path.read_text(encoding="utf-8") == self.text
        return caught.value.code

    @property
    def text(self) -> str:
        return (self.treasury.folder / "before.toml").read_text(encoding="utf-8")

    def keys(self, device: str) -> KeyList:
        """What `vault device xpub --json` prints on another machine."""
        target = configured(self.treasury, device)
        paths = tuple(account_paths(REGTEST, self.number))
        with open_target(self.treasury, target, AGREEING, silent) as session:
            return read_keys(session, REGTEST, tuple("/".join(_words(path)) for path in paths), 0)

    def enrol(self, new: NewWallet) -> Desk:
        with Desk(self.treasury) as desk:
            return Desk(enrol(self.treasury, desk.store, new))


def _words(path: tuple[int, ...]) -> list[str]:
    return ["m", *(f"{step & 0x7FFFFFFF}h" for step in path)]


@pytest.fixture
def place(bench: Bench) -> Iterator[Place]:
    number = next(bench._numbers)
    folder = Path(bench._folder) / f"wallets-{number}"
    staged = stage.make_treasury(bench.scene, folder, "evacuation", number, keyring=bench._folder)
    treasury = without_wallet(load_treasury(staged.config), "staging")
    (folder / "before.toml").write_text(treasury.path.read_text(encoding="utf-8"), encoding="utf-8")
    try:
        yield Place(bench, number, treasury, outsider(f"wallets {number}"), staged)
    finally:
        bench.calm()


def seen(bench: Bench, label: str, address: str) -> bool:
    return any(address in "".join(screen.text.split()) for screen in bench.hands[label].screens)


@pytest.mark.parametrize("kind", ["p2wsh", "p2sh-p2wsh"])
def test_every_device_shows_the_first_address_and_the_table_is_written_whole(place: Place, kind: Any) -> None:
    outside = outsider(f"{kind} {place.number}", kind)
    new = place.add(replace(place.wanted, kind=kind, outside=(outside.key,)))
    assert (new.shown, new.waiting, new.keys) == (("cold", "staging"), (), 3)
    for label in ("cold", "staging"):
        assert seen(place.bench, label, new.first_address)
    assert place.treasury.path.read_text(encoding="utf-8") == place.text
    with place.enrol(new) as desk:
        settings = desk.treasury.wallet("staging")
        assert (settings.devices, settings.outside) == (("cold", "staging"), (outside.key.fingerprint,))
        assert desk.descriptor("staging").threshold == 2
        require_shown(desk, "staging")
        found = describe_wallet(desk, "staging")
        assert [each.device for each in found.cosigners] == ["cold", "staging", ""]
    assert place.treasury.path.read_text(encoding="utf-8").startswith(place.text.rstrip())


@pytest.mark.parametrize("kind", ["p2wpkh", "p2tr", "p2pkh", "p2sh-p2wpkh"])
def test_a_wallet_of_one_key_is_added_to_a_device_that_is_there(place: Place, kind: Any) -> None:
    wanted = WalletRequest("more", "cold", kind, 1, (Signer("cold", place.number + 1),))
    new = place.add(wanted)
    assert seen(place.bench, "cold", new.first_address)
    with place.enrol(new) as desk:
        assert desk.treasury.wallet("more").device == "cold"
        assert show_address(desk, "more", 3, change=True).address == desk.descriptor("more").address(True, 3)


def test_keys_that_another_machine_read_are_compared(place: Place) -> None:
    honest = place.keys("cold")
    assert place.add(replace(place.wanted, compare=(honest,))).compared == ("cold",)
    forged = replace(honest, keys=tuple(replace(key, key=place.outside.text[-111:]) for key in honest.keys))
    assert place.refused(replace(place.wanted, compare=(forged,))) == "device.keys_differ"
    stranger = replace(honest, root_fingerprint="deadbeef")
    for wanted in (replace(place.wanted, compare=(stranger,)), replace(place.wanted, absent=(stranger,))):
        assert place.refused(wanted) == "device.keys_differ"


def test_a_device_that_is_not_at_hand_confirms_later_and_nothing_moves_before(place: Place) -> None:
    away = place.keys("staging")
    place.bench.devices["staging"].set_faults({"unplugged": True})
    new = place.add(replace(place.wanted, absent=(away,)))
    assert (new.shown, new.waiting) == (("cold",), ("staging",))
    place.bench.devices["staging"].set_faults({"unplugged": False})
    assert new.descriptor == place.add().descriptor
    with place.enrol(new) as desk:
        assert not_shown(desk, "staging") == ("staging",)
        with pytest.raises(DeniedError) as caught:
            require_shown(desk, "staging")
        assert caught.value.code == "denied.wallet_not_confirmed"
        assert "--device staging" in caught.value.hint
        staged = _funded(place, new)
        line.prepare(desk, staged)
        found = propose.propose(desk)
        assert found.plan is None
        assert [each.code for each in found.problems] == ["denied.wallet_not_confirmed"]
        show_address(desk, "staging", 0, change=False, device="staging")
        assert not_shown(desk, "staging") == ()
        assert propose.propose(desk).plan is not None


def _funded(place: Place, new: NewWallet) -> stage.Staged:
    descriptors = tuple(
        (name, new.descriptor if name == "staging" else text) for name, text in place.staged.descriptors
    )
    staged = replace(place.staged, descriptors=descriptors)
    stage.fund(place.bench.scene, staged)
    return staged


def test_an_address_of_a_group_enters_the_book_when_every_device_has_shown_it(place: Place) -> None:
    first, other = place.wanted.signers
    wanted = replace(place.wanted, role="cold", signers=(other, first), absent=(place.keys("cold"),))
    new = place.add(wanted)
    with place.enrol(new) as desk:
        with pytest.raises(DeniedError):
            documents.add_own_address(desk, "group-7", "staging", 7)
        assert not desk.treasury.book_path.exists()
        show_address(desk, "staging", 0, change=False, device="cold")
        place.bench.hands["cold"].yes = False
        with pytest.raises(DeviceRefusedError):
            documents.add_own_address(desk, "group-7", "staging", 7)
        assert not desk.treasury.book_path.exists()
        # The first device has shown it, and is not asked again.
        assert not_shown(desk, "staging", 7) == ("cold",)
        place.bench.hands["cold"].yes = True
        before = len(place.bench.hands["staging"].screens)
        entry = documents.add_own_address(desk, "group-7", "staging", 7).entry
        assert entry.address == desk.descriptor("staging").address(False, 7)
        assert len(place.bench.hands["staging"].screens) == before
        documents.sign_book(desk, stage.TREASURER, lambda _statement: None)


def test_a_descriptor_that_was_exchanged_afterwards_counts_as_not_shown(place: Place) -> None:
    """Whoever edits treasury.toml puts another cosigner in: no device has shown that group."""
    with place.enrol(place.add()) as desk:
        descriptor = desk.descriptor("staging")
        stranger = outsider("a thief")
        forged = Descriptor.of_keys("p2wsh", REGTEST, 2, (*descriptor.keys[:2], stranger.key))
        text = desk.treasury.path.read_text(encoding="utf-8")
        text = text.replace(descriptor.text(), forged.text())
        text = text.replace(place.outside.key.fingerprint, stranger.key.fingerprint)
        desk.treasury.path.write_text(text, encoding="utf-8")
    with Desk(load_treasury(place.treasury.path)) as desk:
        assert not_shown(desk, "staging") == ("cold", "staging")


def test_a_no_a_lie_or_another_wallet_adds_nothing(place: Place) -> None:
    place.bench.hands["cold"].yes = False
    assert place.refused(place.wanted) == "device.refused_by_person"
    place.bench.hands["cold"].yes = True
    place.bench.devices["cold"].set_faults({"wrong_address": True})
    with pytest.raises(DeceivedError):
        place.add()
    place.bench.devices["cold"].set_faults({"wrong_address": False})
    place.bench.devices["cold"].load_seed(OTHER_SEED)
    with pytest.raises(WrongDeviceError):
        place.add()


def test_requests_that_make_no_sense_are_refused_before_a_device_is_asked(place: Place) -> None:
    wanted, key = place.wanted, place.outside.key
    refused = {
        replace(wanted, name="cold"): "config.name_taken",
        replace(wanted, threshold=4): "config.bad_group",
        replace(wanted, threshold=0): "config.bad_group",
        replace(wanted, signers=wanted.signers[:1], outside=()): "config.bad_group",
        replace(wanted, kind="p2wpkh"): "config.bad_group",
        replace(wanted, signers=(wanted.signers[0], wanted.signers[0])): "config.cosigner_twice",
        replace(wanted, outside=(key, key)): "config.cosigner_twice",
        replace(wanted, outside=(outsider("x", "p2sh-p2wsh").key,)): "config.descriptor_path",
    }
    before = {label: len(hand.screens) for label, hand in place.bench.hands.items()}
    for each, code in refused.items():
        assert place.refused(each) == code
    assert {label: len(hand.screens) for label, hand in place.bench.hands.items()} == before


def test_a_key_file_without_the_key_is_refused(place: Place) -> None:
    file = place.keys("staging")
    other = replace(place.wanted, absent=(replace(file, keys=file.keys[:4]),))
    assert place.refused(other) == "device.no_key"


def test_a_cosigners_key_is_read_as_other_programs_write_it(place: Place) -> None:
    text = place.outside.text
    origin, _, key = text.partition("]")
    for each in (text, f" {text}/<0;1>/* ", f"{origin.replace('h', chr(39))}]{key}"):
        assert parse_cosigner(place.treasury, each) == place.outside.key
    for bad in ("", "tpub", text[1:], text.replace("[", "(")):
        with pytest.raises(ConfigError) as caught:
            parse_cosigner(place.treasury, bad)
        assert caught.value.code == "config.bad_cosigner"
    with pytest.raises((ConfigError, DeviceError)):
        parse_cosigner(place.treasury, text[:-1] + ("a" if text[-1] != "a" else "b"))
    secret = base58check_encode(bytes.fromhex("04358394") + bytes(range(74)))
    assert secret.startswith("tprv")
    with pytest.raises(ConfigError) as leaked:
        parse_cosigner(place.treasury, f"{text.partition(']')[0]}]{secret}")
    assert leaked.value.code == "config.private_key"
    assert secret not in leaked.value.message


def test_coins_go_home_to_a_group_whose_address_the_approver_sees_again(bench: Bench) -> None:
    number = next(bench._numbers)
    folder = Path(bench._folder) / f"home-{number}"
    staged = stage.make_treasury(bench.scene, folder, "evacuation", number, keyring=bench._folder)
    stage.fund(bench.scene, staged)
    treasury = load_treasury(staged.config)
    wanted = request(("cold", number), ("staging", number), outside=(outsider(f"home {number}"),))
    new = add_wallet(treasury, replace(wanted, name="family", role="cold"), AGREEING, silent)
    with Desk(treasury) as desk:
        treasury = enrol(treasury, desk.store, new)
    with Desk(treasury) as desk:
        documents.sign_policy(desk, stage.TREASURER, lambda _statement: None, untested=True)
        home = documents.add_own_address(desk, "cold-1", "family", 3).entry.address
        documents.sign_book(desk, stage.TREASURER, lambda _statement: None)
        plan = line.propose_plan(desk)
        for hand in bench.hands.values():
            hand.screens.clear()
        approve.approve(desk, plan, stage.TREASURER)
        assert seen(bench, "cold", home)
        approve.sign(desk, plan)
        execute.send(desk, plan)
        line.follow(desk, bench.scene, plan)
        assert plan.body.transfers[0].payment.address == home == desk.descriptor("family").address(False, 3)
