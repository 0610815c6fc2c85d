"""Whatever was stored is only ever text: nothing that was said, and no name, does anything on any page."""

from __future__ import annotations

import json

import pytest

from gateway.deadletters import DeadLetter
from tests.admin.dashboard import showcase
from tests.browser.hostile import HACKED, HOSTILE, HUGE
from tests.browser.house import House
from tests.browser.past import MAX_NAME_CHARS, TENANT
from tests.browser.window import Window
from tests.periods import NOW, call, facts, memory, signal

LIST = f"/accrue/ui/memories?tenant={TENANT}"
OTHER_LISTS = (f"/accrue/ui/lessons?tenant={TENANT}", f"/accrue/ui/users?tenant={TENANT}")
ASIDE = ("/accrue/ui/lesson?", "/accrue/ui/user?")
EACH = 5
"""Of the pages that these lists lead to one of so many is looked at; the lists have all names and words."""

LOOK = """
return {
  links: [...document.querySelectorAll("main a[href], nav a[href]")].map(one => one.href),
  hacked: window.hacked, scripts: document.scripts.length, forms: document.forms.length > 0,
  origin: location.origin, shown: getComputedStyle(document.body).display !== "none",
};
"""
TEXTS = "return [...document.querySelectorAll(arguments[0])].map(one => one.textContent)"


def links_of_inert(operator: Window, origin: str) -> list[str]:
    """Where the page leads, when nothing ran on it and nothing was added to it; what its console says is kept."""
    seen = operator.script(LOOK)
    links = seen.pop("links")
    expected = {"hacked": None, "scripts": 1, "forms": True, "origin": origin, "shown": True}
    assert (operator.path, seen) == (operator.path, expected)
    assert [link for link in links if not link.startswith(f"{origin}/accrue/")] == []
    return [link.removeprefix(origin).partition("#")[0] for link in links]


def test_there_are_as_many_hostile_texts_as_were_promised() -> None:
    assert len(HOSTILE) >= 150


def test_the_test_would_notice_a_script_that_runs(operator: Window, house: House) -> None:
    operator.script(HACKED)
    with pytest.raises(AssertionError):
        links_of_inert(operator, house.origin)


def test_no_stored_text_does_anything_on_any_page_that_links_lead_to(operator: Window, house: House) -> None:
    waiting, seen = [LIST, "/accrue/"], set[str]()
    while waiting:
        path = waiting.pop()
        if path not in seen and not path.startswith(ASIDE):
            seen.add(path)
            operator.open(path)
            waiting += links_of_inert(operator, house.origin)
    assert operator.complaints() == []
    assert len(seen) > len(HOSTILE)


@pytest.mark.parametrize("path", OTHER_LISTS)
def test_lessons_and_users_of_such_names_are_inert_too(operator: Window, house: House, path: str) -> None:
    links, names = list[str](), list[str]()
    while path:
        operator.open(path)
        names += operator.script(TEXTS, ".list tbody th a bdi")
        links += operator.script("return [...document.querySelectorAll('.list tbody th a')].map(one => one.href)")
        path = next((link for link in links_of_inert(operator, house.origin) if "place=" in link), "")
    assert {text[:MAX_NAME_CHARS] for text in names} == {text[:MAX_NAME_CHARS] for text in HOSTILE}
    for link in links[::EACH]:
        operator.open(link.removeprefix(house.origin))
        links_of_inert(operator, house.origin)
    assert operator.complaints() == []


def test_a_call_to_rehearse_may_say_anything(operator: Window, house: House) -> None:
    operator.open("/accrue/ui/policies")
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": text} for text in HOSTILE]})
    operator.script("document.querySelector('#body').value = arguments[0]", body)
    operator.script("document.querySelector('#user').value = arguments[0]", HOSTILE[0])
    operator.script("document.querySelector('#tenant').value = arguments[0]", TENANT)
    operator.send("Try it")
    links_of_inert(operator, house.origin)
    (sent,) = operator.script(TEXTS, "#body-upstream")
    assert [one["content"] for one in json.loads(sent)["messages"]][:-1] == list(HOSTILE[:-1])
    assert len(operator.script(TEXTS, "mark")) == 1
    assert operator.complaints() == []


def test_memories_and_names_are_read_as_they_were_stored(operator: Window, house: House) -> None:
    texts, names = list[str](), list[str]()
    path = LIST
    while path:
        operator.open(path)
        texts += operator.script(TEXTS, ".list tbody th bdi")
        names += operator.script(TEXTS, ".list tbody td bdi")
        path = next((link for link in links_of_inert(operator, house.origin) if "place=" in link), "")
    assert sorted(texts) == sorted(HOSTILE)
    assert sorted(names) == sorted(text[:MAX_NAME_CHARS] for text in HOSTILE)


def test_a_memory_s_page_tells_its_words_as_they_are(operator: Window) -> None:
    for number in (*range(0, len(HOSTILE), 8), *range(len(HOSTILE) - len(HUGE), len(HOSTILE))):
        operator.open(f"/accrue/ui/memory?id=m_9{number:03}")
        text = HOSTILE[number]
        assert operator.script(TEXTS, "#text") == [text]
        name = operator.script("return document.querySelector('[name=user]').defaultValue")
        assert name == text[:MAX_NAME_CHARS]
        assert operator.script(TEXTS, "#evidence ~ blockquote bdi") == [text]
        assert operator.script("return document.querySelector('textarea').defaultValue") == text


def _in_a_field(text: str) -> str:
    """A field has one line."""
    return text.replace("\r", "").replace("\n", "")


def test_figures_and_dead_letters_with_hostile_names_are_inert(operator: Window, house: House) -> None:
    held, before = house.letters.held, house.facts
    now = house.desk.clock.now()
    rules = [memory(f"m_{number}", text) for number, text in enumerate(HOSTILE)]
    kept = [signal("violated_constraint", "ex_1", at=now, is_good=True, key=rule.id) for rule in rules]
    seen = [signal(text, "ex_1", at=now) for text in HOSTILE]
    house.facts = lambda since, until: facts([(call("ex_1", at=now), [*kept, *seen])], memories=rules, until=until)
    house.letters.held = [DeadLetter(exchange=text, stage="unlearnt", reason=text, at=NOW) for text in HOSTILE]
    try:
        house.desk.clock.advance(60)
        for path in ("/accrue/?since=12w", "/accrue/ui/health"):
            operator.open(path)
            links_of_inert(operator, house.origin)
        assert operator.complaints() == []
        assert operator.script(TEXTS, "code.text bdi") == list(HOSTILE)
    finally:
        house.letters.held, house.facts = held, before
        house.desk.clock.advance(60)
    assert showcase.LETTERS[0] in house.letters.held


def test_hostile_words_in_a_search_are_words(operator: Window, house: House) -> None:
    operator.open(LIST)
    for text in HOSTILE[::12]:
        field = operator.one("#q")
        operator.script("arguments[0].value = arguments[1]; arguments[0].form.submit()", field, text)
        operator.wait("document.readyState === 'complete' && location.search.includes('q=')")
        links_of_inert(operator, house.origin)
        assert operator.script("return document.querySelector('#q').value") == _in_a_field(text)
    assert operator.complaints() == []
