"""The components and variables of the station (OCPP 2.0.1 part 2, appendix 3), as a table.

A configuration key has here the name that 2.0.1 gives it. Facts are looked up by station.ocpp201.device_requests.
"""

from functools import partial

from station.core.configuration import MEASURANDS
from station.ocpp201.device_model import DataType, Mutability, Scope, Variable

ITEMS_PER_MESSAGE = 50
"""Variables in one GetVariables, SetVariables or GetReport."""

BYTES_PER_MESSAGE = 64 * 1024
"""Bytes of one of them; far below what a connection takes."""

VALUE_SIZE = 2500
"""Characters of a value, the most that the schemas have."""

PASSWORD = Variable("SecurityCtrlr", "BasicAuthPassword", access=Mutability.WRITE_ONLY, most="40")
"""The one variable that is neither key nor fact: it is written only, to station.security."""

_BOOL, _INT, _LIST = DataType.BOOLEAN, DataType.INTEGER, DataType.MEMBERS
_flag = partial(Variable, kind=_BOOL)
_seconds = partial(Variable, kind=_INT, unit="s")
_count = partial(Variable, kind=_INT)
_measurands = partial(Variable, kind=_LIST, values=MEASURANDS)
_STATES = ("Available", "Occupied", "Reserved", "Unavailable", "Faulted")
_state = partial(
    Variable, name="AvailabilityState", kind=DataType.OPTION, values=_STATES, fact="AvailabilityState", in_summary=True
)
_problem = partial(Variable, name="Problem", kind=_BOOL, fact="Problem", in_summary=True)


def _there(component: str, instance: str = "", *, yes: bool = True) -> Variable:
    return Variable(component, "Available", instance, _BOOL, fixed=str(yes).lower())


VARIABLES: tuple[Variable, ...] = (
    _there("AlignedDataCtrlr"),
    _flag("AlignedDataCtrlr", "Enabled", fixed="true"),
    _seconds("AlignedDataCtrlr", "Interval", key="ClockAlignedDataInterval"),
    _measurands("AlignedDataCtrlr", "Measurands", key="MeterValuesAlignedData"),
    _flag("AlignedDataCtrlr", "SignReadings", fixed="false"),
    _seconds("AlignedDataCtrlr", "TxEndedInterval", key="ClockAlignedDataInterval", access=Mutability.READ_ONLY),
    _measurands("AlignedDataCtrlr", "TxEndedMeasurands", key="StopTxnAlignedData"),
    _there("AuthCacheCtrlr"),
    _flag("AuthCacheCtrlr", "Enabled", key="AuthorizationCacheEnabled"),
    _seconds("AuthCacheCtrlr", "LifeTime", key="AuthCacheLifeTime"),
    Variable("AuthCacheCtrlr", "Policy", kind=DataType.OPTION, fixed="CUSTOM", values=("CUSTOM",)),
    _flag("AuthCtrlr", "AuthorizeRemoteStart", key="AuthorizeRemoteTxRequests"),
    _flag("AuthCtrlr", "Enabled", fixed="true"),
    _flag("AuthCtrlr", "LocalAuthorizeOffline", key="LocalAuthorizeOffline"),
    _flag("AuthCtrlr", "LocalPreAuthorize", key="LocalPreAuthorize"),
    Variable("AuthCtrlr", "MasterPassGroupId", kind=DataType.STRING, key="MasterPassGroupId"),
    _flag("AuthCtrlr", "OfflineTxForUnknownIdEnabled", key="AllowOfflineTxForUnknownId"),
    Variable("ClockCtrlr", "DateTime", kind=DataType.DATE_TIME, fact="DateTime"),
    Variable(
        "ClockCtrlr",
        "TimeSource",
        kind=DataType.SEQUENCE,
        key="TimeSource",
        values=("Heartbeat", "NTP", "RealTimeClock", "MobileNetwork"),
    ),
    *(
        _count("DeviceDataCtrlr", name, action, fixed=str(number))
        for name, number in (("ItemsPerMessage", ITEMS_PER_MESSAGE), ("BytesPerMessage", BYTES_PER_MESSAGE))
        for action in ("GetReport", "GetVariables", "SetVariables")
    ),
    _count("DeviceDataCtrlr", "ConfigurationValueSize", fixed="1000"),
    _count("DeviceDataCtrlr", "ReportingValueSize", fixed=str(VALUE_SIZE)),
    _there("DisplayMessageCtrlr", yes=False),
    _there("LocalAuthListCtrlr"),
    _flag("LocalAuthListCtrlr", "Enabled", key="LocalAuthListEnabled"),
    _count("LocalAuthListCtrlr", "Entries", fact="ListEntries", most="MostListEntries"),
    _count("LocalAuthListCtrlr", "ItemsPerMessage", key="SendLocalListMaxLength"),
    _count("LocalAuthListCtrlr", "BytesPerMessage", fixed=str(BYTES_PER_MESSAGE)),
    _there("MonitoringCtrlr"),
    _flag("MonitoringCtrlr", "Enabled", fixed="true"),
    _count("MonitoringCtrlr", "ItemsPerMessage", "SetVariableMonitoring", fixed=str(ITEMS_PER_MESSAGE)),
    _count("MonitoringCtrlr", "BytesPerMessage", "SetVariableMonitoring", fixed=str(BYTES_PER_MESSAGE)),
    _count("OCPPCommCtrlr", "ActiveNetworkProfile", fact="ActiveNetworkProfile"),
    Variable("OCPPCommCtrlr", "FileTransferProtocols", kind=_LIST, fixed="HTTP,HTTPS", values=("HTTP", "HTTPS")),
    _seconds("OCPPCommCtrlr", "HeartbeatInterval", key="HeartbeatInterval"),
    _seconds("OCPPCommCtrlr", "MessageAttemptInterval", "TransactionEvent", key="TransactionMessageRetryInterval"),
    _count("OCPPCommCtrlr", "MessageAttempts", "TransactionEvent", key="TransactionMessageAttempts"),
    _seconds("OCPPCommCtrlr", "MessageTimeout", "Default", key="MessageTimeout"),
    Variable(
        "OCPPCommCtrlr", "NetworkConfigurationPriority", kind=DataType.SEQUENCE, key="NetworkConfigurationPriority"
    ),
    _count("OCPPCommCtrlr", "NetworkProfileConnectionAttempts", key="NetworkProfileConnectionAttempts"),
    _seconds("OCPPCommCtrlr", "OfflineThreshold", key="OfflineThreshold"),
    _flag("OCPPCommCtrlr", "QueueAllMessages", fixed="false"),
    _count("OCPPCommCtrlr", "ResetRetries", key="ResetRetries"),
    _seconds("OCPPCommCtrlr", "RetryBackOffRandomRange", key="RetryBackOffRandomRange"),
    _count("OCPPCommCtrlr", "RetryBackOffRepeatTimes", key="RetryBackOffRepeatTimes"),
    _seconds("OCPPCommCtrlr", "RetryBackOffWaitMinimum", key="RetryBackOffWaitMinimum"),
    _flag("OCPPCommCtrlr", "UnlockOnEVSideDisconnect", key="UnlockConnectorOnEVSideDisconnect"),
    _seconds("OCPPCommCtrlr", "WebSocketPingInterval", key="WebSocketPingInterval"),
    _there("ReservationCtrlr"),
    _flag("ReservationCtrlr", "Enabled", fixed="true"),
    _flag("ReservationCtrlr", "NonEvseSpecific", fixed="true"),
    _there("SampledDataCtrlr"),
    _flag("SampledDataCtrlr", "Enabled", fixed="true"),
    _flag("SampledDataCtrlr", "SignReadings", fact="SignReadings"),
    _seconds("SampledDataCtrlr", "TxEndedInterval", key="TxEndedInterval"),
    _measurands("SampledDataCtrlr", "TxEndedMeasurands", key="StopTxnSampledData"),
    _measurands("SampledDataCtrlr", "TxStartedMeasurands", key="TxStartedMeasurands"),
    _seconds("SampledDataCtrlr", "TxUpdatedInterval", key="MeterValueSampleInterval"),
    _measurands("SampledDataCtrlr", "TxUpdatedMeasurands", key="MeterValuesSampledData"),
    _flag("SecurityCtrlr", "AdditionalRootCertificateCheck", key="AdditionalRootCertificateCheck"),
    PASSWORD,
    _count("SecurityCtrlr", "CertificateEntries", fact="CertificateEntries", most="MostCertificates"),
    Variable("SecurityCtrlr", "Identity", fact="Identity"),
    _count("SecurityCtrlr", "MaxCertificateChainSize", key="CertificateSignedMaxChainSize"),
    Variable("SecurityCtrlr", "OrganizationName", key="CpoName"),
    _count("SecurityCtrlr", "SecurityProfile", key="SecurityProfile", access=Mutability.READ_ONLY),
    _flag("SmartChargingCtrlr", "Available", fact="ProfilesAvailable"),
    _flag("SmartChargingCtrlr", "Enabled", fact="ProfilesAvailable"),
    _count("SmartChargingCtrlr", "Entries", "ChargingProfiles", fact="ProfileEntries", most="MostProfiles"),
    _count("SmartChargingCtrlr", "PeriodsPerSchedule", key="ChargingScheduleMaxPeriods"),
    _count("SmartChargingCtrlr", "ProfileStackLevel", key="ChargeProfileMaxStackLevel"),
    Variable("SmartChargingCtrlr", "RateUnit", kind=_LIST, fact="RateUnit", values=("A", "W")),
    Variable("SmartChargingCtrlr", "LimitChangeSignificance", kind=DataType.DECIMAL, fixed="0", unit="Percent"),
    _there("TariffCostCtrlr", "Tariff", yes=False),
    _there("TariffCostCtrlr", "Cost"),
    _flag("TariffCostCtrlr", "Enabled", "Tariff", fixed="false"),
    _flag("TariffCostCtrlr", "Enabled", "Cost", fixed="true"),
    Variable("TariffCostCtrlr", "Currency", key="Currency"),
    Variable("TariffCostCtrlr", "TariffFallbackMessage"),
    Variable("TariffCostCtrlr", "TotalCostFallbackMessage"),
    _seconds("TxCtrlr", "EVConnectionTimeOut", key="ConnectionTimeOut"),
    _count("TxCtrlr", "MaxEnergyOnInvalidId", key="MaxEnergyOnInvalidId", unit="Wh"),
    _flag("TxCtrlr", "StopTxOnEVSideDisconnect", key="StopTransactionOnEVSideDisconnect"),
    _flag("TxCtrlr", "StopTxOnInvalidId", key="StopTransactionOnInvalidId"),
    _flag("TxCtrlr", "TxBeforeAcceptedEnabled", key="TxBeforeAcceptedEnabled"),
    Variable("TxCtrlr", "TxStartPoint", kind=_LIST, key="TxStartPoint", values=("PowerPathClosed",)),
    Variable(
        "TxCtrlr",
        "TxStopPoint",
        kind=_LIST,
        key="TxStopPoint",
        values=("Authorized", "EVConnected", "PowerPathClosed"),
    ),
    _flag("ChargingStation", "Available", fixed="true", in_summary=True),
    _state("ChargingStation"),
    _problem("ChargingStation"),
    Variable("ChargingStation", "Model", fact="Model"),
    Variable("ChargingStation", "VendorName", fact="VendorName"),
    Variable("ChargingStation", "SerialNumber", fact="SerialNumber"),
    _count("ChargingStation", "SupplyPhases", fact="SupplyPhases"),
    Variable("Controller", "FirmwareVersion", fact="FirmwareVersion"),
    _flag("EVSE", "Available", fixed="true", scope=Scope.EVSE, in_summary=True),
    _state("EVSE", scope=Scope.EVSE),
    _problem("EVSE", scope=Scope.EVSE),
    _flag("EVSE", "AllowReset", fixed="false", scope=Scope.EVSE),
    Variable("EVSE", "Power", kind=DataType.DECIMAL, unit="W", fact="Power", most="MostPower", scope=Scope.EVSE),
    _count("EVSE", "SupplyPhases", fact="SupplyPhases", scope=Scope.EVSE),
    _flag("Connector", "Available", fixed="true", scope=Scope.CONNECTOR, in_summary=True),
    _state("Connector", scope=Scope.CONNECTOR),
    _problem("Connector", scope=Scope.CONNECTOR),
    Variable("Connector", "ConnectorType", fact="ConnectorType", scope=Scope.CONNECTOR),
    _count("Connector", "SupplyPhases", fact="SupplyPhases", scope=Scope.CONNECTOR),
)
