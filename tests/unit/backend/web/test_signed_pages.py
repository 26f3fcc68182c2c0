"""Pages about signed values, and the receipt that a driver sees without login."""

import asyncio
import time
from pathlib import Path

import httpx
from sqlalchemy import Connection, insert, select, text, update

from backend.core.proofs.transparency import read_transparency_xml
from backend.jobs.verify_signed import verify_signed
from backend.store.event_log import Received, store_signed_values
from backend.store.invoice_tables import invoice, invoice_cdr
from backend.store.rating_tables import cdr
from backend.store.signed_tables import meter_key
from shared.clock import ManualClock
from shared.ids import ChargePointId, EvseId, MessageId
from shared.metering import ReadingContext, SignedData, SignedReading
from shared.ocpp.session import Payload
from shared.public_key import PublicKey, fingerprint, groups, read_public_key
from tests.unit.backend.signed_example import METER, Charge, Signer
from tests.unit.backend.web.installation import Answer, Installation, Running, with_password
from tests.unit.backend.web.seed import _RATED_AT, INVOICE, NOW, PDF, RATED

TEXT = Charge(_RATED_AT, minutes=20).both


def sign(running: Running, client: httpx.Client) -> None:
    """Let signed values come for a session, and judge them."""
    point = client.get(f"/api/v1/transactions/{RATED}").json()["charge_point_id"]

    async def work() -> None:
        signed = [SignedReading(NOW, ReadingContext.END, SignedData(TEXT, METER.key))]
        received = Received(ChargePointId(point), MessageId("m"), NOW, "{}")
        await running.store.write(lambda unit: store_signed_values(unit, RATED, EvseId(1), signed, received))
        await verify_signed(running.store, ManualClock(NOW))

    asyncio.run_coroutine_threadsafe(work(), running.loop).result(10)


def test_a_receipt_needs_its_link_and_nothing_else(tmp_path: Path) -> None:
    place = Installation(tmp_path / "emops.sqlite", with_password("geheim"))
    with place.running() as running, httpx.Client(base_url=running.url, timeout=10) as client:
        client.auth = ("anyone", "geheim")
        sign(running, client)
        path = client.post(f"/api/v1/transactions/{RATED}/proof-links").json()["path"]
        page = client.get(f"/transactions/{RATED}").text
        stranger = httpx.Client(base_url=running.url, timeout=10)
        receipt = stranger.get(path)
        file = stranger.get(f"{path}/messdaten.xml")
        wrong = [stranger.get(one).status_code for one in ("/p/guessed", "/p/guessed/messdaten.xml", "/signed")]
        stranger.close()
    assert wrong == [404, 404, 401]
    assert receipt.status_code == 200
    assert "27,500" in receipt.text
    assert METER.key[:4] in receipt.text
    assert "Stadtwerke" not in receipt.text
    assert "Muster" not in receipt.text, "nobody's name"
    [value] = read_transparency_xml(file.content)
    assert value.text == TEXT
    assert "messdaten.xml" in page
    assert "data-copy" in page
    assert METER.key in receipt.text, "to be copied in one piece"
    assert "receipt.pdf" not in receipt.text, "its invoice, if any, is of a customer"


def test_who_paid_at_the_charge_point_gets_the_receipt_by_the_link(tmp_path: Path) -> None:
    place = Installation(tmp_path / "emops.sqlite")
    with place.running() as running, httpx.Client(base_url=running.url, timeout=10) as client:

        def of_nobody(unit: Connection) -> int:
            number = unit.scalar(select(invoice.c.id).where(invoice.c.number == INVOICE))
            unit.execute(text("DROP TRIGGER IF EXISTS invoice_refuses_update"))
            unit.execute(update(invoice).where(invoice.c.id == number).values(body='{"output": "receipt"}'))
            found = select(cdr.c.transaction_id).join(invoice_cdr, invoice_cdr.c.cdr_id == cdr.c.id)
            return int(unit.execute(found.where(invoice_cdr.c.invoice_id == number)).scalars().first() or 0)

        work = running.store.write(of_nobody)
        number = asyncio.run_coroutine_threadsafe(work, running.loop).result(10)
        path = client.post(f"/api/v1/transactions/{number}/proof-links").json()["path"]
        page, paper = client.get(path), client.get(f"{path}/receipt.pdf")
        guessed = client.get("/p/guessed/receipt.pdf").status_code
    assert f"{path}/receipt.pdf" in page.text
    assert (paper.headers["content-type"], paper.content) == ("application/pdf", PDF)
    assert guessed == 404


def test_a_key_is_pinned_only_if_it_is_the_one_that_came(tmp_path: Path) -> None:
    place = Installation(tmp_path / "emops.sqlite")
    with place.running() as running, httpx.Client(base_url=running.url, timeout=10) as client:
        row = {"charge_point_id": "CP-RATHAUS", "evse_id": 1, "serial": METER.serial, "seen_key": METER.key}
        work = running.store.write(lambda unit: unit.execute(insert(meter_key).values(row)).rowcount)
        asyncio.run_coroutine_threadsafe(work, running.loop).result(10)
        client.get("/signed")
        form = {"csrf": client.cookies["emops_csrf"], "charge_point": "CP-RATHAUS", "evse": "1", "serial": METER.serial}
        other = f"{METER.key[:-1]}{'0' if METER.key[-1] != '0' else '1'}"
        refused = client.post("/signed/keys", data={**form, "key": other})
        forged = client.post("/signed/keys", data={**form, "csrf": "x", "key": METER.key})
        pinned = client.post("/signed/keys", data={**form, "key": METER.key.lower()}, follow_redirects=True)
    assert (refused.status_code, forged.status_code, pinned.status_code) == (422, 403, 200)
    assert "another one than came" in refused.text or "ein anderer als der" in refused.text
    assert "badge good" in pinned.text


def _station(answer: Payload) -> Answer:
    return lambda call: answer if call.action == "GetConfiguration" else {"status": "Accepted"}


def test_the_key_is_read_from_the_station_and_compared_but_never_pinned_by_itself(tmp_path: Path) -> None:
    told: Payload = {"configurationKey": [{"key": "MeterPublicKey1", "readonly": True, "value": METER.key}]}
    place = Installation(tmp_path / "emops.sqlite", station=_station(told))
    with place.running() as running, httpx.Client(base_url=running.url, timeout=10) as client:
        client.headers["Accept-Language"] = "en"
        at = {"charge_point": "CP-RATHAUS", "evse": "1"}
        empty = client.get("/signed/key", params=at).text
        form = {**at, "csrf": client.cookies["emops_csrf"]}
        asked = client.post("/signed/key/read", data=form)
        shown = ""
        for _ in range(500):
            shown = client.get(asked.headers["location"]).text
            if "has answered" in shown:
                break
            time.sleep(0.01)  # the server is another thread
        nobody = client.post("/signed/key/read", data={**form, "charge_point": "CP-NONE"}).status_code
        absent = client.post("/signed/key/read", data={**form, "charge_point": "CP-BAHNHOF"})
        other = Signer(secret=4712).key
        typed = {**form, "serial": METER.serial}
        same, unlike = (
            client.post("/signed/key", data={**typed, "key": key}).text for key in (groups(METER.key.lower()), other)
        )
        before = client.get("/signed").text
        refused = client.post("/signed/keys", data={**typed, "key": other})
        pinned = client.post("/signed/keys", data={**typed, "key": METER.key}, follow_redirects=True)
    assert place.sent[-1] == ("GetConfiguration", {"key": ["MeterPublicKey1"]})
    short = groups(METER.key)[:39]
    assert short not in empty
    assert short in shown
    assert "badge good" in same
    assert "Both keys are the same" in same
    assert "The keys differ" in unlike
    assert groups(fingerprint(must(read_public_key(METER.key)))) in same
    assert "badge good" not in before, "compared is not pinned"
    assert (nobody, absent.status_code, refused.status_code, pinned.status_code) == (404, 422, 422, 200)
    assert "is not connected" in absent.text
    assert "badge good" in pinned.text


def must(key: PublicKey | None) -> PublicKey:
    assert key
    return key
