"""gateway/telling.py, and the generic words of gateway/languages."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.languages.tables import TABLES
from gateway.telling import STEM_CHARS, mention_of, telling

LISTS = {code: sorted(table.generic) for code, table in TABLES.items()}


def is_met(question: str, text: str) -> bool:
    """Whether a text mentions anything telling of a question."""
    return mention_of(telling(question))(text)


@pytest.mark.parametrize(
    "text",
    [
        "I want to know how it works, and what you would do with all of them again.",
        "I’m sure you don’t know what we’ve said, and who's to say?",
        "Ich möchte wissen, warum das nicht so ist und was wir jetzt machen.",
        "¿Qué quiero saber hoy? Dime cómo hacer esto para mí, gracias.",
        "Je voudrais faire ça, mais pourquoi est-ce comme ça avec vous ? Merci.",
        "Dimmi perché non posso fare questo oggi con te, grazie.",
        "Waarom moet ik dit nu weer doen, en wat kan jij voor mij maken?",
        "Você pode fazer isto hoje, por que não posso? Obrigado.",
        "Can you GIVE me an EXAMPLE, please?",
        "",
        " \n?! 🙂 ...",
    ],
)
def test_what_anybody_may_say_of_anything_does_not_tell(text: str) -> None:
    assert telling(text) == frozenset()
    assert not is_met(text, text)


def test_what_it_is_about_tells() -> None:
    assert telling("I want to know how volcanoes form.") == {"volca", "form"}
    assert telling("Was darf mein Hund nicht fressen?") >= {"hund", "fress"}
    assert telling("¿Qué alergia tiene mi perro?") == {"alerg", "perro"}


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Which volcano is near?", "How volcanoes form"),
        ("What about my allergies?", "He is allergic to chicken."),
        ("May my dogs eat it?", "My dog Biscuit is allergic."),
        ("May my dog eat it?", "Dogs eat a lot."),
        ("Where is my dog's bowl?", "My dog Biscuit is allergic."),
        ("Where is mom’s bowl?", "My mom is coming."),
        ("Pourquoi l’allergie ?", "Une allergie au poulet."),
        ("BISCUIT?", "my dog biscuit"),
        ("Что любит моя собака?", "У меня есть собака Бисквит."),
        ("ما هي حساسية كلبي؟", "لديه حساسية من الدجاج"),
        ("मेरा कुत्ता क्या खाए?", "कुत्ता बीमार है"),
        ("ไก่แพ้", "ไก่แพ้ นม"),
        ("過敏?", "過敏"),
        ("알레르기 있나요?", "강아지 알레르기"),
    ],
)
def test_forms_of_a_word_meet_in_any_script(question: str, text: str) -> None:
    assert is_met(question, text)


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("How do volcanoes form?", "I want to know how it works."),
        ("Is the cat in?", "The education of children"),
        ("Where is the bus?", "But buried in the sand"),
        ("What is on the 5th?", "It costs 500 or 15."),
        ("Bill 123456?", "Invoice 1234567"),
        ("What of Q4?", "In Q41 and Q5."),
        ("что", "собака"),
    ],
)
def test_words_that_have_nothing_in_common_do_not_meet(question: str, text: str) -> None:
    assert not is_met(question, text)


@pytest.mark.parametrize(("question", "text"), [("Room 5?", "5"), ("In 2024?", "since 2024."), ("Q4?", "in Q4, 4%")])
def test_a_number_tells_whatever_its_length(question: str, text: str) -> None:
    assert is_met(question, text)
    assert telling("1234567 and 7") == {"1234567", "7"}


@pytest.mark.parametrize(
    "text",
    [
        "我的狗对鸡肉过敏",
        "犬は鶏肉アレルギーです",
        "개는 닭고기에 알레르기가 있다",
        "Моя собака любит рыбу",
        "Ο σκύλος μου",
        "كلبي لديه حساسية من الدجاج",
        "הכלב שלי אלרגי",
        "मेरे कुत्ते को चिकन से एलर्जी है",
        "สุนัขของฉันแพ้ไก่",
    ],
)
def test_scripts_without_a_list_still_tell(text: str) -> None:
    assert telling(text)
    assert is_met(text, text)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.text(max_size=12), max_size=6).map(" ".join))
def test_a_text_mentions_every_word_that_tells_in_it(text: str) -> None:
    words = " ".join(re.split(r"[\d_]+", text.lower()))
    for stem in telling(words):
        assert 2 <= len(stem) <= STEM_CHARS
        assert mention_of(frozenset({stem}))(words)


@pytest.mark.parametrize("name", sorted(LISTS))
def test_a_list_is_in_lower_case_and_none_of_its_words_tells(name: str) -> None:
    words = LISTS[name]
    assert len(words) > 50
    assert words == [word.lower() for word in words]
    assert not [word for word in words if telling(word)]
    assert unicodedata.is_normalized("NFC", " ".join(words))


def test_each_language_has_its_list() -> None:
    assert set(LISTS) == {"de", "en", "es", "fr", "it", "nl", "pt", "zh"}
