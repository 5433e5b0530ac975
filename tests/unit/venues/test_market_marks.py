"""The mark price of one contract is read digit by digit, or the answer is refused."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from vault.clock import from_milliseconds
from vault.errors import VenueError
from vault.markets.marks import QUESTIONS, Mark, read_mark
from vault.venues.common.kinds import account_kind

SYMBOLS = {"binance": "BTCUSDT", "bybit": "BTCUSDT", "okx": "BTC-USDT-SWAP", "deribit": "BTC_USDC-PERPETUAL"}
DIGITS = "89123.4567890123456789"


AT = 1_769_860_800_000
# Each exchange's own name and place for the moment of the price.
TIMES = {"binance": '"time": %d, ', "bybit": "", "okx": '"ts": "%d", ', "deribit": '"timestamp": %d, '}


def answer(exchange: str, symbol: str, price: str, *, at: str = str(AT)) -> str:
    time = TIMES[exchange].replace("%d", at)
    line = f'{{{time}"{QUESTIONS[exchange].symbol}": "{symbol}", "{QUESTIONS[exchange].price}": {price}}}'
    around = {
        "binance": "%s",
        "bybit": '{"retCode": 0, "time": ' + at + ', "result": {"list": [%s]}}',
        "okx": '{"code": "0", "data": [%s]}',
        "deribit": '{"jsonrpc": "2.0", "result": %s}',
    }
    return around[exchange] % line


@pytest.mark.parametrize("exchange", QUESTIONS)
@pytest.mark.parametrize("quoted", [True, False])
def test_every_digit_of_a_mark_price_is_kept(exchange: str, quoted: bool) -> None:
    text = answer(exchange, SYMBOLS[exchange], f'"{DIGITS}"' if quoted else DIGITS)
    mark = read_mark(exchange, SYMBOLS[exchange], text)
    assert mark == Mark(Decimal(DIGITS), from_milliseconds(AT))


@pytest.mark.parametrize("exchange", QUESTIONS)
@pytest.mark.parametrize("at", ["null", "true", '"now"', "1e400", "99999999999999999999"])
def test_a_price_without_a_moment_is_refused(exchange: str, at: str) -> None:
    text = answer(exchange, SYMBOLS[exchange], DIGITS, at=at).replace('""', '"')
    with pytest.raises(VenueError) as caught:
        read_mark(exchange, SYMBOLS[exchange], text)
    assert caught.value.code == "venue.bad_answer"


BAD: list[Any] = ['"0"', '"-1"', '"NaN"', '"1e400"', "null", "true", "[]", '""']


@pytest.mark.parametrize("exchange", QUESTIONS)
@pytest.mark.parametrize("price", BAD)
def test_what_is_no_price_is_refused(exchange: str, price: str) -> None:
    with pytest.raises(VenueError) as caught:
        read_mark(exchange, SYMBOLS[exchange], answer(exchange, SYMBOLS[exchange], price))
    assert caught.value.code == "venue.bad_answer"


@pytest.mark.parametrize("exchange", QUESTIONS)
def test_another_contracts_price_is_refused(exchange: str) -> None:
    with pytest.raises(VenueError):
        read_mark(exchange, SYMBOLS[exchange], answer(exchange, "ETHUSDT", '"1"'))


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "{}", "<html>", '{"retCode": 10001, "result": {"list": []}}', "[" * 5000]
)
@pytest.mark.parametrize("exchange", QUESTIONS)
def test_no_bytes_make_the_reader_fail_otherwise(exchange: str, text: str) -> None:
    with pytest.raises(VenueError):
        read_mark(exchange, SYMBOLS[exchange], text)


@pytest.mark.parametrize("exchange", QUESTIONS)
def test_each_question_is_one_that_the_exchange_answers_without_a_key(exchange: str) -> None:
    assert QUESTIONS[exchange].endpoint in account_kind(exchange).PUBLIC
    parameters = QUESTIONS[exchange].parameters(SYMBOLS[exchange])
    assert SYMBOLS[exchange] in dict(parameters).values()
    assert json.dumps(parameters)
