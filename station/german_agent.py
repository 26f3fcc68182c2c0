"""The German of what agent and tools say, by its English; see station.german. Pure."""

AGENT = {
    # why it is not charging now (station.core.explain)
    "the card is being checked: wait for the central system's answer": (
        "die Karte wird geprüft: auf die Antwort der Zentrale warten"
    ),
    "the card is good: plug the vehicle in before the time for that is over": (
        "die Karte ist gültig: jetzt das Fahrzeug anstecken, bevor die Zeit dafür abläuft"
    ),
    "the residual current device is being tested before the charge: wait": (
        "der RCD (Fehlerstromschutz) wird vor dem Laden geprüft: warten"
    ),
    "the plug is being locked before the charge: wait": "der Stecker wird vor dem Laden verriegelt: warten",
    "the meter is signing the begin of the charge: wait": "der Zähler signiert den Beginn: warten",
    "the first register is being read: wait": "der erste Zählerstand wird gelesen: warten",
    "the program has just started and asks board and meter: wait": (
        "das Stationsprogramm ist gerade gestartet und fragt Ladesteuerung und Zähler: warten"
    ),
    "the plug stays locked until the card that began the last charge is shown": (
        "der Stecker bleibt verriegelt, bis die Karte gezeigt wird, die den letzten Ladevorgang begann"
    ),
    "the vehicle does not ask for energy: the offer is taken away for a moment to wake it": (
        "das Fahrzeug fordert keinen Strom an: das Angebot wird kurz weggenommen, um es zu wecken"
    ),
    (
        "the vehicle is offered {offered} A and has not asked for energy: look for a timer or an error in the vehicle, "
        "or plug it in anew"
    ): (
        "dem Fahrzeug werden {offered} A angeboten, es hat noch keinen Strom angefordert: im Fahrzeug nach Timer oder "
        "Fehler sehen, oder neu anstecken"
    ),
    "the vehicle is full or pauses the charge: it takes energy again when it wants": (
        "das Fahrzeug ist voll oder macht Pause: es nimmt wieder Strom, wenn es will"
    ),
    "the board does not offer the current that it was told to: look at its own settings": (
        "die Ladesteuerung bietet den Strom nicht an, den sie soll: ihre eigenen Einstellungen prüfen"
    ),
    "the vehicle asks for energy and the contactor is about to close: wait": (
        "das Fahrzeug fordert Strom an, das Schütz schließt gleich: warten"
    ),
    "the charge is ending: the contactor opens, then the last register is read": (
        "der Ladevorgang endet: das Schütz öffnet, dann wird der letzte Zählerstand gelesen"
    ),
    "the last charge has ended ({reason}): unplug the vehicle, or show a card to charge again": (
        "der letzte Ladevorgang ist beendet ({reason}): Fahrzeug abstecken, oder zum Weiterladen Karte zeigen"
    ),
    "it is reserved until {until}: only the card of that driver is taken": (
        "reserviert bis {until}: nur die Karte dieses Fahrers gilt"
    ),
    "the last card was refused: {refusal}": "die letzte Karte wurde abgelehnt: {refusal}",
    "a vehicle is plugged in: show a card, or let the central system start the charge": (
        "ein Fahrzeug ist angesteckt: Karte zeigen, oder von der Zentrale starten lassen"
    ),
    "nobody charges here: plug a vehicle in and show a card": "hier lädt niemand: Fahrzeug anstecken und Karte zeigen",
    "a master card only ends charges": "eine Generalkarte beendet nur Ladevorgänge",
    "the card was shown": "die Karte wurde gezeigt",
    "the central system ended it": "die Zentrale hat ihn beendet",
    "there was a power cut, and the vehicle had gone when it was over": (
        "es gab einen Stromausfall, und danach war das Fahrzeug weg"
    ),
    "the residual current device has tripped": "der RCD (Fehlerstromschutz) hat ausgelöst",
    "the vehicle drew more than it was offered": "das Fahrzeug zog mehr Strom als angeboten",
    "the central system had the plug unlocked": "die Zentrale hat den Stecker entriegeln lassen",
    "the central system had the station restarted": "die Zentrale hat die Station neu gestartet",
    "a master card was shown": "eine Generalkarte wurde gezeigt",
    "the meter gave no register in time": "der Zähler hat nicht rechtzeitig einen Stand geliefert",
    "the plug can't be locked: {failure}": "der Stecker lässt sich nicht verriegeln: {failure}",
    "this EVSE is reserved for another driver": "dieser Ladepunkt ist für einen anderen Fahrer reserviert",
    "the board still reports the fault": "die Ladesteuerung meldet die Störung noch",
    "the lock did not answer": "die Verriegelung hat nicht geantwortet",
    # what stands in the way of charging (station.core.charging)
    "the EVSE controller board does not answer: check its power, port, address and wiring": (
        "die Ladesteuerung antwortet nicht: Versorgung, Schnittstelle, Adresse und Verdrahtung prüfen"
    ),
    (
        "the meter has serial number {found} instead of {known}: it was exchanged while the agent was away, so the "
        "open transaction ends with the last register of the old one"
    ): (
        "der Zähler hat Seriennummer {found} statt {known}: er wurde getauscht, während das Stationsprogramm nicht "
        "lief; der offene Ladevorgang endet mit dem letzten Stand des alten"
    ),
    "the central system refused the driver's card": "die Zentrale hat die Karte des Fahrers abgelehnt",
    "the central system has put this EVSE out of service": "die Zentrale hat diesen Ladepunkt außer Betrieb gesetzt",
    "the station is about to begin anew: charging is possible again in a few minutes": (
        "die Station startet gleich neu: in wenigen Minuten kann wieder geladen werden"
    ),
    "the meter does not answer: no reading, no charge": (
        "der Zähler antwortet nicht: ohne Zählerstand wird nicht geladen"
    ),
    "the contactor did not open when it should have: a technician must check it and clear the fault": (
        "das Schütz hat nicht geöffnet, als es sollte: prüfen, tauschen, dann die Störung löschen"
    ),
    "the residual current device failed its test: have it checked, then repeat the self-test": (
        "der RCD (Fehlerstromschutz) hat seine Prüfung nicht bestanden: prüfen lassen, dann Selbsttest wiederholen"
    ),
    "maintenance: a technician's tool has the lines of this EVSE, and gives them back when it ends": (
        "Wartung: ein Werkzeug des Technikers hat den Bus dieses Ladepunkts und gibt ihn am Ende zurück"
    ),
    "EVSE {evse} is in maintenance: another tool has its lines": (
        "Ladepunkt {evse} ist in Wartung: ein anderes Werkzeug hat seinen Bus"
    ),
    "the agent has ended, and the loan with it: begin again": (
        "das Stationsprogramm wurde beendet und hat den Bus nicht mehr: noch einmal beginnen"
    ),
    "there is no bus {bus}; there are: {names}": "es gibt keinen Bus {bus}; es gibt: {names}",
    "{port} is lent to a technician's tool: wait until that has ended": (
        "{port} ist an ein Werkzeug des Technikers verliehen: dessen Ende abwarten"
    ),
    "a connection has one loan at a time: {end} first": "eine Verbindung leiht nur eines zur Zeit: erst {end}",
    "the meter does not sign the begin: {failure}": "der Zähler signiert den Beginn nicht: {failure}",
    "the meter must sign who charges, and nobody can say now whether the card is good": (
        "der Zähler muss signieren, wer lädt, und niemand kann jetzt sagen, ob die Karte gültig ist"
    ),
    "another transaction is running here": "hier läuft schon ein Ladevorgang",
    "no vehicle was plugged in in time": "es wurde nicht rechtzeitig ein Fahrzeug angesteckt",
    "the vehicle was unplugged": "das Fahrzeug wurde abgesteckt",
    "the card was shown again": "die Karte wurde noch einmal gezeigt",
    "the contactor is still closed": "das Schütz ist noch geschlossen",
    "the board still reports its contactor as faulty": "die Ladesteuerung meldet ihr Schütz noch als defekt",
    "the test of the residual current device did not end": (
        "die Prüfung des RCD (Fehlerstromschutz) ging nicht zu Ende"
    ),
    # files that are fetched and sent (station.http_transfer)
    "the file has {total} bytes, at most {most} are taken": "die Datei hat {total} Byte, erlaubt sind {most}",
    "the disk has no room for {missing} bytes more": "auf dem Datenträger ist kein Platz für weitere {missing} Byte",
    "the server sends more than it said, or than is taken": (
        "der Server sendet mehr, als er sagte oder als erlaubt ist"
    ),
    "the connection broke after {count} bytes: {reason}": "die Verbindung brach nach {count} Byte ab: {reason}",
    "the server ended after {count} of {all} bytes": "der Server hörte nach {count} von {all} Byte auf",
    "the file server {host} does not answer: {reason}": "der Dateiserver {host} antwortet nicht: {reason}",
    "the server answers {status} {reason}": "der Server antwortet {status} {reason}",
    "the server redirects to something that is neither http nor https": (
        "der Server verweist auf etwas, das weder http noch https ist"
    ),
    "the server redirects too often": "der Server verweist zu oft weiter",
    "the file server {host} can't be reached: {reason}": "der Dateiserver {host} ist nicht zu erreichen: {reason}",
    "no TLS with {host}: {reason}": "kein TLS mit {host}: {reason}",
    "the server packs the file although it was asked not to": (
        "der Server packt die Datei, obwohl er gebeten wurde, es nicht zu tun"
    ),
    "the server sends another range than it was asked for": (
        "der Server sendet einen anderen Bereich als den verlangten"
    ),
    "the download breaks off again and again, and the server can't continue it": (
        "der Abruf bricht immer wieder ab, und der Server kann ihn nicht fortsetzen"
    ),
    "can't write {root}: {reason}. Is it the agent's own?": (
        "{root} lässt sich nicht beschreiben: {reason}. Gehört es dem Stationsprogramm?"
    ),
    # what limits a charge (station.core.current_limit)
    "limited to {current} A by {source}": "auf {current} A begrenzt durch {source}",
    "paused by {source}": "Pause durch {source}",
    "a pause lasts a while, to spare the contactor": "eine Pause dauert eine Weile, um das Schütz zu schonen",
    "a pause to change between one and three phases": "Pause zum Wechsel zwischen einer und drei Phasen",
    "the installation": "die Installation",
    "the cable": "das Kabel",
    "the heat in the station": "die Wärme in der Station",
    "a charging profile of the central system": "ein Ladeprofil der Zentrale",
    "the central system's limit for the whole station": "die Grenze der Zentrale für die ganze Station",
    "the site limit": "die Grenze des Standorts",
    "the fail-safe current, because the source of the site limit is silent": (
        "den Rückfallstrom, weil die Quelle der Standortgrenze schweigt"
    ),
    "the fail-safe current, because the central system is away": "den Rückfallstrom, weil die Zentrale nicht da ist",
    # why a card was refused (station.core.authorize)
    "not in the local list, and the central system can't be asked": (
        "sie steht nicht in der örtlichen Liste, und die Zentrale ist nicht zu erreichen"
    ),
    "offline, and LocalAuthorizeOffline is false": (
        "ohne Verbindung zur Zentrale wird hier nicht geladen (LocalAuthorizeOffline ist aus)"
    ),
    "the card is {status}": "die Karte ist {status}",
    "the central system says {status}": "die Zentrale sagt: {status}",
    # asking the agent
    "the agent (the station's program) does not run: switch the station off and on, or systemctl start emops-station": (
        "das Stationsprogramm läuft nicht: Station aus- und einschalten, oder systemctl start emops-station"
    ),
    (
        "the vehicle side does not ask for energy: plug in the test adapter and set it to state C, then test again."
        " A vehicle is no test adapter: what it takes now is on no bill"
    ): (
        "die Fahrzeugseite fordert keinen Strom an: Prüfadapter einstecken und auf Zustand C stellen, dann neu "
        "prüfen. Ein Fahrzeug ist kein Prüfadapter: was es jetzt lädt, steht auf keiner Rechnung"
    ),
    "the agent did not answer {operation} in {seconds} s: look at log": (
        "das Stationsprogramm hat auf {operation} {seconds} s nicht geantwortet: ins Protokoll sehen"
    ),
    "can't reach the agent at {path}: {reason}": "das Stationsprogramm ist an {path} nicht erreichbar: {reason}",
    "the agent broke the connection off: {reason}": "das Stationsprogramm hat die Verbindung abgebrochen: {reason}",
    "the agent broke off in the middle of its answer: try again": (
        "das Stationsprogramm hat mitten in der Antwort abgebrochen: noch einmal versuchen"
    ),
    "this is not the agent that answers at the service socket: correct service.socket": (
        "am Dienst-Socket antwortet nicht das Stationsprogramm: service.socket berichtigen"
    ),
    "{most} clients are connected already: close one": "{most} Sitzungen sind schon verbunden: eine schließen",
    "the journal can't be used: {reason}. Is the disk full?": (
        "das Journal ist nicht zu gebrauchen: {reason}. Ist der Speicher voll?"
    ),
    "EVSE {evse} keeps no fault": "Ladepunkt {evse} hat keine gemerkte Störung",
    "EVSE {evse}: {cause}. Repair it first, then clear the fault": (
        "Ladepunkt {evse}: {cause}. Erst reparieren, dann die Störung löschen"
    ),
    "EVSE {evse} is in use: wait until nobody charges there": (
        "Ladepunkt {evse} ist in Benutzung: warten, bis dort niemand lädt"
    ),
    "EVSE {evse} is charging: wait until it has ended, or end it first": (
        "Ladepunkt {evse} lädt: warten oder den Ladevorgang erst beenden"
    ),
    "EVSE {evse} is charging: wait until it has ended, nothing was changed": (
        "Ladepunkt {evse} lädt: das Ende abwarten, nichts wurde geändert"
    ),
    "EVSE {evse}: the meter does not answer": "Ladepunkt {evse}: der Zähler antwortet nicht",
    "{program} can't be run: {reason}": "{program} lässt sich nicht ausführen: {reason}",
    "{program} did not end within {seconds} s": "{program} war nach {seconds} s nicht fertig",
    "{program} failed with exit status {status}": "{program} endete mit Fehler {status}",
    "this station has no modem: uplink.bearer is host": "diese Station hat kein Modem: uplink.bearer ist host",
    "this card is not in the local list": "diese Karte steht nicht in der örtlichen Liste",
    "there is no EVSE {number}; there are: {numbers}": "es gibt keinen Ladepunkt {number}; es gibt: {numbers}",
    "{who} did not answer in time: try again": "{who} hat nicht rechtzeitig geantwortet: noch einmal versuchen",
    "the modem": "das Modem",
    "the meter": "der Zähler",
    "there is no key {name}: keys lists them": "es gibt keinen Schlüssel {name}: `schlüssel` zeigt alle",
    "{name} can't become {value}: it is read-only or out of range, keys tells": (
        "{name} kann nicht {value} werden: nur lesbar oder außerhalb des Bereichs, siehe `schlüssel`"
    ),
    "{name} must be a whole number from {low} to {high}": "{name} muss eine ganze Zahl von {low} bis {high} sein",
    "{name} must be a text": "{name} muss ein Text sein",
    "token: {error}": "Karte: {error}",
    "there is no operation {name}; there are: {names}": "es gibt keinen Dienst {name}; es gibt: {names}",
    "a request is one line of JSON: {error}": "eine Anfrage ist eine Zeile JSON: {error}",
    'write a request as {"id": 1, "do": "status", "with": {}}': (
        'eine Anfrage lautet {"id": 1, "do": "status", "with": {}}'
    ),
    # journal and files
    "the journal can't be used: {error}. Is the disk full?": (
        "das Journal ist nicht zu gebrauchen: {error}. Ist der Speicher voll?"
    ),
    "the journal can't be used now: {reason} ({error})": (
        "das Journal ist jetzt nicht zu gebrauchen: {reason} ({error})"
    ),
    "the journal is damaged ({error}): what can be read is saved at the next start": (
        "das Journal ist beschädigt ({error}): der nächste Start rettet, was lesbar ist"
    ),
    (
        "the rest of transaction {key} was delivered without its begin: sent now, that would begin another one that "
        "never ends. Let the operator enter it by hand"
    ): (
        "der Rest des Vorgangs {key} wurde ohne seinen Beginn zugestellt: jetzt gesendet begänne ein neuer, der nie "
        "endet. Der Betreiber muss ihn von Hand eintragen"
    ),
    "there is no journal {path} yet: has the agent run with this configuration?": (
        "es gibt noch kein Journal {path}: lief das Stationsprogramm schon mit dieser Konfiguration?"
    ),
    "can't read the journal {path}: {error}": "das Journal {path} ist nicht lesbar: {error}",
    "can't use the journal {path}: {error}": "das Journal {path} ist nicht zu gebrauchen: {error}",
    "can't write the journal {path}: {error}": "das Journal {path} ist nicht beschreibbar: {error}",
    "there is no {path} yet: has the agent run with this configuration?": (
        "es gibt noch kein {path}: lief das Stationsprogramm schon mit dieser Konfiguration?"
    ),
    "can't read {path}: {error}": "{path} ist nicht lesbar: {error}",
    "can't write {path}: {error}": "{path} ist nicht beschreibbar: {error}",
    "{path} is not a journal of this program: set journal.path to another file": (
        "{path} ist kein Journal dieses Programms: journal.path auf eine andere Datei setzen"
    ),
    (
        "journal {path}: {error}. Is the disk full or the file damaged? Keep the file: it holds what has not been "
        "billed yet"
    ): (
        "Journal {path}: {error}. Speicher voll oder Datei beschädigt? Datei aufheben: sie enthält noch nicht "
        "Abgerechnetes"
    ),
    "can't write beside the journal {path}: {error}. Set journal.path": (
        "neben dem Journal {path} kann nicht geschrieben werden: {error}. journal.path setzen"
    ),
    "the journal {path} is in use by another agent: stop that one first": (
        "das Journal {path} benutzt schon ein anderes Stationsprogramm: dieses erst anhalten"
    ),
    (
        "journal {path} was written by a newer program (schema {found}, this one knows {known}): give that "
        "version back with `emops-station update rollback`"
    ): (
        "Journal {path} schrieb ein neueres Programm (Schema {found}, dieses kennt {known}): jene Version mit "
        "`emops-station update rollback` zurückholen"
    ),
    (
        "this needs the devices for itself, but {reason}. systemctl stop emops-station stops the agent (a running "
        "transaction goes on when it starts again)"
    ): (
        "dies braucht die Geräte für sich, aber {reason}. systemctl stop emops-station hält das Stationsprogramm an"
        " (ein laufender Ladevorgang geht nach dem Start weiter)"
    ),
    # central system
    "connected": "verbunden",
    "connected, not accepted yet": "verbunden, aber noch nicht angenommen",
    "not connected: {reason}": "nicht verbunden ({reason})",
    "not tried yet": "noch nicht versucht",
    "the central system rejected BootNotification": (
        "die Zentrale weist diese Station ab (BootNotification): ist sie dort angelegt?"
    ),
    "the central system closed the connection": "die Zentrale hat die Verbindung geschlossen",
    "the central system does not speak {protocol}: check csms.url and csms.version": (
        "die Zentrale spricht nicht {protocol}: csms.url und csms.version prüfen"
    ),
    "the central system refuses with HTTP {status}: {hint}": "die Zentrale lehnt ab mit HTTP {status}: {hint}",
    "check csms.password and identity.charge_point_id": "csms.password und identity.charge_point_id prüfen",
    "it does not know this charge point, or csms.url is wrong": (
        "sie kennt diese Station nicht, oder csms.url ist falsch"
    ),
    "it may be overloaded or starting": "sie ist vielleicht überlastet oder startet gerade",
    "no WebSocket at {url}: {reason}": "keine WebSocket-Verbindung zu {url}: {reason}",
    "no answer to a ping in {seconds} s": "keine Antwort auf einen Ping in {seconds} s",
    "no reply to {action} in {seconds} s": "keine Antwort auf {action} in {seconds} s",
    "connection lost: {reason}": "Verbindung verloren: {reason}",
    "nothing could be sent for {seconds} s": "{seconds} s lang ließ sich nichts senden",
    "{address} can't be reached: {reason}": "{address} ist nicht erreichbar: {reason}",
    "waits with its transaction, which is parked": "wartet mit seinem Ladevorgang, der abgelehnt ist",
    "the start of its transaction was refused for good": "der Beginn dieses Ladevorgangs wurde endgültig abgelehnt",
    "the answer has no transactionId": "die Antwort hat keine transactionId",
    "refused {attempts} times, last: {reason}": "{attempts}-mal abgelehnt, zuletzt: {reason}",
    # tools
    "the console needs a terminal; name a serial port with --port, and for scripts use `status --json`": (
        "die Konsole braucht ein Terminal; serielle Schnittstelle mit --port nennen, für Skripte `status --json`"
    ),
    "the input ended before all was asked": "die Eingabe endete, bevor alles gefragt war",
    "which report? commission verify FILE": "welches Protokoll? commission verify DATEI",
    "{file} is signed with another key: {signer}": "{file} ist mit einem anderen Schlüssel signiert: {signer}",
    "{file} is no commissioning report": "{file} ist kein Inbetriebnahmeprotokoll",
    "{file} was changed after it had been signed: don't trust it": (
        "{file} wurde nach dem Signieren verändert: nicht vertrauen"
    ),
    "can't write {file}: {reason}. Name another folder with --out": (
        "{file} ist nicht beschreibbar: {reason}. Anderen Ordner mit --out nennen"
    ),
    "{typed} is no reading: type the digits of the display, for instance 4711.1": (
        "{typed} ist kein Zählerstand: die Ziffern der Anzeige eintippen, zum Beispiel 4711,1"
    ),
    "can't read {path}: {error}. Delete it to begin the commissioning anew": (
        "{path} ist nicht lesbar: {error}. Löschen, um die Inbetriebnahme neu zu beginnen"
    ),
    "there is no EVSE {number} in the configuration: it has {count}": (
        "es gibt keinen Ladepunkt {number} in der Konfiguration: sie hat {count}"
    ),
    "the meter {meter} of EVSE {number} has no register table": (
        "der Zähler {meter} von Ladepunkt {number} hat keine Registertabelle"
    ),
    "this terminal can't carry files: use a USB stick, or the serial console": (
        "dieses Terminal kann keine Dateien übertragen: USB-Stick oder die serielle Konsole nehmen"
    ),
    "no stick was chosen": "kein Stick gewählt",
    "there is no stick: plug one in, mount it, and try again": (
        "kein Stick da: einstecken, einhängen, noch einmal versuchen"
    ),
    "that is too much for QR codes: {count} of them, at most {most} make sense": (
        "das ist zu viel für QR-Codes: {count} Stück, höchstens {most} sind sinnvoll"
    ),
    "codes are missing: {missing} of {total}": "es fehlen Codes: {missing} von {total}",
    "{code} is no code of a station": "{code} ist kein Code einer Station",
    "these codes are of two different sets": "diese Codes gehören zu zwei verschiedenen Sätzen",
    "the codes are damaged: scan them again": "die Codes sind beschädigt: neu einlesen",
    "no key for updates is configured: set update.key to the maker's public key": (
        "kein Schlüssel für Updates eingestellt: update.key auf den öffentlichen Schlüssel des Herstellers setzen"
    ),
    "the signature is not that of update.key: the file is damaged, or from somebody else": (
        "die Signatur passt nicht zu update.key: die Datei ist beschädigt oder von jemand anderem"
    ),
    "the release holds {count} wheels of {package}: exactly one belongs there": (
        "das Update enthält {count} Wheels von {package}: genau eines gehört hinein"
    ),
    "the release is no tar file: {error}": "das Update ist keine tar-Datei: {error}",
    "the .sig file holds neither 64 bytes nor their base64": "die .sig-Datei enthält weder 64 Byte noch deren Base64",
    "the release holds {name}: only wheels belong there": "das Update enthält {name}: nur Wheels gehören hinein",
    "the release is larger than {size} MiB": "das Update ist größer als {size} MiB",
    "no modem is configured": "kein Modem eingestellt",
    "{path} holds no Ed25519 key: move it away, then a new one is made": (
        "{path} enthält keinen Ed25519-Schlüssel: wegräumen, dann wird ein neuer gemacht"
    ),
    "the public key is of another kind than Ed25519": "der öffentliche Schlüssel ist kein Ed25519-Schlüssel",
    "can't use the signing key {path}: {error}. Are you allowed to read it?": (
        "der Signaturschlüssel {path} ist nicht zu gebrauchen: {error}. Ist er für diesen Benutzer lesbar?"
    ),
    "{key}... is no public key: give the base64 line that openssl pkey -pubout prints": (
        "{key}... ist kein öffentlicher Schlüssel: die Base64-Zeile von openssl pkey -pubout angeben"
    ),
    "the transfer failed: {reason}": "die Übertragung ist misslungen: {reason}",
    "the agent did not answer within {seconds} s": "das Stationsprogramm hat in {seconds} s nicht geantwortet",
    "there is no version before: {path} is empty": "es gibt keine frühere Version: {path} ist leer",
    "{what} failed: {reason}": "{what} misslungen: {reason}",
    "the version in {slot} does not run, the one before is in force again: {reason}": (
        "die Version in {slot} läuft nicht, die vorige gilt wieder: {reason}"
    ),
    "can't switch {path}: {reason}": "{path} ist nicht umzuschalten: {reason}",
    "can't make room in {slot}: {reason}. Are you root?": (
        "in {slot} ist kein Platz zu schaffen: {reason}. Bist du root?"
    ),
    "{what} failed: {program}: {reason}": "{what} misslungen: {program}: {reason}",
    "{what} took longer than {seconds} s": "{what} dauerte länger als {seconds} s",
}

SYSTEM = {
    "No such file or directory": "nicht vorhanden",
    "No such device": "kein solches Gerät",
    "Permission denied": "Zugriff verweigert",
    "Read-only file system": "Dateisystem nur lesbar",
    "No space left on device": "Speicher voll",
    "Input/output error": "Ein-/Ausgabefehler",
    "Connection refused": "dort nimmt niemand Verbindungen an",
    "Connection reset by peer": "von der Gegenseite abgebrochen",
    "Connection timed out": "keine Antwort in der Zeit",
    "No route to host": "kein Weg dorthin",
    "Network is unreachable": "kein Netz",
    "Name or service not known": "Name unbekannt (DNS)",
    "Temporary failure in name resolution": "Name jetzt nicht auflösbar (DNS)",
    "no answer in time": "keine Antwort in der Zeit",
    "timed out during opening handshake": "keine Antwort in der Zeit",
    "did not receive a valid HTTP response": "keine gültige HTTP-Antwort",
    "no close frame received or sent": "ohne Abmeldung abgebrochen",
    "blocked": "gesperrt",
    "expired": "abgelaufen",
    "invalid": "unbekannt",
    "Blocked": "gesperrt",
    "Expired": "abgelaufen",
    "Invalid": "unbekannt",
    "ConcurrentTx": "mit der Karte wird schon geladen",
}
"""Words of the operating system, of libraries and of OCPP 1.6 (§7.2), as they stand behind our own."""
