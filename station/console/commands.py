"""The table of commands. Their order gives their numbers: what is needed most stands first."""

from station.console import config_commands, look_commands, tool_commands, work_commands
from station.console.menu import Command
from station.core.pins import Role
from station.field.text import Text

_SPECIALIST = Role.SPECIALIST

_METER = (
    Command(Text("live", "live"), Text("values, every second", "Werte, jede Sekunde"), look_commands.meter),
    Command(
        Text("read", "lesen"),
        Text("values and serial numbers, once", "Werte und Seriennummern"),
        tool_commands.meter_read,
    ),
    Command(
        Text("verify", "vergleichen"),
        Text("compare with the meter's display", "mit der Anzeige am Zähler vergleichen"),
        tool_commands.meter_verify,
    ),
    Command(
        Text("registers", "register"),
        Text("all values that the meter tells", "alle Werte des Zählers"),
        tool_commands.meter_registers,
        more=Text("Nobody can charge on that line meanwhile.", "An diesem Bus lädt dabei niemand."),
    ),
    Command(
        Text("scan", "suchen"),
        Text("search the lines for meters", "Zähler am Bus suchen"),
        tool_commands.meter_scan,
        more=Text("Nobody can charge on that line meanwhile.", "An diesem Bus lädt dabei niemand."),
    ),
    Command(
        Text("bus", "bus"),
        Text("how well the devices on the lines answer", "wie gut die Geräte am Bus antworten"),
        look_commands.buses,
        more=Text(
            "Lost answers come from swapped or loose A/B wires, a missing terminator, or two devices with one address.",
            "Verlorene Antworten kommen von vertauschten oder losen A/B-Adern, fehlendem Abschluss, gleicher Adresse.",
        ),
    ),
)
_EVSE = (
    Command(Text("show", "anzeigen"), Text("states and currents", "Zustände und Ströme"), look_commands.evse),
    Command(
        Text("contactor", "schütz"),
        Text("test the contactor (main switch)", "Schütz (Hauptschalter) prüfen"),
        work_commands.try_contactor,
        _SPECIALIST,
    ),
    Command(
        Text("rcd", "rcd"),
        Text("test the residual current protection", "Fehlerstromschutz prüfen"),
        work_commands.try_rcd,
        _SPECIALIST,
    ),
    Command(
        Text("clear", "löschen"),
        Text("clear a fault whose cause is gone", "behobene Störung löschen"),
        work_commands.clear_fault,
        _SPECIALIST,
    ),
)
_CARDS = (
    Command(Text("enrol", "anlernen"), Text("let a card charge here", "Karte zum Laden zulassen"), work_commands.enrol),
    Command(Text("forget", "entfernen"), Text("take a card out of the list", "Karte entfernen"), work_commands.forget),
)
_LEDGER = (
    Command(
        Text("show", "anzeigen"),
        Text("what waits, what was refused", "was wartet, was abgelehnt wurde"),
        work_commands.backlog,
    ),
    Command(
        Text("retry", "wiederholen"),
        Text("send a refused transaction again", "abgelehnten Ladevorgang neu senden"),
        work_commands.retry,
    ),
    Command(
        Text("export", "mitnehmen"),
        Text("what was not delivered, as a file to carry", "nicht Zugestelltes als Datei mitnehmen"),
        tool_commands.export,
    ),
)
_CONFIG = (
    Command(
        Text("show", "anzeigen"),
        Text(
            "the settings; `config show modem` shows some", "die Einstellungen; `einstellungen anzeigen modem` filtert"
        ),
        config_commands.show,
    ),
    Command(Text("set", "setzen"), Text("change a setting", "Einstellung ändern"), config_commands.change, _SPECIALIST),
    Command(
        Text("rollback", "zurück"),
        Text("back to a previous file", "frühere Datei"),
        config_commands.go_back,
        _SPECIALIST,
    ),
    Command(
        Text("keys", "schlüssel"),
        Text("values that the central system may change too", "Werte, die auch die Zentrale ändern kann"),
        config_commands.show_keys,
    ),
    Command(
        Text("key", "wert"), Text("change such a value", "solchen Wert ändern"), config_commands.set_key, _SPECIALIST
    ),
)
_LOG = (
    Command(
        Text("last", "letzte"),
        Text("the last lines; `log last modem` filters", "die letzten Zeilen; `protokoll letzte modem` filtert"),
        look_commands.log,
    ),
    Command(Text("follow", "folgen"), Text("new lines as they come", "neue Zeilen laufend"), look_commands.follow),
)
_UPDATE = (
    Command(
        Text("install", "installieren"),
        Text("install a new version", "neue Version"),
        tool_commands.update,
        _SPECIALIST,
    ),
    Command(
        Text("rollback", "zurück"),
        Text("back to the version before", "Version davor"),
        tool_commands.update_back,
        _SPECIALIST,
    ),
)

LANGUAGE = Command(Text("language", "sprache"), Text("Deutsch", "English"), role=Role.GUEST)
HELP = Command(
    Text("help", "hilfe"),
    Text("this menu; `help meter` tells more", "dieses Menü; `hilfe zähler` sagt mehr"),
    role=Role.GUEST,
)

COMMANDS: tuple[Command, ...] = (
    Command(
        Text("status", "status"),
        Text("how is the station?", "Wie geht es der Station?"),
        look_commands.status,
        Role.GUEST,
    ),
    Command(
        Text("why", "warum"),
        Text("why does it not charge or deliver?", "Warum lädt oder meldet sie nicht?"),
        look_commands.why,
        Role.GUEST,
    ),
    Command(
        Text("modem", "modem"),
        Text("signal, while you turn the antenna", "Signal, beim Drehen der Antenne"),
        tool_commands.modem,
        more=Text(
            "dBm tells how strong the radio signal is: -70 is very good, -95 just enough, -110 too weak.",
            "dBm sagt, wie stark das Funksignal ist: -70 ist sehr gut, -95 reicht knapp, -110 ist zu schwach.",
        ),
    ),
    Command(
        Text("meter", "zähler"),
        Text("energy meters: live, search, lines", "Energiezähler: live, suchen, Bus"),
        parts=_METER,
        more=Text(
            "kWh is the energy so far, kW the present power, A and V current and voltage of each phase.",
            "kWh ist die Energie bisher, kW die Leistung jetzt, A und V Strom und Spannung je Phase.",
        ),
    ),
    Command(
        Text("evse", "ladepunkt"),
        Text("charging places (EVSE): states, tests", "Zustand, Prüfungen, Störungen"),
        parts=_EVSE,
        more=Text(
            "EVSE is the charging place: board, contactor (main switch), socket or cable.",
            "Ladepunkt (EVSE): Ladesteuerung, Schütz (Hauptschalter), Dose oder Kabel.",
        ),
    ),
    Command(
        Text("cards", "karten"), Text("let cards charge here, or no longer", "Karten anlernen, entfernen"), parts=_CARDS
    ),
    Command(
        Text("ledger", "meldungen"),
        Text("messages of charges: waiting, refused", "Meldungen: wartend, abgelehnt"),
        parts=_LEDGER,
        more=Text(
            "Every charge is reported to the central system by messages. None is ever thrown away.",
            "Jeder Ladevorgang wird der Zentrale gemeldet. Keine Meldung wird je weggeworfen.",
        ),
    ),
    Command(Text("network", "netz"), Text("way to the central system", "Weg zur Zentrale"), look_commands.network),
    Command(
        Text("config", "einstellungen"),
        Text("settings: show, change, go back", "zeigen, ändern, zurück"),
        parts=_CONFIG,
    ),
    Command(Text("log", "protokoll"), Text("what happened last", "Was zuletzt geschah"), parts=_LOG),
    Command(
        Text("selftest", "selbsttest"),
        Text("test everything, with advice", "alles prüfen, mit Hinweisen"),
        tool_commands.selftest,
    ),
    Command(
        Text("commission", "inbetriebnahme"),
        Text("put into service: guided, signed report", "Schritt für Schritt, mit Protokoll"),
        tool_commands.commission,
        _SPECIALIST,
    ),
    Command(
        Text("pack", "paket"),
        Text("file for the support: USB stick, this cable, QR", "Datei für die Hilfe: USB-Stick, Kabel, QR"),
        tool_commands.pack,
        more=Text(
            "YMODEM sends a file through this terminal: start its receiver in PuTTY, Tera Term or picocom.",
            "YMODEM sendet eine Datei durch dieses Terminal: dort den Empfang starten (Tera Term, picocom).",
        ),
    ),
    Command(Text("update", "update"), Text("new version, or back", "neue Version, oder zurück"), parts=_UPDATE),
    Command(
        Text("restart", "neustart"),
        Text("start the station's program anew", "Stationsprogramm neu starten"),
        work_commands.restart,
        _SPECIALIST,
    ),
    Command(Text("data", "daten"), Text("what the mobile link costs", "Verbrauch im Mobilfunk"), look_commands.data),
    LANGUAGE,
    HELP,
)
