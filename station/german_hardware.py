"""The German of what the hardware says, by its English; see station.german. Pure."""

HARDWARE = {
    "does not keep the settings of its watchdog: without this program it may go on charging": (
        "behält die Einstellung ihres Wächters nicht: ohne dieses Programm lädt sie vielleicht weiter"
    ),
    # ports
    "{path} does not exist: check the cable and the setting {setting}; present ports: {present}": (
        "{path} gibt es nicht: Kabel und Einstellung {setting} prüfen; vorhanden: {present}"
    ),
    "{path} is forbidden to this user: add it to the group dialout, or correct the setting {setting}": (
        "{path} ist für diesen Benutzer gesperrt: in die Gruppe dialout aufnehmen, oder {setting} berichtigen"
    ),
    "{path} is in use by another program: stop it (fuser {program} names it), or correct {setting}": (
        "{path} wird von einem anderen Programm benutzt: dieses beenden (fuser {program} nennt es), oder {setting} "
        "berichtigen"
    ),
    "{path} can't run at {baud} baud with this parity: correct both beside the setting {setting}": (
        "{path} kann {baud} Baud mit dieser Parität nicht: beides neben der Einstellung {setting} berichtigen"
    ),
    "{path} can't be used as a serial port: correct the setting {setting} ({error})": (
        "{path} ist als serielle Schnittstelle nicht zu gebrauchen: {setting} berichtigen ({error})"
    ),
    "{path} went away: check the cable and the supply of the device": (
        "{path} ist verschwunden: Kabel und Versorgung des Geräts prüfen"
    ),
    (
        "{path} can't switch an RS-485 transceiver by RTS: set the bus's direction to auto if its adapter switches "
        "by itself, or use another port ({setting})"
    ): (
        "{path} kann RS-485 nicht über RTS umschalten: direction des Busses auf auto setzen, wenn der Adapter "
        "selbst umschaltet, oder andere Schnittstelle wählen ({setting})"
    ),
    # Modbus
    "{port} went away: check the RS-485 adapter and the setting {setting}": (
        "{port} ist verschwunden: RS-485-Adapter und Einstellung {setting} prüfen"
    ),
    "the gateway {gateway} went away: check it, its network and the setting {setting}": (
        "das Gateway {gateway} ist verschwunden: Gerät, Netz und Einstellung {setting} prüfen"
    ),
    "the gateway {gateway} does not take connections: check its supply, its address and the setting {setting}": (
        "das Gateway {gateway} nimmt keine Verbindung an: Versorgung, Adresse und Einstellung {setting} prüfen"
    ),
    "{path} can't be set to {framing}: correct the settings beside {setting}": (
        "{path} kann {framing} nicht: Einstellungen neben {setting} berichtigen"
    ),
    "{reason} from Modbus address {address} on {port} at {framing}: {advice}": (
        "{reason} von Modbus-Adresse {address} an {port} mit {framing}: {advice}"
    ),
    "no answer": "keine Antwort",
    "broken answers": "gestörte Antworten",
    "answers to another question": "Antworten auf eine andere Frage",
    "nothing but patience asked": "nur Bitten um Geduld",
    "swap A and B, then check address, baud rate and parity, and the supply": (
        "A und B tauschen, dann Adresse, Baudrate und Parität prüfen, und die Versorgung"
    ),
    "others on this line answer, so check this device's address ({address}), supply and wires": (
        "andere am Bus antworten; also Adresse ({address}), Versorgung und Adern dieses Geräts prüfen"
    ),
    "Modbus address {address} on {port} refuses the {request}: {reason}. Check the configured model": (
        "Modbus-Adresse {address} an {port} lehnt ab ({request}): {reason}. Eingestelltes Modell prüfen"
    ),
    "read of register {register}": "Lesen von Register {register}",
    "read of bit {bit}": "Lesen von Bit {bit}",
    "write of register {register}": "Schreiben von Register {register}",
    "write of coil {coil}": "Schreiben von Coil {coil}",
    "it does not know this function": "es kennt diese Funktion nicht",
    "it has no such register": "es hat dieses Register nicht",
    "it does not accept this value or length": "es nimmt diesen Wert oder diese Länge nicht an",
    "it failed inside": "es hat einen inneren Fehler",
    "it is still working": "es arbeitet noch daran",
    "it is busy": "es ist beschäftigt",
    # meters
    "the meter at Modbus address {address}: {advice}": "der Zähler an Modbus-Adresse {address}: {advice}",
    "its application is not H, so its registers mean something else: set it at the meter": (
        "er steht nicht auf Anwendung H, seine Register bedeuten dann anderes: am Zähler einstellen"
    ),
    (
        "the meter at Modbus address {address} has serial number {found} instead of {expected}: it was exchanged. "
        "{advice}"
    ): (
        "der Zähler an Modbus-Adresse {address} hat Seriennummer {found} statt {expected}: er wurde getauscht. {advice}"
    ),
    "End open transactions and restart the station": "Offene Ladevorgänge beenden und die Station neu starten",
    "the meter at Modbus address {address} is no {model}: it tells model code {code}. Set its model to {right}": (
        "der Zähler an Modbus-Adresse {address} ist kein {model}: er nennt Modellcode {code}. Modell auf {right} setzen"
    ),
    "the meter at Modbus address {address} tells no plausible import register: is the model {model} right?": (
        "der Zähler an Modbus-Adresse {address} nennt keinen glaubhaften Zählerstand: stimmt das Modell {model}?"
    ),
    "the import register of the meter at Modbus address {address} {doubt}. {advice}": (
        "der Zählerstand des Zählers an Modbus-Adresse {address} {doubt}. {advice}"
    ),
    "shows {register} Wh, which no second reading has confirmed": (
        "zeigt {register} Wh, was keine zweite Ablesung bestätigt hat"
    ),
    "fell from {before} to {now} Wh: it was exchanged or is faulty": (
        "fiel von {before} auf {now} Wh: er wurde getauscht oder ist defekt"
    ),
    "leapt from {before} to {now} Wh in {seconds} s, more than it can count: it was exchanged or is faulty": (
        "sprang von {before} auf {now} Wh in {seconds} s, mehr als er zählen kann: er wurde getauscht oder ist defekt"
    ),
    "the meter at Modbus address {address} {doubt}: is the model {model} right? {advice}": (
        "der Zähler an Modbus-Adresse {address} {doubt}: stimmt das Modell {model}? {advice}"
    ),
    "counted {counted} Wh while its power register told {told} Wh": (
        "zählte {counted} Wh, während sein Leistungsregister {told} Wh ergab"
    ),
    # signed meters
    "the meter {meter} does not sign: {reason}": "der Zähler {meter} signiert nicht: {reason}",
    "the meter {meter} tells no public key": "der Zähler {meter} nennt keinen öffentlichen Schlüssel",
    "the meter {meter} signed another id than that of this session": (
        "der Zähler {meter} hat eine andere Kennung signiert als die dieses Ladevorgangs"
    ),
    "the meter {meter} still shows the snapshot before": "der Zähler {meter} zeigt noch die vorige Momentaufnahme",
    "the meter {meter} did not sign within {seconds} s": "der Zähler {meter} hat in {seconds} s nicht signiert",
    "it holds no valid snapshot": "er hat keine gültige Momentaufnahme",
    "making the snapshot failed": "die Momentaufnahme ist misslungen",
    "the signal that enables it is missing": "das Freigabesignal fehlt",
    "the contactor's feedback is missing or wrong": "die Rückmeldung des Schützes fehlt oder ist falsch",
    "the meter {meter} has no keys: this one was not made for signing": (
        "der Zähler {meter} hat keine Schlüssel: dieses Gerät kann nicht signieren"
    ),
    "the meter {meter} says that its record is corrupted": (
        "der Zähler {meter} meldet seinen Datensatz als beschädigt"
    ),
    "the meter {meter} does not measure this session": "der Zähler {meter} misst diesen Ladevorgang nicht",
    "the meter {meter} does not measure this session: it holds the record of another one": (
        "der Zähler {meter} misst diesen Ladevorgang nicht: er hält den Datensatz eines anderen"
    ),
    "the meter {meter} holds a record of {size} bytes, which can't be": (
        "der Zähler {meter} hält einen Datensatz von {size} Byte, das kann nicht sein"
    ),
    "the meter {meter} holds no signed record": "der Zähler {meter} hat keinen signierten Datensatz",
    "the public key of the meter {meter} is not DER": (
        "der öffentliche Schlüssel des Zählers {meter} ist nicht in DER"
    ),
    "the public key of the meter {meter} can't be used: {error}": (
        "der öffentliche Schlüssel des Zählers {meter} ist nicht zu gebrauchen: {error}"
    ),
    "the signed record of the meter {meter} can't be used: {error}": (
        "der signierte Datensatz des Zählers {meter} ist nicht zu gebrauchen: {error}"
    ),
    "the id has more than the {most} characters that the meter {meter} takes": (
        "die Kennung hat mehr als die {most} Zeichen, die der Zähler {meter} nimmt"
    ),
    "the id holds a character that the meter can't sign: give this driver another id": (
        "die Kennung enthält ein Zeichen, das der Zähler nicht signieren kann: dem Fahrer eine andere Kennung geben"
    ),
    "the metadata for the meter {meter} are too long: shorten evse.signed_name": (
        "die Angaben für den Zähler {meter} sind zu lang: evse.signed_name kürzen"
    ),
    "the meter {meter} did not take the command to {what}": (
        "der Zähler {meter} hat den Befehl nicht angenommen ({what})"
    ),
    # EVSE boards
    "the EVSE board at Modbus address {address} {what}": "die Ladesteuerung an Modbus-Adresse {address} {what}",
    "keeps its contactor closed: it may be welded. Switch the supply off and let an electrician check it": (
        "hält ihr Schütz geschlossen: es klebt vielleicht. Versorgung abschalten und von einer Elektrofachkraft "
        "prüfen lassen"
    ),
    "tells vehicle state {state}, which does not exist: is the configured board right?": (
        "nennt den Fahrzeugzustand {state}, den es nicht gibt: stimmt die eingestellte Steuerung?"
    ),
    "tells state {state}, which does not exist: is the configured board right?": (
        "nennt den Zustand {state}, den es nicht gibt: stimmt die eingestellte Steuerung?"
    ),
    "tells state {state}, which is no letter from A to F: is the configured board right?": (
        "nennt den Zustand {state}, keinen Buchstaben von A bis F: stimmt die eingestellte Steuerung?"
    ),
    "still signals a current though its limit is 0 A: check its own settings": (
        "bietet noch Strom an, obwohl ihre Grenze 0 A ist: ihre eigenen Einstellungen prüfen"
    ),
    "keeps {kept} A instead of {wanted} A: check its own settings": (
        "behält {kept} A statt {wanted} A: ihre eigenen Einstellungen prüfen"
    ),
    "keeps {kept} A instead of 0 A: check its own settings": (
        "behält {kept} A statt 0 A: ihre eigenen Einstellungen prüfen"
    ),
    "keeps {kept} A instead of {wanted} A and charging turned off: check its own settings": (
        "behält {kept} A statt {wanted} A und das Laden abgeschaltet: ihre eigenen Einstellungen prüfen"
    ),
    "counts in tenths of an ampere ({before}), which this driver does not: it has a firmware of Wallbe": (
        "zählt in Zehntel Ampere ({before}), was dieser Treiber nicht tut: sie hat eine Firmware von Wallbe"
    ),
    "does not release charging: set DIP switch 10 (ETH) or register 4000 to Modbus": (
        "gibt das Laden nicht frei: DIP-Schalter 10 (ETH) oder Register 4000 auf Modbus stellen"
    ),
    "keeps its release: check its own settings": "behält ihre Freigabe: ihre eigenen Einstellungen prüfen",
    "has no residual current device on its pin MCLR: register 2005 bit 4 is off": (
        "hat keinen RCD (Fehlerstromschutz) am Pin MCLR: Register 2005 Bit 4 ist aus"
    ),
    "found its residual current device faulty: nobody may charge here": (
        "meldet ihren RCD (Fehlerstromschutz) als defekt: hier darf niemand laden"
    ),
    "has not ended the test of its residual current device after {seconds} s": (
        "hat die Prüfung ihres RCD (Fehlerstromschutz) nach {seconds} s nicht beendet"
    ),
    "this EVSE board does not tell who it is": "diese Ladesteuerung nennt sich nicht",
    "this EVSE board can't test its residual current device": (
        "diese Ladesteuerung kann ihren RCD (Fehlerstromschutz) nicht prüfen"
    ),
    "this EVSE board has no lock": "diese Ladesteuerung hat keine Verriegelung",
    "this EVSE board can't switch phases": "diese Ladesteuerung kann keine Phasen umschalten",
    "this EVSE board has no lights that can be set": "diese Ladesteuerung hat keine schaltbaren Leuchten",
    "the board is not served yet": "die Ladesteuerung wird noch nicht bedient",
    "the board is not served any more": "die Ladesteuerung wird nicht mehr bedient",
    (
        "the contactor stays closed though its coil is off: it may be welded. Switch the supply off and let an "
        "electrician check it"
    ): (
        "das Schütz bleibt geschlossen, obwohl seine Spule aus ist: es klebt vielleicht. Versorgung abschalten und "
        "von einer Elektrofachkraft prüfen lassen"
    ),
    "no line is wired to test the residual current device: see evse.gpio.rcd_test": (
        "zum Prüfen des RCD (Fehlerstromschutz) ist nichts verdrahtet: siehe evse.gpio.rcd_test"
    ),
    "the residual current device is not tested while a vehicle charges": (
        "der RCD (Fehlerstromschutz) wird nicht geprüft, während ein Fahrzeug lädt"
    ),
    "the residual current device did not trip in its test: nobody may charge here": (
        "der RCD (Fehlerstromschutz) hat bei seiner Prüfung nicht ausgelöst: hier darf niemand laden"
    ),
    "the residual current device stays tripped after its test: nobody may charge here": (
        "der RCD (Fehlerstromschutz) bleibt nach seiner Prüfung ausgelöst: hier darf niemand laden"
    ),
    "the plug stays locked while the contactor is closed": (
        "der Stecker bleibt verriegelt, solange das Schütz geschlossen ist"
    ),
    "no lock is wired: see evse.gpio.lock_close": "keine Verriegelung verdrahtet: siehe evse.gpio.lock_close",
    "the plug can't be locked: is something in its way?": (
        "der Stecker lässt sich nicht verriegeln: ist etwas im Weg?"
    ),
    "the plug can't be unlocked: is something in its way?": (
        "der Stecker lässt sich nicht entriegeln: ist etwas im Weg?"
    ),
    "no line is wired to switch phases: see evse.gpio.three_phase": (
        "zum Umschalten der Phasen ist nichts verdrahtet: siehe evse.gpio.three_phase"
    ),
    "{path}: {reason}. Check evse.gpio, the device tree overlay and the udev rules": (
        "{path}: {reason}. evse.gpio, Device-Tree-Overlay und udev-Regeln prüfen"
    ),
    "it gives no number": "es liefert keine Zahl",
    "{chip} does not exist: correct evse.gpio; present chips: {present}": (
        "{chip} gibt es nicht: evse.gpio berichtigen; vorhanden: {present}"
    ),
    "{chip} is forbidden to this user: add it to the group gpio": (
        "{chip} ist für diesen Benutzer gesperrt: in die Gruppe gpio aufnehmen"
    ),
    "{chip} can't be used ({error}): is a line of evse.gpio in use by another program? gpioinfo tells": (
        "{chip} ist nicht zu gebrauchen ({error}): benutzt ein anderes Programm eine Leitung von evse.gpio? "
        "gpioinfo zeigt es"
    ),
    # the board's self-test and what it tells of its settings
    "closed though nothing is offered": "geschlossen, obwohl kein Strom angeboten wird",
    "a vehicle charges": "ein Fahrzeug lädt",
    "open": "offen",
    "control pilot in state {state}": "Steuersignal (Control Pilot) in Zustand {state}",
    "not tested: the setting says never": "nicht geprüft: die Einstellung sagt nie",
    "not tested: the contactor is closed or the board reports a fault": (
        "nicht geprüft: das Schütz ist geschlossen oder die Steuerung meldet einen Fehler"
    ),
    "not tested: a vehicle is connected": "nicht geprüft: ein Fahrzeug ist angesteckt",
    "no heartbeat line: if the program dies while charging, the contactor may stay closed": (
        "keine Lebenszeichen-Leitung: stirbt das Programm beim Laden, kann das Schütz geschlossen bleiben"
    ),
    "no mirror contact: a welded contactor goes unnoticed": (
        "kein Spiegelkontakt: ein klebendes Schütz bleibt unbemerkt"
    ),
    "the residual current device is not watched": "der RCD (Fehlerstromschutz) wird nicht überwacht",
    "register 2002: offers {current} A at least": "Register 2002: bietet mindestens {current} A an",
    "register 2000: after a power cut it offers {current} A by itself, to anybody; set 0": (
        "Register 2000: nach Stromausfall bietet sie von selbst {current} A an, jedem; auf 0 setzen"
    ),
    "register 2007: takes every cable for one of {current} A": (
        "Register 2007: hält jedes Kabel für eines mit {current} A"
    ),
    "register 2005: it disables itself; clear bits 13 and 14": (
        "Register 2005: sie schaltet sich selbst ab; Bits 13 und 14 löschen"
    ),
    "register 2005 bit 4 is off: the residual current device is not watched": (
        "Register 2005 Bit 4 ist aus: der RCD (Fehlerstromschutz) wird nicht überwacht"
    ),
    "register 100: its switches allow {current} A": "Register 100: ihre Schalter erlauben {current} A",
    # card readers
    "{device} went away: check the reader's cable": "{device} ist verschwunden: Kabel des Lesers prüfen",
    "{device} does not exist: check the reader's cable and {setting}": (
        "{device} gibt es nicht: Kabel des Lesers und {setting} prüfen"
    ),
    "{device} is forbidden to this user: add it to the group input": (
        "{device} ist für diesen Benutzer gesperrt: in die Gruppe input aufnehmen"
    ),
    "{device} is grabbed by another program: stop that one": (
        "{device} ist von einem anderen Programm belegt: dieses beenden"
    ),
    "{device} is no input device: correct {setting}": "{device} ist kein Eingabegerät: {setting} berichtigen",
    "{device} can't be read: {reason}": "{device} ist nicht lesbar: {reason}",
    # modem
    "modem at {port}, {baud} baud": "Modem an {port}, {baud} Baud",
    (
        "modem at {port}: no answer, neither at {baud} baud nor at any other rate; check its supply and cable, then"
        " the settings modem.port and modem.baud"
    ): (
        "Modem an {port}: keine Antwort, weder mit {baud} Baud noch mit einer anderen Rate; Versorgung und Kabel "
        "prüfen, dann modem.port und modem.baud"
    ),
    "modem at {port}: not started": "Modem an {port}: noch nicht gestartet",
    "modem at {port}: the network took the data context": "Modem an {port}: das Netz hat die Datenverbindung beendet",
    "{modem}: the port was closed": "{modem}: die Schnittstelle wurde geschlossen",
    "{modem}: no answer to {request} within {seconds} s; check its supply": (
        "{modem}: keine Antwort auf {request} in {seconds} s; Versorgung prüfen"
    ),
    "{modem}: it refuses {request} with {answer}": "{modem}: es lehnt {request} ab mit {answer}",
    "{modem}: it no longer answers; check its supply and cable, or restart it": (
        "{modem}: es antwortet nicht mehr; Versorgung und Kabel prüfen, oder neu starten"
    ),
    "{modem}: it has restarted by itself ({line}); check its supply": (
        "{modem}: es hat sich von selbst neu gestartet ({line}); Versorgung prüfen"
    ),
    "{modem}: reading was refused with {answer}": "{modem}: Lesen abgelehnt mit {answer}",
    "{modem}: sending was refused with {answer}": "{modem}: Senden abgelehnt mit {answer}",
    "{modem}: bytes were lost on the serial line; check its cable": (
        "{modem}: auf der seriellen Leitung gingen Bytes verloren; Kabel prüfen"
    ),
    "{modem}: no data commands are known for it; supported: {families}": (
        "{modem}: seine Datenbefehle sind nicht bekannt; unterstützt: {families}"
    ),
    "{modem}: no socket commands are known for it; supported: {families}": (
        "{modem}: seine Befehle für Verbindungen sind nicht bekannt; unterstützt: {families}"
    ),
    "{modem}: the network does not attach it; check signal, SIM contract and antenna": (
        "{modem}: das Netz gibt keine Datenverbindung; Signal, SIM-Vertrag und Antenne prüfen"
    ),
    (
        "{modem}: the network gives no data context for APN {apn} ({answer}); check modem.apn, its user and "
        "password, and the SIM contract"
    ): (
        "{modem}: das Netz lässt den Zugangspunkt (APN) {apn} nicht zu ({answer}); modem.apn mit Benutzer und "
        "Passwort prüfen, und den SIM-Vertrag"
    ),
    (
        "{modem}: no connection to {host}:{port} (its error {error}); check the central system's address and that the "
        "APN reaches it"
    ): (
        "{modem}: keine Verbindung zu {host}:{port} (Fehler {error}); Adresse der Zentrale prüfen, und ob der "
        "Zugangspunkt (APN) dorthin führt"
    ),
    "{modem}: it refuses to open a connection ({answer}); attach first": (
        "{modem}: es lehnt die Verbindung ab ({answer}); zuerst ins Netz einbuchen"
    ),
    "{modem}: no connection to {host}:{port} within {seconds} s; check the signal": (
        "{modem}: keine Verbindung zu {host}:{port} in {seconds} s; Signal prüfen"
    ),
    "{name} can't be sent to a modem: use printable ASCII without blanks and quotes": (
        "{name} kann nicht an ein Modem gesendet werden: nur druckbares ASCII ohne Leer- und Anführungszeichen"
    ),
    # SIM
    "{modem}: the SIM asks for its PIN; set modem.pin": "{modem}: die SIM verlangt ihre PIN; modem.pin setzen",
    "{modem}: the PIN of a SIM has 4 to 8 digits; correct modem.pin": (
        "{modem}: die PIN einer SIM hat 4 bis 8 Ziffern; modem.pin berichtigen"
    ),
    "{modem}: this SIM has refused the PIN in modem.pin before; correct it ({tries} tries left)": (
        "{modem}: diese SIM hat die PIN aus modem.pin schon abgelehnt; berichtigen (noch {tries} Versuche)"
    ),
    "{modem}: {tries} tries left for the PIN, the last is never risked; unlock the SIM in a phone": (
        "{modem}: noch {tries} Versuche für die PIN, der letzte wird nie riskiert; SIM in einem Telefon entsperren"
    ),
    (
        "{modem}: it does not tell how many tries are left for the PIN, so none is made; switch off the PIN query "
        "of the SIM in a phone"
    ): (
        "{modem}: es sagt nicht, wie viele Versuche die PIN noch hat, darum wird keiner gemacht; PIN-Abfrage der "
        "SIM in einem Telefon abschalten"
    ),
    "{modem}: the SIM refuses the PIN in modem.pin; correct it ({tries} tries left)": (
        "{modem}: die SIM lehnt die PIN aus modem.pin ab; berichtigen (noch {tries} Versuche)"
    ),
    "{modem}: the SIM did not take the PIN now ({answer}); its counter tells why": (
        "{modem}: die SIM hat die PIN jetzt nicht angenommen ({answer}); ihr Zähler sagt, warum"
    ),
    "{modem}: the SIM is not ready after {seconds} s; switch the modem off and on": (
        "{modem}: die SIM ist nach {seconds} s nicht bereit; Modem aus- und einschalten"
    ),
    "the SIM is locked and asks for its PUK; unlock it in a phone. We never enter a PUK": (
        "die SIM ist gesperrt und verlangt ihre PUK; in einem Telefon entsperren. Eine PUK wird hier nie eingegeben"
    ),
    "there is no SIM; insert one, contacts first, and check the holder": (
        "es ist keine SIM da; mit den Kontakten voran einlegen und den Halter prüfen"
    ),
    "the SIM does not work (SIM failure); clean its contacts or replace it": (
        "die SIM geht nicht (SIM failure); Kontakte reinigen oder tauschen"
    ),
    "the modem rejects this SIM (wrong SIM); it may be locked to another operator": (
        "das Modem lehnt diese SIM ab (wrong SIM); sie ist vielleicht an einen anderen Anbieter gebunden"
    ),
    "the SIM asks for {what}; unlock it in a phone": "die SIM verlangt {what}; in einem Telefon entsperren",
}
