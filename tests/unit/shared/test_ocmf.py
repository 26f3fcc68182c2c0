"""OCMF records: cut, read, built; their signatures over all curves of the specification."""

import base64
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from shared import ocmf
from shared.ocmf import OcmfError, build, decode_bytes, parse
from shared.ocmf_signature import Judgement, check, der_key, minimal_der, raw_key_as_der

PAYLOAD = (
    '{"FV":"1.0", "GS":"g1" ,"PG":"T7","MS":"m1","ID":"04A1B2C3","RD":['
    '{"TM":"2026-11-01T13:00:00,000+0100 S","TX":"B","RV":2935.60,"RI":"1-b:1.8.0","RU":"kWh","EF":"","ST":"G"},'
    '{"TM":"2026-11-01T14:30:00,250+0100 R","TX":"P","RV":2942.601}]}'
)
CURVES: dict[str, Callable[[], ec.EllipticCurve]] = {
    "ECDSA-secp192r1-SHA256": ec.SECP192R1,
    "ECDSA-secp256k1-SHA256": ec.SECP256K1,
    "ECDSA-secp256r1-SHA256": ec.SECP256R1,
    "ECDSA-secp384r1-SHA256": ec.SECP384R1,
    "ECDSA-brainpool256r1-SHA256": ec.BrainpoolP256R1,
    "ECDSA-brainpoolP256r1-SHA256": ec.BrainpoolP256R1,
    "ECDSA-brainpool384r1-SHA256": ec.BrainpoolP384R1,
}
P256 = ec.derive_private_key(4711, ec.SECP256R1())


def signed(key: ec.EllipticCurvePrivateKey = P256, algorithm: str = ocmf.DEFAULT_ALGORITHM) -> str:
    return build(PAYLOAD, key.sign(PAYLOAD.encode(), ec.ECDSA(SHA256())), algorithm)


def test_a_record_is_read() -> None:
    record = parse(signed())
    begin, end = record.readings
    assert (record.id_token, record.serial, record.pagination) == ("04A1B2C3", "m1", "T7")
    assert (begin.kind, begin.time_status, begin.register, begin.status) == ("B", "S", "1-b:1.8.0", "G")
    assert begin.at
    assert begin.at.isoformat() == "2026-11-01T13:00:00+01:00"
    assert str(begin.value) == "2935.60", "its digits are kept"
    assert begin.wh == Decimal("2935600")
    assert (end.unit, end.register, end.wh) == ("kWh", "1-b:1.8.0", Decimal("2942601")), "as in the reading before"
    assert end.at
    assert end.at - begin.at == timedelta(minutes=90, milliseconds=250)
    assert record.reading(*ocmf.ENDS) == end


def test_what_was_signed_is_kept_character_by_character() -> None:
    text = signed()
    record = parse(text)
    assert record.text == text
    assert record.payload_text == PAYLOAD
    assert text == f"OCMF|{PAYLOAD}|{text.split('|')[2]}"


@pytest.mark.parametrize("algorithm", CURVES)
def test_each_curve(algorithm: str) -> None:
    key = ec.derive_private_key(815, CURVES[algorithm]())
    record, public = parse(signed(key, algorithm)), key.public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    colons = ":".join(f"{byte:02x}" for byte in der)
    for text in (der.hex(), der.hex().upper(), base64.b64encode(der).decode(), point.hex(), point[1:].hex(), colons):
        assert check(record, text).judgement is Judgement.VALID
    assert raw_key_as_der(point, algorithm) == raw_key_as_der(point[1:], algorithm) == der_key(public)
    broken = parse(signed(key, algorithm).replace("2942.601", "2942.602"))
    assert check(broken, der.hex()).judgement is Judgement.INVALID
    other = ec.derive_private_key(816, CURVES[algorithm]()).public_key()
    assert check(record, der_key(other)).judgement is Judgement.INVALID


def test_blanks_that_somebody_took_out_break_the_signature() -> None:
    key = der_key(P256.public_key())
    assert check(parse(signed()), key).judgement is Judgement.VALID
    assert check(parse(signed().replace('", "', '","')), key).judgement is Judgement.INVALID


@pytest.mark.parametrize("algorithm", ["ECDSA-secp192k2-SHA256", "RSA-2048-SHA256", "ECDSA-secp256r1-MD5", "x"])
def test_what_can_t_be_checked_here_is_said_so(algorithm: str) -> None:
    verdict = check(parse(signed(algorithm=algorithm)), der_key(P256.public_key()))
    assert verdict.judgement is Judgement.NOT_CHECKABLE
    assert algorithm in verdict.reason


@pytest.mark.parametrize(
    "key",
    ["", "zz", "04" + "00" * 64, "00" * 10, "3059", der_key(ec.derive_private_key(1, ec.SECP384R1()).public_key())],
)
def test_a_key_that_is_none(key: str) -> None:
    assert check(parse(signed()), key).judgement is Judgement.NO_KEY


def test_a_signature_in_base64_and_one_in_full_width() -> None:
    raw = P256.sign(PAYLOAD.encode(), ec.ECDSA(SHA256()))
    r, s = decode_dss_signature(raw)
    wide = b"\x30\x44\x02\x20" + r.to_bytes(32, "big") + b"\x02\x20" + s.to_bytes(32, "big")
    key = der_key(P256.public_key())
    text = f'OCMF|{PAYLOAD}|{{"SE":"base64","SD":"{base64.b64encode(raw).decode()}"}}'
    assert check(parse(text), key).judgement is Judgement.VALID
    assert check(parse(build(PAYLOAD, wide)), key).judgement is Judgement.VALID
    assert minimal_der(wide) == raw


@pytest.mark.parametrize(
    "signature", ["00", "3006020101", "30060201010301017f", "3003020101", "30ff020101020101", "3006020101020101ff"]
)
def test_a_signature_that_is_none(signature: str) -> None:
    record = parse(f'OCMF|{PAYLOAD}|{{"SD":"{signature}"}}')
    assert check(record, der_key(P256.public_key())).judgement is Judgement.UNREADABLE


def test_another_mime_type_is_not_guessed() -> None:
    record = parse(f'OCMF|{PAYLOAD}|{{"SD":"00","SM":"application/x-raw"}}')
    assert check(record, der_key(P256.public_key())).judgement is Judgement.UNREADABLE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "OCMF",
        "OCMF|{}",
        "OCMF|{}|{}",
        "OCMF|[]|{}",
        "OCMF|{|{}",
        'OCMF|{}|{"SD":"xy"}',
        'OCMF|{}|{"SD":""}',
        'OCMF|{}|{"SD":"00"}|',
        'EDL|{}|{"SD":"00"}',
        "OCMF|" + "[" * 20_000 + '|{"SD":"00"}',
        "OCMF|{}|" + " " * 40_000 + '{"SD":"00"}',
    ],
)
def test_what_is_no_record(text: str) -> None:
    with pytest.raises(OcmfError):
        parse(text)


@pytest.mark.parametrize("rows", ["", "[]", "[1]", '[{"RV":"a"}]', '[{"RV":true}]', '[{"RV":"NaN"}]', '{"RV":1}'])
def test_readings_without_meaning(rows: str) -> None:
    record = parse(f'OCMF|{{"RD":{rows or "null"}}}|{{"SD":"00"}}')
    with pytest.raises(OcmfError):
        _ = record.readings


def test_a_time_that_can_t_be_read_is_missing() -> None:
    record = parse('OCMF|{"RD":[{"TM":"2026-13-01T13:00:00,000+0100 S","RV":"1.5","RU":"V"}]}|{"SD":"00"}')
    assert record.readings[0].at is None
    assert record.readings[0].value == Decimal("1.5")
    assert record.readings[0].wh is None


@pytest.mark.parametrize("payload", ["", "[]", '{"ID":"a|b"}'])
def test_what_can_t_be_built(payload: str) -> None:
    with pytest.raises(OcmfError):
        build(payload, b"\0")


@given(st.text(max_size=80))
def test_no_text_makes_it_fail_otherwise(text: str) -> None:
    decode_bytes(text)
    for whole in (text, f'OCMF|{text}|{{"SD":"00"}}', f'OCMF|{{"RD":[{text}]}}|{{"SD":"00"}}'):
        try:
            _ = parse(whole).readings
        except OcmfError:
            continue


@given(st.binary(max_size=80))
def test_no_signature_makes_it_fail_otherwise(data: bytes) -> None:
    verdict = check(parse(build(PAYLOAD, data or b"\0")), der_key(P256.public_key()))
    assert verdict.judgement in (Judgement.INVALID, Judgement.UNREADABLE)
