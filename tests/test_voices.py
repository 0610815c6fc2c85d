"""Whose words a question is after."""

from __future__ import annotations

import pytest

from gateway.memories import Memory
from gateway.voices import MAX_NAMES, is_personal, voice_asked


def said(speaker: str, *texts: str) -> list[Memory]:
    return [
        Memory(
            id=f"{speaker}{number}", kind="episode", text=text, key=text, origin="user", exchange="ex_1", session="s1",
            at=1.0, recorded_at=1.0, speaker=speaker,
        )
        for number, text in enumerate(texts)
    ]  # fmt: skip


def roles(question: str, *memories: Memory) -> str:
    """Whom the question is about, of the two; empty where it is anybody."""
    voice = voice_asked(question, memories)
    if voice is None:
        return ""
    (role,) = [one for one in ("user", "assistant") if voice(said(one, "anything")[0])]
    return role


def heard(question: str, memories: list[Memory]) -> list[str]:
    """The texts said by whom the question is about."""
    voice = voice_asked(question, memories)
    return [one.text for one in memories if voice is None or voice(one)]


@pytest.mark.parametrize("question", [
    "Where do I park?",
    "What's my sister called?",
    "Did we book the ferry?",
    "Can you tell me where I parked?",
    "Could you show me what I planned for Friday?",
    "Can you list my allergies?",
    "I’d like a plan for our garden.",
    "Wo parke ich?",
    "Kannst du mir sagen, wie meine Schwester heißt?",
    "Weißt du, was ich am Freitag vorhabe?",
    "Wem gehören unsere Fahrräder?",
    "¿Dónde aparco yo?",
    "¿Cómo se llama mi hermana?",
    "¿Puedes decirme qué me gusta comer?",
    "Où est-ce que je me gare ?",
    "Comment s’appelle ma sœur ?",
    "Où habitent mes parents ?",
    "Qu’est-ce qui m’énerve le plus ?",
    "我把车停在哪里？",
    "我们什么时候去旅行？",
    "你能告诉我我的狗叫什么吗？",
    "给我的狗买什么好？",
])  # fmt: skip
def test_a_question_about_the_user_is_answered_by_what_the_user_said(question: str) -> None:
    assert roles(question) == "user"


@pytest.mark.parametrize("question", [
    "What did you suggest for dinner?",
    "Which book have you told me about?",
    "You already mentioned a hotel to me.",
    "What was the recipe you gave me?",
    "What was your second idea for my garden?",
    "Which of your suggestions was the cheapest?",
    "What were you saying about my knee?",
    "Was hast du mir zum Abendessen vorgeschlagen?",
    "Welches Hotel haben Sie mir empfohlen?",
    "Was war dein Rat?",
    "¿Qué me recomendaste para cenar?",
    "¿Qué hotel me has sugerido?",
    "Que m'as-tu recommandé pour ce soir ?",
    "Quel hôtel vous m’avez conseillé ?",
    "Qu'est-ce que tu as dit ?",
    "你上次给我推荐了什么？",
    "你推荐的餐厅叫什么？",
    "你刚才说什么？",
])  # fmt: skip
def test_a_question_about_the_assistant_is_answered_by_what_the_assistant_said(question: str) -> None:
    assert roles(question) == "assistant"


@pytest.mark.parametrize("question", [
    "",
    "Write me a poem",
    "Tell us a joke!",
    "Give me three ideas for a birthday party.",
    "Show me how volcanoes form",
    "Explain the rules of chess.",
    "Translate this into German: the sea is calm.",
    "Can you recommend a good book?",
    "What do you suggest for a rainy day?",
    "What is your advice for a beginner?",
    "Can I boil an egg in the microwave?",
    "I wonder how deep the sea is.",
    "Schreib mir ein Gedicht",
    "Kannst du uns einen Witz erzählen?",
    "Was meinst du dazu?",
    "Hast du eine Idee für ein Fest?",
    "Was haben sie gestern gemacht?",
    "Escribe un poema",
    "¿Me puedes explicar las reglas del ajedrez?",
    "¿Qué pasó el mes pasado?",
    "Écris-moi un poème",
    "Peux-tu me traduire cette phrase ?",
    "Pouvez-vous m'expliquer les échecs ?",
    "Quels mots riment avec amour ?",
    "帮我写一首诗",
    "请告诉我海有多深",
    "你建议怎么做？",
    "鲸鱼有多大？",
])  # fmt: skip
def test_a_wish_or_a_question_about_the_world_is_after_nobodys_words(question: str) -> None:
    assert roles(question, *said("user", "Hello!", "The sea is deep."), *said("assistant", "Sure.")) == ""


@pytest.mark.parametrize(("greeting", "question"), [
    ("Hi Ann!", "What did Ann buy?"),
    ("Thanks, Ann.", "What is Ann's dog called?"),
    ("hey there Ann, how are you?", "Has Ann’s brother called?"),
    ("That sounds great, Ann!", "When does Ann leave?"),
    ("Hi Ann", "Why is Ann sad?"),
    ("Hello Mel!", "What does Melanie paint?"),
    ("Hello Melanie!", "What does Mel paint?"),
    ("Danke, Jürgen!", "Was hat Jürgen gekauft?"),
    ("Hallo Anna, wie geht es?", "Wohin fährt Anna?"),
    ("¡Hola Lucía!", "¿Qué compró Lucía?"),
    ("Bonjour Élodie !", "Où travaille Élodie ?"),
    ("谢谢，汤姆！", "汤姆买了什么？"),
    ("谢谢汤姆！", "汤姆买了什么？"),
    ("Hi 汤姆！", "汤姆的狗叫什么？"),
])  # fmt: skip
def test_who_is_greeted_by_a_name_is_the_other_one(greeting: str, question: str) -> None:
    assert roles(question, *said("user", greeting, "Nothing new.")) == "assistant"
    assert roles(question, *said("assistant", greeting, "Nothing new.")) == "user"


@pytest.mark.parametrize("text", [
    "Tom said that the sea is deep.",
    "I spoke with Tom, who is well.",
    "Say hi to Tom for me.",
    "Thanks for Tom.",
    "Tomorrow it rains, Tommy says so.",
    "Hi T! Thanks, T.",
    "hi tom!",
    "Hi CustomTom!",
    "Hi",
])  # fmt: skip
def test_who_is_only_spoken_of_has_no_voice(text: str) -> None:
    for speaker in ("user", "assistant"):
        assert roles("What did Tom say?", *said(speaker, text, "Tom")) == ""


def test_a_greeting_at_the_end_of_one_text_greets_nobody_in_the_next() -> None:
    assert roles("Where is Tom?", *said("user", "Hello", "Tom! He is here.", "so I said hi ", "Tom.")) == ""


def test_the_names_of_both_sides_or_of_neither_tell_nothing() -> None:
    talk = [*said("user", "Hi Ann!", "Bye, Ann!"), *said("assistant", "Hi Bob!")]
    assert roles("Did Ann meet Bob?", *talk) == ""
    assert roles("Did Ann meet Carl?", *talk) == "assistant"
    assert roles("Did Carl meet Dora?", *talk) == ""


def test_greetings_that_point_both_ways_must_agree_for_the_most_part() -> None:
    assert roles("Where is Ann?", *said("user", *["Hi Ann!"] * 4), *said("assistant", "Thanks, Ann.")) == "assistant"
    assert roles("Where is Ann?", *said("user", *["Hi Ann!"] * 3), *said("assistant", "Thanks, Ann.")) == ""
    assert roles("Where is Ann?", *said("assistant", *["Hi Ann!"] * 4), *said("user", "Thanks, Ann.")) == "user"


def test_turns_that_say_who_speaks_them_are_heard_by_name() -> None:
    talk = said("user", "Ann: I am off to Bern.", "Bob Lee: And I to Rome.", "汤姆：我去北京。", "We are all off.")
    assert heard("Where does Ann go?", talk) == ["Ann: I am off to Bern."]
    assert heard("Where does Bob go?", talk) == ["Bob Lee: And I to Rome."]
    assert heard("汤姆去哪里？", talk) == ["汤姆：我去北京。"]
    assert heard("Do Ann and Bob meet?", talk) == [one.text for one in talk]
    assert heard("Where does Carl go?", talk) == [one.text for one in talk]


def test_an_initial_before_a_turn_is_no_name() -> None:
    talk = said("user", "A: yes", "B: no")
    assert heard("What did Ann answer?", talk) == ["A: yes", "B: no"]


def test_a_question_full_of_names_is_after_nobody_in_particular() -> None:
    names = [f"Name{letter}" for letter in "abcdefghijklmnopqrstu"]
    greeted = said("user", *(f"Hi {name}!" for name in names))
    assert roles(" ".join(names[:MAX_NAMES]), *greeted) == "assistant"
    assert roles(" ".join(names[: MAX_NAMES + 1]), *greeted) == ""


@pytest.mark.parametrize(("question", "personal"), [
    ("Where do I park?", True),
    ("What did you suggest?", True),
    ("我把车停在哪里？", True),
    ("I park in the yard.", False),
    ("How deep is the sea?", False),
    ("Can you recommend a good book?", False),
    ("What did Ann say?", False),
])  # fmt: skip
def test_what_only_memory_can_answer_is_a_question_about_one_of_the_two(question: str, personal: bool) -> None:
    assert is_personal(question) is personal


@pytest.mark.parametrize("piece", [
    "Hi ", "Hi, ", ", Ann", "Ann ", "Aaaa", "A'", "A-’", "you ", "your ", "did you ", "du ", "du a ", "tu m'", "你给我",
    "你都", "我", "mes a", "tell ", "i would ", "Ann: ", "Ann Ann", "…", " ", "thank you there, ",
])  # fmt: skip
def test_hostile_texts_stay_quick(piece: str) -> None:
    """Quadratic work on these would take minutes."""
    memories = [*said("user", piece * 20_000), *said("assistant", piece * 20_000)]
    for question in ("What did Ann say?", piece * (2_000 // len(piece))):
        voice_asked(question, memories)
        is_personal(question)
