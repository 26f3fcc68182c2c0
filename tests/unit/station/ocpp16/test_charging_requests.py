"""Smart charging over OCPP 1.6, with the whole agent and a central system."""

import asyncio
from pathlib import Path
from typing import Any

from shared.ocpp.validation import Version, violation
from tests.link.csms import Csms
from tests.unit.station.ocpp16.test_checklist import booted, made, run, until
from tests.unit.station.site import CARD, Site, station

# Any: JSON.
Json = dict[str, Any]


def profile(number: int = 1, purpose: str = "TxDefaultProfile", limit: float = 10, **more: object) -> Json:
    return {
        "chargingProfileId": number,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
        },
        **more,
    }


async def put(csms: Csms, connector: int, row: Json) -> str:
    answer = await csms.ask("SetChargingProfile", {"connectorId": connector, "csChargingProfiles": row})
    assert answer[0] == 3, answer
    return str(answer[1]["status"])


async def schedule(csms: Csms, connector: int, unit: str = "A") -> list[tuple[int, float]]:
    question = {"connectorId": connector, "duration": 60, "chargingRateUnit": unit}
    _, answer = await csms.ask("GetCompositeSchedule", question)
    assert violation(Version.V16, "GetCompositeSchedule", answer, answer=True) is None
    assert answer["status"] == "Accepted"
    periods = answer["chargingSchedule"]["chargingSchedulePeriod"]
    return [(period["startPeriod"], period["limit"]) for period in periods]


def test_profiles_are_kept_told_as_a_schedule_survive_and_are_cleared(tmp_path: Path) -> None:
    async def work() -> None:
        csms = Csms()
        async with csms.serve():
            async with station(made(tmp_path, csms), Site()):
                await booted(csms)
                assert await put(csms, 1, profile(limit=10.1)) == "Accepted"
                assert await put(csms, 0, profile(2, "ChargePointMaxProfile", 12)) == "Accepted"
                assert await schedule(csms, 1) == [(0, 10.1)]
                assert await schedule(csms, 0, "W") == [(0, 6969)]
            async with station(made(tmp_path, csms), Site()):
                await booted(csms, 3)
                assert await schedule(csms, 1) == [(0, 10.1)]
                assert (await csms.ask("ClearChargingProfile", {"id": 1}))[1] == {"status": "Accepted"}
                assert (await csms.ask("ClearChargingProfile", {"id": 1}))[1] == {"status": "Unknown"}
                assert await schedule(csms, 1) == [(0, 12)]
                question = {"chargingProfilePurpose": "ChargePointMaxProfile", "connectorId": 0, "stackLevel": 0}
                assert (await csms.ask("ClearChargingProfile", question))[1] == {"status": "Accepted"}
                assert await schedule(csms, 1) == [(0, 16)]

    run(work)


def test_what_makes_no_sense_is_rejected_or_answered_with_an_error(tmp_path: Path) -> None:
    async def work() -> None:
        csms = Csms()
        async with csms.serve(), station(made(tmp_path, csms), Site()):
            await booted(csms)
            assert await put(csms, 9, profile()) == "Rejected"
            assert await put(csms, 1, profile(purpose="ChargePointMaxProfile")) == "Rejected"
            assert await put(csms, 1, profile(purpose="TxProfile")) == "Rejected"
            bad = profile(validFrom="tomorrow")
            answer = await csms.ask("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": bad})
            assert answer[:2] == [4, "TypeConstraintViolation"]
            unknown = {"connectorId": 9, "duration": 60}
            assert (await csms.ask("GetCompositeSchedule", unknown))[1] == {"status": "Rejected"}
            assert await schedule(csms, 1) == [(0, 16)]

    run(work)


def test_a_remote_start_brings_its_profile_and_it_goes_with_the_transaction(tmp_path: Path) -> None:
    async def work() -> None:
        site, csms = Site(), Csms()
        async with csms.serve(), station(made(tmp_path, csms), site):
            await booted(csms)
            site.plug()
            wrong = {"connectorId": 1, "idTag": CARD.value, "chargingProfile": profile()}
            assert (await csms.ask("RemoteStartTransaction", wrong))[1] == {"status": "Rejected"}
            right = wrong | {"chargingProfile": profile(3, "TxProfile", 8)}
            assert (await csms.ask("RemoteStartTransaction", right))[1] == {"status": "Accepted"}
            await until(lambda: csms.of("StartTransaction"))
            assert await schedule(csms, 1) == [(0, 8)]
            assert await put(csms, 1, profile(4, "TxProfile", 7, transactionId=999)) == "Rejected"
            assert await put(csms, 1, profile(4, "TxProfile", 7, transactionId=100)) == "Accepted"
            assert await schedule(csms, 1) == [(0, 7)]
            assert (await csms.ask("RemoteStopTransaction", {"transactionId": 100}))[1] == {"status": "Accepted"}
            await until(lambda: csms.of("StopTransaction"))
            await asyncio.sleep(0.3)
            assert await schedule(csms, 1) == [(0, 16)]

    run(work)
