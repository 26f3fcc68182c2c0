"""What the central system may ask about certificates in OCPP 1.6 (white paper ed. 3): one handler per action."""

from collections.abc import Mapping

from shared.ids import EvseId
from shared.ocpp.session import Payload
from station.csms_requests import Handler
from station.operations import Operations, Topic
from station.security.files import RootUse

_USES = {
    "CentralSystemRootCertificate": RootUse.CENTRAL_SYSTEM,
    "ManufacturerRootCertificate": RootUse.MANUFACTURER,
}


def handlers(operations: Operations) -> dict[str, Handler]:
    """Give the table."""
    requests = _Requests(operations)
    return {
        "CertificateSigned": requests.certificate_signed,
        "DeleteCertificate": requests.delete_certificate,
        "ExtendedTriggerMessage": requests.extended_trigger_message,
        "GetInstalledCertificateIds": requests.get_installed_certificate_ids,
        "InstallCertificate": requests.install_certificate,
    }


class _Requests:
    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self._security = operations.security

    async def certificate_signed(self, payload: Payload) -> Payload:
        return {"status": await self._security.take_signed(str(payload["certificateChain"]))}

    async def install_certificate(self, payload: Payload) -> Payload:
        use = _USES[str(payload["certificateType"])]
        return {"status": await self._security.install_root(use, str(payload["certificate"]))}

    async def delete_certificate(self, payload: Payload) -> Payload:
        from station.security.certificates import HashData

        told = payload["certificateHashData"]
        assert isinstance(told, Mapping)  # noqa: S101  the schema says so
        named = HashData(
            told["hashAlgorithm"],
            told["issuerNameHash"].lower(),
            told["issuerKeyHash"].lower(),
            told["serialNumber"].lower().lstrip("0"),
        )
        return {"status": await self._security.delete_certificate(named)}

    async def get_installed_certificate_ids(self, payload: Payload) -> Payload:
        found = self._security.installed([_USES[str(payload["certificateType"])]])
        if not found:
            return {"status": "NotFound"}
        rows = [
            {
                "hashAlgorithm": named.algorithm,
                "issuerNameHash": named.issuer_name,
                "issuerKeyHash": named.issuer_key,
                "serialNumber": named.serial,
            }
            for _, named in found
        ]
        return {"status": "Accepted", "certificateHashData": rows}

    async def extended_trigger_message(self, payload: Payload) -> Payload:
        name, number = str(payload["requestedMessage"]), payload.get("connectorId")
        if name == "SignChargePointCertificate":
            return {"status": self._security.ask_for_certificate()}
        if name == Topic.FIRMWARE_STATUS:
            name = Topic.SIGNED_FIRMWARE_STATUS
        if name not in set(Topic):
            return {"status": "NotImplemented"}
        evse_id = EvseId(number) if isinstance(number, int) else None
        return {"status": await self._operations.trigger(Topic(name), evse_id)}
