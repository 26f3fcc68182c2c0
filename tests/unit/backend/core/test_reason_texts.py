import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.core.reason_texts import reason_text

BACKEND = Path(__file__).parents[4] / "backend"
REFUSALS = {"TariffError": 1, "RatingError": 1, "PeriodError": 0, "FormulaError": 0, "UnratableError": 0}
HOLDING = ("core/transaction.py", "core/transaction_messages.py")
"""Where generators of `str` give sentences that are stored as why a transaction is held."""


def sentences() -> Iterator[str]:
    """All that the code can say, with a sample for each value."""
    for path in sorted(BACKEND.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in REFUSALS:
                place = REFUSALS[node.func.id]
                if len(node.args) > place:
                    yield from written(node.args[place])
            if path.as_posix().endswith(HOLDING) and isinstance(node, ast.Yield) and node.value is not None:
                yield from written(node.value)


SIGNED = (
    "backend/core/proofs/calibration.py",
    "backend/core/proofs/pagination.py",
    "backend/core/proofs/signed_check.py",
    "backend/core/proofs/signed_pair.py",
    "backend/core/proofs/signed_time.py",
    "backend/store/told_keys.py",
    "shared/ocmf.py",
    "shared/ocmf_signature.py",
)
"""Modules of which every text with blanks in it is, or is part of, a reason that a person reads."""


def signed_sentences() -> Iterator[str]:
    """All that is said of signed values, with a sample for each value."""
    for name in SIGNED:
        tree = ast.parse((BACKEND.parent / name).read_text("utf-8"))
        documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in ast.walk(tree):
            if id(node) not in documents | parts:
                yield from (text for text in written(node, deep=False) if text.count(" ") > 1)


def written(node: ast.AST, *, deep: bool = True) -> Iterator[str]:
    match node:
        case ast.Constant(value=str() as text):
            yield text
        case ast.JoinedStr(values=parts):
            yield "".join(str(p.value) if isinstance(p, ast.Constant) else "7" for p in parts)
        case ast.IfExp(body=body, orelse=other) if deep:
            yield from written(body)
            yield from written(other)


# a token is one of three words, a register falls or jumps
WORDS = {
    "its token 7 is 7": "its token 7 is blocked",
    "the register 7 from 7 to 7 Wh between 7 and 7": "the register falls from 7 to 7 Wh between 7 and 7",
    "the register runs backwards at 7: 7": "the register runs backwards at 7: from 7 to 7 Wh",
    "spans a price change 7": "spans a price change at 7",
}


def test_every_reason_has_german_words() -> None:
    found = [WORDS.get(text, text) for text in sentences()]
    assert len(found) > 80
    assert [text for text in found if reason_text(text, "de") == text] == []


# what stands in the reason of another sentence, the beginning of one, and what is said with a value of few words
INSIDE = {
    "there is no signed 7": "there is no signed begin",
    "the end (7) was signed before the begin (7)": "the end (T7) was signed before the begin (T8)",
    **{
        f"7: {rest}": f"meter X: {rest}"
        for rest in (
            "page 7 came with more than one content",
            "page 7 came after page 7",
            "page 7, which was missing, has come",
            "pages 7 are missing",
        )
    },
    "its energy price changes by the clock": (
        "its energy price changes by the clock, and no register was signed at 2026-10-15T20:00:00Z"
    ),
}


def test_every_reason_about_signed_values_has_german_words() -> None:
    parts = ("7 to 7", "without a number", "frozenset[str] | set[str]")
    found = [INSIDE.get(text, text) for text in signed_sentences() if text not in parts]
    assert len(found) > 45
    assert [text for text in found if reason_text(text, "de") == text] == []


@pytest.mark.parametrize(
    ("english", "german"),
    [
        (
            "the tariff can't be used: elements[0].price_components[0].price: is missing",
            "der Tarif ist nicht verwendbar: elements[0].price_components[0].price: fehlt",
        ),
        (
            "x_spot.series: has no price for 2026-06-15T20:00:00Z",
            "x_spot.series: hat keinen Preis für 2026-06-15T20:00:00Z",
        ),
        (
            "its token DE-7*** is blocked; connector 3 was never reported by this charge point",
            "sein Token DE-7*** ist gesperrt; den Ladepunkt 3 hat diese Ladestation nie gemeldet",
        ),
        (
            "can't be rated again (prices corrected): periods[2]: spans a price change after 20 kWh",
            "kann nicht neu berechnet werden (prices corrected): periods[2]: überspannt einen Preiswechsel nach 20 kWh",
        ),
        (
            "the meter says that its register at the begin is not good: no status",
            "der Zähler nennt seinen Stand beim Anfang nicht gut: kein Zustand",
        ),
        (
            "it is no good OCMF record: the payload is not JSON",
            "er ist kein gültiger OCMF-Datensatz: der Teil Daten ist kein JSON",
        ),
        (
            "the public key of the meter without a number is not known",
            "der öffentliche Schlüssel des Zählers ohne Nummer ist nicht bekannt",
        ),
        ("a sentence of nobody; it ended before it began", "a sentence of nobody; er endete, bevor er begann"),
        ("x_graduated.base_fee_gross: stands beside base_fee_net, give one of them", None),
        ("", ""),
    ],
)
def test_reasons_are_translated_with_their_values(english: str, german: str | None) -> None:
    assert reason_text(english, "en") == english
    if german is None:
        assert "steht neben base_fee_net" in reason_text(english, "de")
    else:
        assert reason_text(english, "de") == german
