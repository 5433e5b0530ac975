"""How messages are put on the displays: pages, hex for what is no text, and long texts."""

from __future__ import annotations

from typing import cast

import pytest

from emulator.device.errors import ActionCancelled, CancelledByHost
from emulator.device.ethereum import message_texts as texts
from emulator.device.ethereum.dialogs import leaf_through
from emulator.device.ethereum.message import message_digest
from emulator.device.flow import Flow
from emulator.device.ui.long_text import confirm_long_text, first_page, is_long
from emulator.device.ui.screens import Screen


class Presses:
    """A person with a list of presses: y, n, i for the third button, c for a Cancel of the host."""

    def __init__(self, presses: str) -> None:
        self._presses = list(presses)
        self.shown: list[tuple[str, ...]] = []
        self.announced: list[bool] = []

    def _press(self, screen: Screen) -> str:
        self.shown.append(screen.lines)
        press = self._presses.pop(0)
        if press == "c":
            raise CancelledByHost
        if press == "n":
            raise ActionCancelled
        return press

    def confirm(self, screen: Screen, *, announce: bool = True) -> None:
        self.announced.append(announce)
        self._press(screen)

    def offers_more(self, screen: Screen) -> bool:
        assert screen.info
        return self._press(screen) == "i"

    @property
    def flow(self) -> Flow:
        return cast(Flow, self)

    @property
    def done(self) -> bool:
        return not self._presses


def test_the_digest_counts_bytes() -> None:
    assert message_digest(b"").hex() == "5f35dce98ba4fba25530a026ed80b2cecdaa31091ba4958b99b52ea1d068adad"
    assert message_digest("é".encode()) != message_digest(b"e")


@pytest.mark.parametrize(
    ("message", "pages"),
    [
        (b"", [[]]),
        (b"hello", [["hello"]]),
        (b"x" * 72, [["x" * 18] * 4]),
        (b"x" * 73, [["x" * 18] * 4, ["x"]]),
        (b"\0" * 32, [["00" * 8] * 4]),
        (b"\0" * 33, [["00" * 8] * 4, ["00"]]),
        ("é".encode(), [["c3a9"]]),
    ],
)
def test_trezor_one_pages_text_by_72_and_bytes_by_32(message: bytes, pages: list[list[str]]) -> None:
    assert list(texts.pages_of(message)) == pages


@pytest.mark.parametrize(
    ("message", "core", "pro", "classic"),
    [
        (b"hello", "hello", "hello", "hello"),
        (b"", "", "0x", ""),
        (b"\xff\0", "hex(ff00)", "0xff00", "ff00"),
        ("é".encode(), "é", "0xc3a9", "é"),
        ("abcdé".encode(), "abcdé", "abcdé", "abcdé".encode().hex()),
        (b"a\nb", "a\nb", "a\nb", "610a62"),
        (b"a\x07", "a\x07", "0x6107", "6107"),
    ],
)
def test_each_make_has_its_idea_of_text(message: bytes, core: str, pro: str, classic: str) -> None:
    assert texts.core_text(message) == core
    assert texts.pro_text(message) == pro
    assert texts.classic_text(message) == classic


def test_more_than_five_pages_are_long() -> None:
    assert not is_long("This message has length 101" + "!" * 74)
    assert not is_long("x" * 18 * 35)
    assert is_long("x" * (18 * 35 + 1))
    assert is_long("\n" * 35)
    assert is_long("VeryLongMessage!" * 64)


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        (("x" * 700,), ("x" * 126,)),
        (("a" * 18, "b" * 19, "c" * 200), ("a" * 18, "b" * 19, "c" * 72)),
        (tuple("123456789"), tuple("1234567")),
        (("", "x"), ("", "x")),
    ],
)
def test_the_offer_to_show_all_stands_under_one_page(lines: tuple[str, ...], shown: tuple[str, ...]) -> None:
    assert first_page(lines) == shown


LONG = Screen("sign_message", "Confirm message", ("first", "second"), 1)


@pytest.mark.parametrize(
    ("presses", "must_read", "screens"),
    [
        ("yy", True, 2),  # skimmed, and confirmed once more
        ("y", False, 1),  # of a verified message nobody has to see all
        ("iy", True, 2),  # read
        ("ynyy", True, 4),  # NO to going on unread leads back
        ("inyy", True, 4),  # so does NO to the full text
    ],
)
def test_a_long_text_is_read_or_knowingly_skipped(presses: str, must_read: bool, screens: int) -> None:
    person = Presses(presses)
    confirm_long_text(person.flow, LONG, must_read=must_read)
    assert person.done
    assert len(person.shown) == screens


@pytest.mark.parametrize("presses", ["n", "ynn", "inn"])
def test_no_to_a_long_text_refuses_it(presses: str) -> None:
    with pytest.raises(ActionCancelled):
        confirm_long_text(Presses(presses).flow, LONG, must_read=True)


def pages(count: int) -> list[Screen]:
    return [Screen("page", "", (str(number),), 7) for number in range(count)]


def test_only_the_first_page_of_a_dialog_is_announced() -> None:
    person = Presses("yyy")
    leaf_through(person.flow, pages(3), announce=True)
    assert person.announced == [True, False, False]


def test_no_between_goes_back_a_page() -> None:
    person = Presses("ynyyy")
    leaf_through(person.flow, pages(3), announce=False)
    assert [lines[0] for lines in person.shown] == ["0", "1", "0", "1", "2"]
    assert not any(person.announced)


@pytest.mark.parametrize("presses", ["n", "yyn", "ync", "c"])
def test_no_to_the_first_or_last_page_and_the_hosts_cancel_end_it(presses: str) -> None:
    with pytest.raises(ActionCancelled):
        leaf_through(Presses(presses).flow, pages(3), announce=True)
