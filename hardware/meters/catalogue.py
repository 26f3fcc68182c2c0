"""Which meters are known, and in which module their table stands. Pure.

A table is imported when it is asked for: a station loads what it has.
"""

from collections.abc import Mapping
from importlib import import_module

from hardware.meters.register_map import MeterTable

MODELS: Mapping[str, str] = {
    "SDM630-V2": "eastron",
    "SDM72DM-V2": "eastron",
    "SDM72D-M": "eastron",
    "SDM120": "eastron",
    "SDM230": "eastron",
    "B23": "abb",
    "B24": "abb",
    "B21": "abb",
    "EM340": "carlo_gavazzi",
    "EM330": "carlo_gavazzi",
    "EM580": "carlo_gavazzi",
    "EM24": "carlo_gavazzi",
    "EM24-E1": "carlo_gavazzi",
    "EM112": "carlo_gavazzi",
    "iEM3155": "schneider",
    "iEM3255": "schneider",
    "PAC2200": "siemens",
    "7KT1665": "siemens",
    "PRO380": "inepro",
    "DVH4013": "dzg",
    "WM3M4": "iskra",
    "BSM-WS36A": "bauer",
    "7M.38": "finder",
    "7M.24": "finder",
    "7E.78": "finder",
    "7E.23": "finder",
    "UEM": "algodue",
    "EEM-350": "phoenix",
    "Janitza-B23": "janitza",
    "DS100": "bg",
    "MPM3PM": "mpm",
    "DMG610": "lovato",
}
"""The model of each table and its module in this package, the usual ones first."""

ALIASES: Mapping[str, str] = {
    "SDM630": "SDM630-V2",
    "SDM630M": "SDM630-V2",
    "SDM630MCT-V2": "SDM630-V2",
    "SDM72D-M-V2": "SDM72DM-V2",
    "SDM72D-M-V1": "SDM72D-M",
    "ET340": "EM340",
    "EM341": "EM340",
    "EM540": "EM340",
    "ET330": "EM330",
    "EM530": "EM330",
    "EM110": "EM112",
    "EM111": "EM112",
    "ET112": "EM112",
    "iEM3150": "iEM3155",
    "iEM3350": "iEM3155",
    "iEM3355": "iEM3155",
    "iEM3250": "iEM3255",
    "WAGO-879": "PRO380",
    "Klefr-6930": "PRO380",
    "Klefr-6940": "PRO380",
    "WM3M4C": "WM3M4",
    "BSM": "BSM-WS36A",
    "BSM-WS36A-H01": "BSM-WS36A",
    "ALD1": "7E.23",
    "EEM-350-D-MCB": "EEM-350",
    "DMG": "DMG610",
}
"""Other names for the settings, as in the tables."""


def table(model: str) -> MeterTable:
    """Give the table of a model, by its name in MODELS or ALIASES, exactly as written there.

    Raises:
        KeyError: there is none.
    """
    name = ALIASES.get(model, model)
    tables: tuple[MeterTable, ...] = import_module(f"hardware.meters.{MODELS[name]}").TABLES
    return next(each for each in tables if each.model == name)


def all_tables() -> tuple[MeterTable, ...]:
    """Give all tables, the usual meters first."""
    return tuple(table(model) for model in MODELS)
