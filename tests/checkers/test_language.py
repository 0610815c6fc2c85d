"""gateway/checkers/language.py: told only where it is clear."""

from __future__ import annotations

import pytest

from tests.checkers.judged import understood, violation

INSTRUCTIONS = [
    "Answer only in German",
    "Always answer in French.",
    "Reply in German.",
    "Answer in Polish please.",
    "From now on, reply in German.",
    "Speak to me only in Spanish.",
    "Answer only in Dutch.",
    "Respond to me in Brazilian Portuguese, please.",
    "Answer me in German always, please.",
    "Please write in British English.",
    "Your answers should always be in Spanish.",
    "I want replies in Spanish.",
    "Only English, please.",
    "Answers in German, please.",
    "Everything you write must be in British English.",
    "Can you always reply in French from now on?",
    "Let’s always speak Italian.",
    "English only!",
    "Switch to English, please.",
    "Don't reply in English.",
    "Never switch to English.",
    "Please stop answering in English",
    "Answer in German, not in English.",
    "Answer in German instead of English.",
    "Antworte immer auf Deutsch.",
    "Bitte antworte mir nur auf Deutsch",
    "Ab jetzt bitte nur noch auf Englisch antworten.",
    "Responde siempre en español.",
    "Por favor, responde solo en inglés.",
    "Réponds toujours en français.",
    "Parle-moi uniquement en français.",
    "请用中文回答。",
    "以后都用英文回答",
    "Rispondi sempre in italiano.",
    "Speak Spanish with me.",
    "For the rest of this conversation, answer in Swedish.",
    "Always answer in French in this chat.",
    "Please use Japanese.",
    "Reply in Russian and be polite.",
]

GERMAN = "Der Zug nach Bern fährt um neun Uhr ab und ist nach zwei Stunden da, wenn nichts dazwischenkommt."
ENGLISH = "The train to Bern leaves at nine and it will be there in two hours if nothing comes in between."
FRENCH = "Le train pour Berne part à neuf heures et il sera là dans deux heures si tout va bien pour nous."
SPANISH = "El tren para Berna sale a las nueve y llega en dos horas si no pasa nada en el camino."
ITALIAN = "Il treno per Berna parte alle nove e arriva in due ore se non succede niente di strano nel viaggio."
DUTCH = "De trein naar Bern vertrekt om negen uur en is er over twee uur als er niets tussen komt."
PORTUGUESE = "O trem para Berna sai às nove e chega em duas horas se não acontecer nada no caminho até lá."
SWEDISH = "Tåget till Bern går klockan nio och är framme om två timmar om ingenting kommer emellan på vägen."
POLISH = "Pociąg do Berna odjeżdża o dziewiątej i będzie na miejscu za dwie godziny, jeśli nic się nie stanie."
RUSSIAN = "Поезд в Берн отправляется в девять часов и прибудет через два часа, если ничего не случится."
CHINESE = "开往伯尔尼的火车九点出发，如果没有意外的话，两个小时后就会到达那里。"
JAPANESE = "ベルン行きの列車は九時に出発し、何事もなければ二時間後に到着します。"

KEPT = [
    ("Answer only in German", GERMAN),
    ("Answer only in German", "OK."),
    ("Answer only in German", "Berlin, Paris, London, Rome, Madrid, Lisbon, Vienna, Prague."),
    ("Answer only in German", f"```\n{ENGLISH}\n```"),
    ("Answer only in German", "Der Satz lautet: ENGLISH"),
    ("Answer only in German", f"{GERMAN}\n\n> {ENGLISH}"),
    ("Answer only in German", f"{GERMAN} {ENGLISH}"),
    ("English only!", ENGLISH),
    ("English only!", "Yes."),
    ("Réponds toujours en français.", FRENCH),
    ("Responde siempre en español.", SPANISH),
    ("Rispondi sempre in italiano.", ITALIAN),
    ("Answer only in Dutch.", DUTCH),
    ("Respond to me in Brazilian Portuguese, please.", PORTUGUESE),
    ("For the rest of this conversation, answer in Swedish.", SWEDISH),
    ("For the rest of this conversation, answer in Swedish.", GERMAN),
    ("Answer in Polish please.", POLISH),
    ("Reply in Russian.", RUSSIAN),
    ("Reply in Ukrainian.", RUSSIAN),
    ("请用中文回答。", CHINESE),
    ("请用中文回答。", "请运行 Python 3.11 和 FastAPI，然后打开 localhost 上的 Swagger UI 页面查看。"),
    ("Please use Japanese.", JAPANESE),
    ("Never switch to English.", GERMAN),
    ("Never switch to English.", CHINESE),
    ("Don't speak Chinese.", JAPANESE),
    ("Responde siempre en español.", PORTUGUESE),  # too near to be told apart
]

BROKEN = [
    ("Answer only in German", ENGLISH, "The train to Bern leaves at nine and it will be there in two"),
    ("Answer only in German", FRENCH, "Le train pour Berne part à neuf heures et il sera là dans"),
    ("Answer only in German", DUTCH, "De trein naar Bern vertrekt om negen uur en is er over twee"),
    ("Answer only in German", CHINESE, CHINESE),
    ("English only!", GERMAN, "Der Zug nach Bern fährt um neun Uhr ab und ist nach zwei"),
    ("English only!", SPANISH, "El tren para Berna sale a las nueve y llega en dos horas si"),
    ("English only!", RUSSIAN, "Поезд в Берн отправляется в девять часов и прибудет через"),
    ("Rispondi sempre in italiano.", SPANISH, "El tren para Berna sale a las nueve y llega en dos horas si"),
    ("Réponds toujours en français.", ENGLISH, "The train to Bern leaves at nine and it will be there in two"),
    (
        "For the rest of this conversation, answer in Swedish.",
        ENGLISH,
        "The train to Bern leaves at nine and it will be there in two",
    ),
    ("Answer in Polish please.", RUSSIAN, "Поезд в Берн отправляется в девять часов и прибудет через"),
    ("请用中文回答。", ENGLISH, "The train to Bern leaves at nine and it will be there in two"),
    ("请用中文回答。", JAPANESE, JAPANESE),
    ("Please use Japanese.", CHINESE, CHINESE),
    ("Reply in Russian.", ENGLISH, "The train to Bern leaves at nine and it will be there in two"),
    ("Never switch to English.", ENGLISH, "The train to Bern leaves at nine and it will be there in two"),
    ("Don't speak Chinese.", CHINESE, CHINESE),
    ("Never speak Russian.", RUSSIAN, "Поезд в Берн отправляется в девять часов и прибудет через"),
]


@pytest.mark.parametrize("instruction", INSTRUCTIONS)
def test_an_instruction_is_understood_however_it_is_said(instruction: str) -> None:
    assert set(understood(instruction)) == {"language"}


@pytest.mark.parametrize(("instruction", "answer"), KEPT)
def test_an_answer_that_keeps_it_passes(instruction: str, answer: str) -> None:
    assert violation(instruction, answer) is None


@pytest.mark.parametrize(("instruction", "answer", "words"), BROKEN)
def test_an_answer_that_breaks_it_is_told_by_its_words(instruction: str, answer: str, words: str) -> None:
    assert violation(instruction, answer) == words
