"""A venue's keys in encrypted keyrings: kept and found again by other processes, and in no file in clear."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gnome_keyring import gnome_keyring, missing
from tests.support.secret_hunt import MARK, ProcessWatch, found_in, found_in_files, spellings
from tests.support.venue_desk import READ, VenueDesk, lines, venue_desk
from tests.support.warm_server import WarmServer, warm_server

pytestmark = pytest.mark.timeout(120)

PASSWORD = "a password for tests"
# The encrypted file with a cheap key derivation; commands with the full one have a test of their own.
CRYPTFILE = "quick_keyring.QuickCryptFileKeyring"
GNOME = pytest.param("gnome", marks=pytest.mark.skipif(bool(missing()), reason=missing() or "there is one"))


@pytest.fixture(scope="module")
def warm() -> Iterator[WarmServer]:
    with warm_server() as server:
        yield server


@pytest.fixture(params=["cryptfile", GNOME])
def desk(request: pytest.FixtureRequest, tmp_path: Path, warm: WarmServer) -> Iterator[VenueDesk]:
    with venue_desk(tmp_path, warm) as made:
        made.environment |= {MARK: uuid.uuid4().hex, "TMPDIR": str(tmp_path)}
        if request.param == "cryptfile":
            made.environment |= {
                "PYTHON_KEYRING_BACKEND": CRYPTFILE,
                "KEYRING_CRYPTFILE_PASSWORD": PASSWORD,
            }
            yield made
            return
        del made.environment["KEYRING_CRYPTFILE_PASSWORD"]
        with gnome_keyring(Path(made.environment["HOME"]), PASSWORD) as environment:
            made.environment |= environment
            yield made


def test_keys_are_kept_found_again_replaced_and_nowhere_in_clear(desk: VenueDesk, tmp_path: Path) -> None:
    with ProcessWatch(desk.environment[MARK]) as watch:
        added = desk.add()
        assert added.status == 0, added.err
        assert all(desk.stored().values())
        assert set(desk.vault("venue", "keys", "trading", "--json").verdicts.values()) <= {
            "OK",
            "SKIP",
            "WARN",
        }
        desk.ok("venue", "keys", "trading", "--set", "read", stdin=lines(READ))
        wrong = {"key": "nobody-knows-this", "secret": "nor-this-at-all"}
        desk.fails(20, "venue.refused", "venue", "keys", "trading", "--set", "read", stdin=lines(wrong))
        tested = desk.vault("venue", "test", "trading")
    secrets = [*desk.secrets, wrong["key"], wrong["secret"]]
    assert "OK    read key" in tested.out
    assert found_in_files([tmp_path], [*secrets, PASSWORD]) == []
    assert found_in((added.out + added.err + tested.out + tested.err).encode(), secrets) == []
    assert watch.seen
    assert watch.found(secrets) == []


def test_a_keyring_that_is_not_opened_says_so_and_keeps_nothing(desk: VenueDesk) -> None:
    if "KEYRING_CRYPTFILE_PASSWORD" not in desk.environment:
        pytest.skip("an unlocked daemon stays unlocked")
    assert desk.add().status == 0
    desk.environment["KEYRING_CRYPTFILE_PASSWORD"] = "not this one"
    ran = desk.vault("venue", "keys", "trading", "--set", "read", "--json", stdin=lines(READ))
    assert (ran.status, ran.document["error"]) == (12, "secret.locked")
    assert "not this one" not in ran.out + ran.err


@pytest.mark.parametrize("at", ["", "x", "{", '"secret": "'])
def test_the_hunt_finds_every_spelling_of_a_secret(at: str, tmp_path: Path) -> None:
    secret = "read-secret-9a3c"
    for form in spellings(secret):
        (tmp_path / "trace").write_bytes(at.encode() + form)
        assert found_in_files([tmp_path], [secret])
    (tmp_path / "trace").write_bytes(b"read-secret-9a3d")
    assert found_in_files([tmp_path], [secret]) == []
