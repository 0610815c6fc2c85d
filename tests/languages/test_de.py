"""German: what is stated, what only sounds like it, and what is taken back."""

from __future__ import annotations

import pytest

from gateway.kinds.sentences import is_off_the_record
from tests.stated import ended, kinds_of, stated

STATED = [
    ("fact", "Unsere Rechnungen haben immer eine Nummer."),
    ("constraint", "Fass keine Ordner an, die dir nicht gehören."),
    ("constraint", "Nicht mehr als fünf Punkte pro Antwort."),
    ("constraint", "Wir schreiben Kundschaft, nie Kunden."),
    ("constraint", "Antworte immer auf Deutsch."),
    ("constraint", "Bitte verwende nie Emojis."),
    ("constraint", "Benutze niemals Abkürzungen in deinen Antworten."),
    ("constraint", "Ab jetzt bitte nur noch metrische Einheiten."),
    ("constraint", "Von nun an schreib mir auf Englisch."),
    ("constraint", "Künftig bitte alle Preise in Euro angeben."),
    ("constraint", "Antworte auf Deutsch."),
    ("constraint", "Sprich bitte Deutsch mit mir."),
    ("constraint", "Antworten Sie mir bitte auf Englisch."),
    ("constraint", "Du sollst immer Quellen angeben."),
    ("constraint", "Sie dürfen niemals meine Adresse nennen."),
    ("constraint", "Ich möchte, dass du immer zuerst fragst."),
    ("constraint", "Keine Emojis mehr."),
    ("constraint", "Keine Emojis, bitte."),
    ("constraint", "Bitte keine Aufzählungen mehr verwenden."),
    ("constraint", "Verwende keine Fachbegriffe."),
    ("constraint", "Schlag keine Fleischgerichte vor."),
    ("constraint", "Hör auf, dich zu entschuldigen."),
    ("constraint", "Halte deine Antworten kurz."),
    ("constraint", "Alle Antworten sollen eine Quelle haben."),
    ("constraint", "Füge in jede Datei einen Kommentar ein."),
    ("constraint", "Wenn ich nach Rezepten frage, lass immer die Nüsse weg."),
    ("constraint", "Duze mich bitte."),
    ("constraint", "Nie vor 9 Uhr Termine vorschlagen."),
    ("constraint", "Kannst du bitte immer auf Deutsch antworten?"),
    ("constraint", "Nimm jetzt Tabs statt Leerzeichen."),
    ("constraint", "Wichtig: nie auf main pushen!"),
    ("constraint", "Denk daran, immer die Tests auszuführen."),
    ("preference", "Ich mag keine Pilze."),
    ("preference", "Ich hasse Koriander."),
    ("preference", "Ich liebe Wandern in den Alpen."),
    ("preference", "Ich trinke lieber Tee als Kaffee."),
    ("preference", "Ich esse gern scharf."),
    ("preference", "Meine Lieblingsfarbe ist Grün."),
    ("preference", "Nenn mich Max."),
    ("preference", "Du kannst mich Anni nennen."),
    ("preference", "Ich bin kein Fan von Horrorfilmen."),
    ("preference", "Ich kann laute Hotels nicht ausstehen."),
    ("fact", "Ich wohne in Leipzig."),
    ("fact", "Hallo, ich lebe seit Mai nahe Köln, ich wohne in Hürth."),
    ("fact", "Ich bin nach Hamburg gezogen."),
    ("fact", "Ich arbeite als Krankenpfleger."),
    ("fact", "Ich bin Lehrerin."),
    ("fact", "Ich bin Vegetarier."),
    ("fact", "Ich bin allergisch gegen Nüsse."),
    ("fact", "Ich habe eine Laktoseintoleranz."),
    ("fact", "Ich esse kein Schweinefleisch."),
    ("fact", "Ich habe zwei Kinder."),
    ("fact", "Ich heiße Jana."),
    ("fact", "Mein Name ist Jörg Müller."),
    ("fact", "Ich bin 34 Jahre alt."),
    ("fact", "Mein Geburtstag ist am 3. Mai."),
    ("fact", "Meine Frau heißt Eva."),
    ("fact", "Mein Hund ist allergisch gegen Huhn."),
    ("fact", "Ich nutze Linux."),
    ("fact", "Wir verwenden Postgres."),
    ("fact", "Ich bin von vim auf emacs umgestiegen."),
    ("fact", "Ich spreche Spanisch."),
    ("fact", "Ich bin nicht mehr vegan."),
    ("fact", "Meine Zeitzone ist MEZ."),
    ("constraint", "Beende jede Nachricht mit einem Zitat."),
    ("constraint", "Wenn ich nach Medikamenten frage, nenne die Nebenwirkungen."),
    ("constraint", "Jedes Mal, wenn du Zahlen nennst, gib die Quelle an."),
    ("constraint", "Wenn du dir nicht sicher bist, sag es."),
    ("constraint", "Im Zweifel frag mich."),
    ("constraint", "Funktionen müssen Typen haben."),
    ("constraint", "Verwende keine Anglizismen in allem, was du für mich schreibst."),
    ("constraint", "Es wäre schön, wenn du jede Antwort mit einem Fazit beendest."),
    ("constraint", "Verwende nie das Wort Synergie."),
    ("constraint", "Deine Antworten sollen kurz sein."),
    ("constraint", "Nenne die Quelle, wenn du eine Zahl nennst."),
    ("constraint", "Frag mich vorher, bevor du Dateien löschst."),
    ("constraint", "Ich will keine Emojis in deinen Antworten."),
    ("constraint", "Sprich mit mir wie mit einem Kollegen."),
    ("constraint", "In diesem Projekt nutze pnpm."),
    ("constraint", "Imer auf Deutsch antworten."),
    ("constraint", "Rot und Grün kann ich kaum trennen, also verwende sie nie."),
    ("fact", "Mein Hausarzt ist Dr. Lehmann."),
    ("fact", "Unser Hauptbranch heißt trunk."),
    ("fact", "Mein Spind ist Nummer 17."),
    ("fact", "Ich bin ein Morgenmensch."),
    ("fact", "Wir deployen mit Jenkins."),
    ("fact", "Meine Tochter Lea geht in die dritte Klasse."),
    ("fact", "Unsere Firma heißt Kestrel."),
    ("fact", "Wir sind ein Team von sieben Leuten."),
]

NOTHING = [
    "Warum stürzt es immer ab?",
    "Sag mir, warum das nie klappt.",
    "Ich komme immer zu spät.",
    "Er antwortet nie auf Deutsch.",
    "Das hat nie funktioniert.",
    "Immer noch derselbe Fehler.",
    "Immer gern!",
    "Schreib ein Gedicht über das Meer.",
    "Antworte diesmal auf Englisch.",
    "Verwende hier keine Tabs.",
    "Keine Ahnung, bitte hilf mir.",
    "Keine Sorge, bitte weiter.",
    "Verwende ausnahmsweise immer Tabs.",
    "Ab heute wohnt mein Bruder hier.",
    "Soll ich immer Typen angeben?",
    "Übersetze das: Ich wohne in Rom. Antworte immer höflich.",
    "Fasse das bitte zusammen:\nAlle Besucher müssen sich anmelden. Niemals Türen offen lassen.",
    "Fasse das bitte zusammen:\nAlways wear a badge. Never share your password.",
    "Schreib eine Geschichte über einen Hund. Ich wohne in Rom. Ich liebe Katzen.",
    "Mein Chef sagt: Nie zu spät kommen.",
    "Liebe Frau Meier,\nich wohne in Rom.\nMit freundlichen Grüßen\nJo",
    "> Antworte immer auf Deutsch.",
    "Ich mag das.",
    "Ich liebe diese Idee.",
    "Ich hasse es, dich zu stören.",
    "Ich möchte einen Tisch.",
    "Ich würde gern ein Hotel buchen.",
    "Mag ich Koriander?",
    "Sie sagt, ich liebe Jazz.",
    "Mein Bruder mag Jazz.",
    "Ich bin müde.",
    "Ich bin am Bahnhof.",
    "Ich habe eine Frage.",
    "Ich habe zwei Möglichkeiten.",
    "Wenn ich in Rom wohne, zahle ich dort Steuern.",
    "Stell dir vor, ich wohne in Rom.",
    "Ich wohnte in Rom.",
    "Ich nutze das jeden Tag.",
    "Ich arbeite gerade an der Datei.",
    "Wie sagt man auf Italienisch: ich wohne in Rom?",
    "Ich lebe in Angst vor Fehlern.",
    "Ich sehe den Fehler nicht mehr.",
    "Merk dir das nicht, aber ich wohne in Rom.",
    "Unter uns: ich hasse meinen Chef.",
    "Wenn der Test fehlschlägt, repariere ihn.",
    "Wenn du fertig bist, committe.",
    "Wenn ich das schicke, antworte mir.",
    "Jedes Mal, wenn ich klicke, stürzt es ab.",
    "Die Funktion muss einen Wert liefern.",
    "Beende alle Prozesse.",
    "Alle Gäste müssen sich anmelden.",
    "Mein Problem ist Folgendes.",
    "Mein Code ist kaputt.",
    "Meine Frage ist einfach.",
    "Mein Akku ist bei 5%.",
    "Unser Test ist rot.",
    "Mein Flug ist um 9.",
    "Mein Passwort ist hunter2.",
    "Wir nutzen das oft.",
    "Ich liebe all die Farben.",
    "Wenn ich klicke, passiert nichts.",
    "Wir sind ein bisschen müde.",
]

ENDED = [
    ("Antworte immer auf Deutsch.", "Antworte ab jetzt auf Englisch."),
    ("Ich wohne in Leipzig.", "Ich bin nach Hamburg gezogen."),
    ("Nenn mich Max.", "Nenn mich bitte Dr. Moor."),
    ("Ich bin Vegetarier.", "Ich bin jetzt Veganer."),
    ("Halte deine Antworten kurz.", "Halte deine Antworten ab jetzt ausführlich, bitte immer."),
    ("Ich nutze vim.", "Ich bin von vim auf emacs umgestiegen."),
    ("Meine Lieblingsfarbe ist Grün.", "Meine Lieblingsfarbe ist Blau."),
    ("Ich arbeite als Koch.", "Ich bin Lehrerin."),
    ("Ich liebe Koriander.", "Ich hasse Koriander."),
    ("Verwende immer Semikolons.", "Verwende nie Semikolons."),
    ("Duze mich bitte.", "Bitte siezen."),
    ("Verwende nie Emojis.", "Du kannst wieder Emojis verwenden."),
    ("Keine Emojis, bitte.", "Emojis sind jetzt in Ordnung."),
    ("Du sollst immer Quellen angeben.", "Du musst keine Quellen mehr angeben."),
    ("Antworte immer auf Französisch.", "Du brauchst nicht mehr auf Französisch zu antworten."),
    ("Ich bin Veganer.", "Ich bin nicht mehr vegan."),
    ("Ich bin Veganer.", "Ich bin kein Veganer mehr."),
    ("Ich wohne in Leipzig.", "Ich wohne nicht mehr in Leipzig."),
    ("Ich esse kein Fleisch.", "Ich esse jetzt wieder Fleisch."),
    ("Ich mag Jazz.", "Vergiss, was ich über Jazz gesagt habe."),
    ("Verwende nie Semikolons.", "Ignoriere die Regel mit den Semikolons."),
    ("Verwende nie Emojis.", "Vergiss die Emoji-Regel."),
    ("Nimm ab jetzt immer requests.", "Nimm jetzt httpx statt requests."),
]

LEFT = [
    ("Verwende nie Emojis.", "Du kannst wieder Tabellen verwenden."),
    ("Ich bin Veganer.", "Meine Schwester ist nicht mehr vegan."),
    ("Ich wohne in Leipzig.", "Mein Bruder wohnt in Rom."),
    ("Antworte immer auf Deutsch.", "Antworte in diesem Chat auf Englisch."),
    ("Verwende nie Emojis.", "Verwende ausnahmsweise wieder Emojis."),
    ("Antworte immer auf Deutsch.", "Wenn es um die Arbeit geht, antworte immer auf Englisch."),
    ("Ich bin allergisch gegen Nüsse.", "Ich bin allergisch gegen Eier."),
    ("Verwende nie Emojis.", "Kannst du wieder Emojis verwenden?"),
    ("Ich wohne in Leipzig.", "Übersetze das: Ich wohne nicht mehr in Leipzig."),
    ("Ich liebe Koriander.", "Ich hasse Montage."),
    ("Du sollst immer Quellen angeben.", "Du musst nicht mehr schreien."),
    ("Verwende nie Semikolons.", "Du musst keine Semikolons mehr verwenden."),
    ("Ich bin Veganer.", "Ich bin mir nicht mehr sicher."),
]

OFF_THE_RECORD = [
    "Merk dir das nicht: meine PIN ist 1234.",
    "Das bleibt bitte unter uns.",
    "Vergiss, was ich gerade gesagt habe.",
    "Bitte das nicht speichern.",
]


@pytest.mark.parametrize(("kind", "text"), STATED)
def test_what_is_stated_is_kept(kind: str, text: str) -> None:
    assert kinds_of(text) == [kind]


@pytest.mark.parametrize("text", NOTHING)
def test_what_only_sounds_like_it_is_not_kept(text: str) -> None:
    assert kinds_of(text) == []


@pytest.mark.parametrize(("before", "message"), ENDED)
def test_what_is_replaced_or_taken_back_ends(before: str, message: str) -> None:
    assert set(ended(before, message)) == {stated(before)[0].text}


@pytest.mark.parametrize(("before", "message"), LEFT)
def test_in_doubt_nothing_ends(before: str, message: str) -> None:
    assert ended(before, message) == {}


@pytest.mark.parametrize("text", OFF_THE_RECORD)
def test_a_message_may_be_off_the_record(text: str) -> None:
    assert is_off_the_record(text)


def test_what_is_said_for_this_chat_holds_in_it() -> None:
    assert [memory.reach for memory in stated("Antworte in diesem Chat immer auf Deutsch.")] == ["session"]
    assert [memory.reach for memory in stated("Fass dich kurz. Nur Python benutzen.", is_first=True)] == ["session"] * 2


@pytest.mark.parametrize(
    "text", ["Antworte in diesem Chat nur mit ja oder nein.", "In diesem Gespräch bitte keine Emojis."]
)
def test_an_order_for_this_chat_needs_no_word_that_lasts(text: str) -> None:
    assert [(memory.kind, memory.reach) for memory in stated(text)] == [("constraint", "session")]
