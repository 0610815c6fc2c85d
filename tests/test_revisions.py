"""What a message ends of what was stated before it, and what it leaves alone."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.kinds.sentences import sentences
from gateway.memories import Memory
from gateway.revisions import bound, corrects, near_duplicate, revise
from gateway.types import Turn
from tests.stated import ended, stated

OVERTAKEN = [
    # settled anew
    ("Always answer in French.", "From now on, answer in German."),
    ("Answer in French.", "Please reply in English."),
    ("Always answer in German.", "Switch back to English, please."),
    ("Keep your answers short.", "I prefer detailed answers."),
    ("Keep answers under 100 words.", "Always answer in one sentence."),
    ("Never use emojis.", "Always add emojis to your replies."),
    ("Call me Max.", "Please call me Dr. Moore."),
    ("I live in Oslo.", "I live in Bergen now."),
    ("I live in Oslo.", "I just moved to Lisbon."),
    ("I moved to Madrid", "I live in Seville."),
    ("I work at Acme.", "I work for Globex now."),
    ("I work as a nurse.", "I'm a teacher."),
    ("I'm 34 years old.", "I'm 35 years old."),
    ("I'm vegetarian.", "I'm vegan now."),
    ("My favourite colour is green.", "My favorite color is blue."),
    ("My wife's name is Ana.", "My wife is called Eva."),
    ("I have two kids.", "I now have three kids."),
    ("I use vim.", "I switched to emacs."),
    ("I use a Mac", "I switched to Linux."),
    ("I'm called Fitz.", "My name is Sam."),
    ("Always use metric units.", "Use imperial units from now on."),
    ("Going forward, use tabs instead of spaces.", "Always indent with two spaces."),
    ("Use pnpm for everything, never npm.", "From now on use bun for everything."),
    ("My time zone is CET.", "My timezone is America/Bogota."),
    ("My pronouns are they/them.", "My pronouns are she/her."),
    ("My email is sam@example.org", "My email is s@example.com."),
    ("No bullet points, please.", "Always use bullet points."),
    ("I drive a Renault Zoe.", "I drive a Tesla now."),
    ("Please use the 24-hour clock at all times.", "Always use am/pm."),
    ("Always answer in French.", "Let's go back to English."),
    ("I work at Acme.", "I left Acme and joined Globex."),
    ("My boss is Petra.", "My new boss is Tom."),
    ("Always use British spelling.", "Switch to American spelling from now on."),
    # replaced
    ("Always use requests for HTTP.", "Now use httpx instead of requests."),
    ("We use Jira at work.", "We switched from Jira to Linear."),
    ("I mostly use Postgres.", "I switched from Postgres to DuckDB."),
    ("I love pop music.", "I love jazz now, not pop music."),
    ("I'm allergic to walnuts.", "Actually, I'm allergic to cashews, not walnuts."),
    ("Always write tests in unittest.", "From now on write tests in pytest instead of unittest."),
    # corrected
    ("I have a dog called Rex.", "Correction: I have a dog called Max."),
    ("I was born in 1984.", "Actually, I was born in 1985."),
    # the opposite
    ("I love cilantro.", "I hate cilantro."),
    ("I hate cilantro", "I really love cilantro!"),
    ("I'm allergic to peanuts.", "Turns out I'm not allergic to peanuts."),
    ("I hate mushrooms.", "I actually like mushrooms now."),
    ("I like horror films.", "I can't stand horror films."),
    ("Always use semicolons.", "Never use semicolons."),
    ("Never suggest hostels.", "Always suggest hostels."),
    ("I don't eat pork.", "I love pork."),
    ("Don't use abbreviations.", "Always use abbreviations."),
]

TAKEN_BACK = [
    ("Never use emojis.", "You can use emojis again."),
    ("Never use emojis.", "I don't mind emojis any more."),
    ('Never use the word "basically".', 'I don\'t mind "basically" now, it is okay again.'),
    ("No emojis please.", "you can use smileys again if you like"),
    ("Stop using emojis.", "It's okay to use emojis now."),
    ("Don't use emojis.", "Emojis are fine again."),
    ("Don't use emojis.", "emoticons are ok now"),
    ("Never suggest meat dishes.", "You can suggest meat dishes again."),
    ("Always answer in German.", "You can answer in English again."),
    ("Keep your answers short.", "You can give long answers again."),
    ("Always cite your sources.", "You don't have to cite sources any more."),
    ("Always cite your sources.", "You no longer need to cite sources"),
    ("Always answer in French.", "You don't need to answer in French anymore."),
    ("Always add a test.", "no need to add tests any more"),
    ("Always end with a joke.", "Stop ending with a joke."),
    ("Always call me Captain.", "You can stop calling me Captain."),
    ("I'm vegan.", "I'm not vegan any more."),
    ("I’m vegan.", "I’m no longer vegan."),
    ("I live in Oslo.", "I no longer live in Oslo."),
    ("I work at Acme.", "I don't work at Acme any more."),
    ("I use vim.", "I don't use vim anymore."),
    ("I don't eat meat.", "I eat meat again."),
    ("I never drink alcohol.", "I can drink alcohol again."),
    ("I'm allergic to peanuts.", "Forget what I said about peanuts."),
    ("Never mention my age.", "Forget the rule about my age."),
    ("Never use semicolons.", "Ignore the rule about semicolons."),
    ("Never use semicolons.", "Ignore my instruction about semicolons, please."),
    ("Always add a joke.", "Never mind the joke thing."),
    ("Never use emojis.", "drop the emoji rule"),
    ("Never use emojis.", "Scrap that emoji rule."),
    ("I love sushi.", "I don't like sushi anymore."),
    ("Always answer in French.", "Ignore what I said about French."),
    ("Use British spelling in all answers.", "Forget about my rule on British spelling"),
    ("I have asthma.", "I don't have asthma any more."),
    ("We use Jira at work.", "We no longer use Jira."),
    ("Never push to main.", "It's okay to push to main now."),
    ("Always answer in French.", "Please stop answering in French."),
]

LEFT = [
    # of another matter
    ("Never use emojis.", "You can use tables again."),
    ("I live in Oslo.", "I no longer live in fear."),
    ("Always answer in French.", "Never use semicolons."),
    ("I love cilantro.", "I hate coriander seeds."),
    ("I'm allergic to nuts.", "I'm allergic to eggs."),
    ("I speak Portuguese.", "I speak Mandarin."),
    ("I use vim.", "I use Postgres."),
    ("I use a Mac", "I use an iPhone."),
    ("My favourite colour is green.", "My favourite film is Alien."),
    ("My wife's name is Ana.", "My boss is called Eva."),
    ("Keep commit messages in the imperative.", "Keep your answers short."),
    ("I prefer tea to coffee", "I prefer trains to planes."),
    ("I have two kids.", "I have two dogs."),
    ("I love hiking in the Alps.", "I hate crowded beaches."),
    # of somebody else
    ("I'm vegan.", "My sister isn't vegan any more."),
    ("I'm vegan.", "My wife is vegetarian."),
    ("I live in Oslo.", "My sister lives in Rome."),
    ("I live in Oslo.", "My sister moved to Rome."),
    ("I love cilantro.", "My son hates cilantro."),
    ("I love my son's music.", "I hate music."),
    ("My sister is vegan.", "I'm not vegan any more."),
    ("I'm allergic to peanuts.", "Forget what I said about my son's peanut allergy."),
    ("My dog Biscuit is allergic to chicken.", "Forget my chicken rule."),
    ("I work at Acme.", "He doesn't work at Acme any more."),
    ("My name is Sam.", "My dog's name is Rex."),
    ("I use vim.", "They switched from vim to emacs."),
    # under a condition, for once, in this session
    ("Always answer in French.", "When I write about work, answer in English."),
    ("Always answer in French.", "Answer in English in this chat."),
    ("Never use emojis.", "Just this once you can use emojis again."),
    ("Never use emojis.", "Use emojis in this chat."),
    ("Never use emojis.", "You can use emojis again just this once."),
    ("Always use metric units.", "Use imperial units for this recipe."),
    ("Never use emojis.", "Always use emojis in commit messages."),
    ("Keep your answers short.", "A long answer this time, please."),
    # of the same mind
    ("Never use semicolons.", "You don't have to use semicolons any more."),
    ("Always cite your sources.", "You can cite sources again."),
    ("Going forward, use tabs instead of spaces.", "Going forward, use tabs instead of spaces."),
    # asked, quoted, handed over
    ("Never use emojis.", "Can you use emojis again?"),
    ("I'm vegan.", "Am I not vegan any more?"),
    ("I'm vegan.", 'Translate "I\'m not vegan any more" to French.'),
    ("I'm vegan.", "Translate this: I'm not vegan any more."),
    ("I live in Oslo.", "> I no longer live in Oslo."),
    ("I live in Oslo.", "Imagine I moved to Rome."),
    ("I live in Oslo.", "Write a story. I no longer live in Oslo."),
    # sounds like it
    ("Never use emojis.", "Never mind the gap."),
    ("Always answer in French.", "I no longer understand this."),
    ("Always answer in French.", "Forget it."),
    ("Always answer in French.", "never mind"),
    ("I'm vegan.", "I'm not sure any more."),
    ("Never use emojis.", "You can stop now."),
    ("Always cite your sources.", "You don't have to shout."),
    ("I love sushi.", "I ate sushi again."),
    ("Always add a test.", "The test is fine now."),
    ("I live in Oslo.", "Actually, what is the weather in Oslo?"),
    ("I live in Oslo.", "Don't remember this. I no longer live in Oslo."),
    ("I was born in Ghent.", "Correction: I speak Dutch."),
]


@pytest.mark.parametrize(("before", "message"), OVERTAKEN)
def test_what_holds_from_now_on_takes_the_place_of_what_held(before: str, message: str) -> None:
    assert ended(before, message) == {stated(before)[0].text: stated(message)[0].text}


@pytest.mark.parametrize(("before", "message"), TAKEN_BACK)
def test_what_is_taken_back_ends(before: str, message: str) -> None:
    assert set(ended(before, message)) == {stated(before)[0].text}


@pytest.mark.parametrize(("before", "message"), LEFT)
def test_in_doubt_nothing_ends(before: str, message: str) -> None:
    assert ended(before, message) == {}


RELEASED = [
    # the words of a rule, in other forms and another order
    ("Open each reply with a limerick, every time.", "You can stop with the limericks now, they were nice."),
    ("Always sign my mails with a salutation from the crew.", "no more salutations please, folks complained"),
    ("From now on explain every shell command word by word.", "forget the shell explanations, I got it"),
    ("Always ask for confirmation before deleting anything.", "The confirmations are no longer needed."),
    ("Always add a disclaimer about taxes.", "We've abolished the disclaimers about taxes."),
    ("Always add a disclaimer about taxes.", "You can leave the disclaimers out."),
    ("Always add a disclaimer about taxes.", "Spare me the disclaimers, ok?"),
    ("Always end with a joke.", "I've changed my mind about the jokes."),
    ("Always end with a joke.", "Ok, enough with the jokes."),
    ("Always end with a joke.", "There's no need for jokes, my boss reads along."),
    ("Always end with a joke.", "We don't need the jokes any more."),
    ("Always end with a joke.", "The joke at the end can go."),
    ("Never schedule calls before 11.", "Ignore my 11 o'clock limit, late calls are a pain."),
    ("Never schedule calls on Fridays.", "My Fridays got free, so Friday calls are fine again."),
    ("Call me Boss in every reply.", "Please stop calling me Boss, my team laughed."),
    ("Always end with a joke.", "No jokes any more, thanks."),
    ("Never mention poker.", "The poker ban is lifted."),
    ("Always end with a joke.", "I'm tired of the jokes, please drop them."),
    # by a sentence that only points at the one before
    ("Always ask me two riddles before you answer.", "The two riddles get on my nerves. Drop that."),
    ("Always ask me two riddles before you answer.", "Those riddles were fun at first. Please don't do that any more."),
    (
        "Always use German units in recipes.",
        "About those German units in recipes: it confuses guests. Undo that rule, please.",
    ),
    # in the other languages
    ("Schließe immer mit einem Gedicht.", "Lass die Gedichte bitte wieder, die sind mir zu viel."),
    ("Schließe immer mit einem Gedicht.", "Keine Gedichte mehr."),
    ("Schließe immer mit einem Gedicht.", "Die Gedichte sind nicht mehr nötig."),
    ("Schließe immer mit einem Gedicht.", "Schluss mit den Gedichten!"),
    ("Schließe immer mit einem Gedicht.", "Die Gedichte nerven. Lass das bitte."),
    ("Ajoute toujours une blague à la fin.", "Tu peux laisser tomber les blagues."),
    ("Ajoute toujours une blague à la fin.", "Arrête avec les blagues, merci."),
    ("Ajoute toujours une blague à la fin.", "Les blagues ne sont plus nécessaires."),
    ("Ajoute toujours une blague à la fin.", "J'ai changé d'avis sur les blagues."),
    ("Termina siempre con un poema.", "Deja ya los poemas."),
    ("Termina siempre con un poema.", "Basta de poemas, por favor."),
    ("Termina siempre con un poema.", "He cambiado de idea sobre los poemas."),
    ("Termina siempre con un poema.", "Los poemas ya no hacen falta."),
    ("每次回答都要附上一个成语。", "不用再加成语了，谢谢。"),
    ("每次回答都要附上一个成语。", "成语就不用了。"),
]

UPDATED = [
    ("Our standup is at 9.", "The standup moved to 10."),
    ("My flight is on Tuesday.", "fyi my flight is now on Thursday, they changed it."),
    ("The rent for the studio is 900 euros.", "They raised the rent for the studio to 950."),
    ("The venue is called Alte Mühle.", "The venue is now called Neue Mühle."),
    ("Our staging server is called heron.", "We renamed the staging server to osprey."),
    ("Our office hours are 8 to 4.", "New office hours as of Monday: 9 to 5."),
    ("The demo is on 4 July.", "The demo has slipped. It's the 18th now."),
    ("My desk is number 12.", "Oops, I mixed it up, my desk is number 21."),
    ("Tom says the train leaves at six.", "Actually the train leaves at seven."),
    ("My shoe width is E, I believe.", "I was wrong about my shoe width, the label says D."),
    ("Our services use snake_case.", "As of now our services use camelCase."),
    ("Our styleguide uses snake_case.", "The other team won: our styleguide uses camelCase as of now."),
    ("Das Budget für das Fest ist 300 Euro.", "Das Budget für das Fest wurde auf 250 Euro gekürzt."),
    ("Unser Training beginnt um 18 Uhr.", "Unser Training beginnt jetzt um 19 Uhr."),
    ("Mein Spind hat Nummer 14.", "Ich habe mich vertan, mein Spind hat Nummer 41."),
    ("Le budget du voyage est de 800 euros.", "Le budget du voyage est passé à 650 euros."),
    ("Notre réunion commence à 9 heures.", "Notre réunion commence désormais à 10 heures."),
    ("El presupuesto del viaje es de 800 euros.", "El presupuesto del viaje subió a 950 euros."),
    ("Nuestra reunión empieza a las 9.", "Nuestra reunión ahora empieza a las 10."),
    ("我们的预算是5000元。", "我们的预算改成6000元了。"),
    ("会议是3点。", "不好意思，我记错了，会议是4点。"),
]
"""Of ordinary talk, as its sentences are handed over, and what puts them right."""

KEPT = [
    ("The meeting room is called Fuji.", "Never mind, I found it."),
    ("Always name tables in the plural.", "drop the table users_old please"),
    ("Always ask before you stop the server.", "stop the server on port 80"),
    ("Always prepare an agenda for meetings.", "forget it, the meeting is cancelled"),
    ("Always prepare an agenda for meetings.", "The meeting is cancelled. Forget it."),
    ("Always number the lines of a poem.", "forget the line by line shell lessons"),
    ("Always end with a joke.", "Can you stop with the jokes?"),
    ("Always end with a joke.", 'Translate: "You can stop with the jokes."'),
    ("Always end with a joke.", "> You can stop with the jokes."),
    ("Always end with a joke.", "Please don't stop with the jokes."),
    ("Always end with a joke.", "I didn't say you can stop with the jokes."),
    ("Always end with a joke.", "No more jokes just this once."),
    ("Never add riddles.", "Stop with the riddles."),
    ("Never use emojis.", "No more emojis."),
    ("Always use emojis.", "You can use emojis again."),
    ("My sister's budget is 300 euros.", "My budget is now 500 euros."),
    ("My budget is 500 euros.", "My sister's budget is now 300 euros."),
    ("The party starts at six.", "Bram wrote that the party starts at eight."),
    ("Anna says the limit is 50.", "Raj says the limit is 100."),
    ("Our standup is at 9.", "Is the standup now at 10?"),
    ("Our standup is at 9.", "Imagine our standup is now at 10."),
    ("My rent is 900 euros.", "Since Monday my rent is due online."),
    ("My car is red.", "My car is now in the garage."),
    ("The rent for the studio is 900 euros.", "The rent for the garage is now 90 euros."),
    ("My locker is number 71.", "I've changed my mind about numbers."),
    ("Always explain code line by line.", "No more copyright lines, please."),
    ("The launch is on March 3.", "The launch is now in Berlin."),
    ("Our budget is 500 euros.", "Our standup is now at 10."),
    ("It was great to meet Lotte again!", "A lot happened since we last met: I joined the new choir at St Paul's."),
    ("Just the Dune series.", "There's a new series by Villeneuve coming out."),
    ("Moving was hard, but it was worth it.", "Moving has changed me, and now I go for the next thing."),
    ("Schließe immer mit einem Gedicht.", "Vergiss es, das Treffen fällt aus."),
    ("Schließe immer mit einem Gedicht.", "Keine Bilder mehr."),
    ("Schließe immer mit einem Gedicht.", "Soll ich die Gedichte lassen?"),
    ("Ajoute toujours une blague à la fin.", "Plus de photos, merci."),
    ("Ajoute toujours une blague à la fin.", "Laisse tomber, j'ai trouvé."),
    ("Termina siempre con un poema.", "Déjalo, ya lo encontré."),
    ("Termina siempre con un poema.", "Basta de fotos."),
    ("每次回答都要附上一个成语。", "不用再加图片了。"),
    ("每次回答都要附上一个成语。", "算了，我找到了。"),
]


def talked(text: str) -> list[Memory]:
    """What a user's message states, or else its sentences as those of ordinary talk are handed over."""
    (pattern,) = stated("I live in Oslo.")
    return stated(text) or [
        msgspec.structs.replace(pattern, id=f"ex_1/{number}", kind="episode", text=sentence, key=sentence, slot="")
        for number, sentence in enumerate(sentences(text))
    ]


def gone(before: str, message: str) -> set[str]:
    """What a message ends of what was said before."""
    held, turn = talked(before), Turn(role="user", text=message)
    fresh = stated(message, session="se_2")
    texts = {memory.id: memory.text for memory in held}
    assert texts, f"nothing is said in {before!r}"
    return {texts[old] for old in revise(turn, fresh, held, session="se_2")} if corrects(turn) or fresh else set()


@pytest.mark.parametrize(("before", "message"), RELEASED)
def test_a_rule_is_released_in_whatever_words(before: str, message: str) -> None:
    assert gone(before, message) == {before}


@pytest.mark.parametrize(("before", "message"), UPDATED)
def test_what_is_said_to_be_otherwise_ends_what_was_said(before: str, message: str) -> None:
    assert gone(before, message) == {before}


@pytest.mark.parametrize(("before", "message"), KEPT)
def test_what_only_sounds_like_it_ends_nothing(before: str, message: str) -> None:
    assert gone(before, message) == set()


def test_a_release_ends_the_rule_that_it_fits_best_unless_it_names_all() -> None:
    held = stated("Always cite poems by Rilke. Always print recipes beside poems by Heine.")
    assert len(held) == 2
    for message, ends in (
        ("You can stop with the poems by Heine.", held[1:]),
        ("You can stop with all the poems, Heine or not.", held),
    ):
        found = revise(Turn(role="user", text=message), [], held, session="se_2")
        assert set(found) == {memory.id for memory in ends}


def test_of_memories_that_are_as_near_small_words_decide() -> None:
    held = stated("Always write numbers as words. All commits need a ticket number in front.")
    assert len(held) == 2
    found = revise(Turn(role="user", text="I've changed my mind about numbers as words."), [], held, session="se_2")
    assert set(found) == {held[0].id}


def test_a_release_that_is_a_rule_itself_takes_its_place() -> None:
    assert ended("Always end with a joke.", "Never end with a joke again, no more jokes.") == {
        "Always end with a joke.": "Never end with a joke again, no more jokes."
    }


BOUND = [
    "In this chat answer with yes or no only.",
    "For the rest of this conversation, talk like a pirate.",
    "Only for this task: use Perl 4.",
    "Just this once leave the linter alone.",
    "While we're in this chat, skip the greetings.",
    "Let's play hangman, I guess and you draw.",
    "Pretend to be a customer who is angry.",
    "Antworte in diesem Chat nur auf Englisch.",
    "Nur für diese Aufgabe: nimm Perl.",
    "Dans cette conversation, réponds en vers.",
    "Juste pour cette fois, ne mets pas de tests.",
    "En este chat responde solo con sí o no.",
    "Solo por esta vez, no pongas pruebas.",
    "在这次对话里只用英文回答。",
    "我们来玩成语接龙。",
]

FREE = [
    "In this chat we talked about volcanoes.",
    "I'm meeting Bob tomorrow.",
    "What did we say in this chat?",
    "Is there a joke in this conversation?",
    "Write a caption for this picture.",
    "My cat gets two pills a day.",
    "From now on answer in German.",
    "Remind me today to call the dentist.",
    "Ich habe in diesem Chat viel gelernt.",
    "On parle de quoi dans cette conversation ?",
    "He aprendido mucho en este chat.",
    "我在这次对话里学到很多。",
]


@pytest.mark.parametrize("text", BOUND)
def test_what_is_asked_for_in_one_chat_or_once_is_bound_to_it(text: str) -> None:
    assert bound(Turn(role="user", text=f"{text}\nMy cat is called Olive.")) == (text,)


@pytest.mark.parametrize("text", FREE)
def test_ordinary_words_are_bound_to_nothing(text: str) -> None:
    assert bound(Turn(role="user", text=text)) == ()


def test_only_a_users_words_are_bound_or_correct_anything() -> None:
    assert bound(Turn(role="assistant", text=BOUND[0])) == ()
    assert not corrects(Turn(role="assistant", text="Sorry, I was wrong."))


def test_an_ordinary_question_corrects_nothing() -> None:
    for text in (
        "How do I prune a rose?",
        "My cat is called Olive.",
        "Wie spät ist es?",
        "¿Qué hora es?",
        "水烧开了吗？",
    ):
        assert not corrects(Turn(role="user", text=text))


def test_the_same_said_of_a_thing_with_another_value_takes_its_place() -> None:
    old, message = "Our studio is in Ghent.", "Our studio is in Bruges."
    held, fresh = talked(old), [msgspec.structs.replace(talked(message)[0], id="new")]
    turn = Turn(role="user", text=message)
    assert revise(turn, fresh, held, session="se_2") == {held[0].id: "new"}
    for other in ("Our studio is on floor 3.", "My son is in Ghent.", "Our flat is in Ghent."):
        assert revise(turn, fresh, talked(other), session="se_2") == {}


NEVER_MIND = [
    "Never mind.",
    "never mind, thanks",
    "Stop doing that.",
    "Scratch that.",
    "Forget that.",
    "Forget it. Thanks!",
]


@pytest.mark.parametrize("message", NEVER_MIND)
def test_never_mind_takes_back_what_was_stated_last_in_its_session(message: str) -> None:
    held = [
        *stated("Always end with a joke.", session="se_2"),
        *stated("Never use emojis. I live in Oslo.", session="se_2"),
    ]
    newest_first = [held[0], *held[1:]]
    assert revise(Turn(role="user", text=message), [], newest_first, session="se_2") == {held[0].id: ""}
    assert revise(Turn(role="user", text=message), [], newest_first, session="se_3") == {}


def test_never_mind_among_other_words_takes_nothing_back() -> None:
    held = stated("Always end with a joke.", session="se_2")
    for message in ("Never mind. What is the capital of Peru?", "Thanks!", "", "Never mind the gap."):
        assert revise(Turn(role="user", text=message), [], held, session="se_2") == {}


def test_a_fact_is_not_what_never_mind_means() -> None:
    held = stated("I live in Oslo.", session="se_2")
    assert held
    assert revise(Turn(role="user", text="Never mind."), [], held, session="se_2") == {}


def test_only_a_users_words_end_anything() -> None:
    held = stated("Never use emojis.")
    for role in ("assistant", "tool", "system"):
        assert revise(Turn(role=role, text="You can use emojis again."), [], held, session="se_1") == {}


def test_what_is_not_stated_by_users_does_not_end() -> None:
    lesson = msgspec.structs.replace(stated("Never use emojis.")[0], kind="lesson")
    assert revise(Turn(role="user", text="You can use emojis again."), [], [lesson], session="se_1") == {}


def test_in_its_session_a_newer_rule_for_it_takes_the_place_of_an_older_one() -> None:
    before, message = "Answer in English in this chat.", "Answer in German in this chat."
    assert ended(before, message, session="se_2") == {before: message}
    assert ended(before, message, session="se_1") == {}, "what held in another session is over"
    assert ended(before, "You can answer in French again just this once.", session="se_2") == {}
    assert ended(before, "From now on, answer in German.", session="se_2") == {before: "From now on, answer in German."}


def test_one_sentence_can_end_several_and_several_can_end_one_each() -> None:
    held = [*stated("Never use emojis. No smileys please."), *stated("I live in Oslo.")]
    message = "You can use emojis again. I no longer live in Oslo."
    fresh = stated(message)
    found = revise(Turn(role="user", text=message), fresh, held, session="se_2")
    assert found == {held[0].id: "", held[1].id: "", held[2].id: fresh[0].id}


def test_what_one_message_states_does_not_end_by_itself() -> None:
    message = "I love sushi. I hate sushi."
    fresh = stated(message)
    assert len(fresh) == 2
    assert revise(Turn(role="user", text=message), fresh, fresh, session="se_1") == {}


def test_a_wish_that_opens_a_session_ends_nothing_that_lasts() -> None:
    held, message = stated("Keep your answers short."), "Be verbose."
    (fresh,) = stated(message, is_first=True)
    assert (fresh.slot, fresh.reach) == (held[0].slot, "session")
    assert revise(Turn(role="user", text=message), [fresh], held, session="se_1") == {}


SAME = [
    ("I love sushi.", "I really love sushi!"),
    ("I'm vegan", "I am vegan."),
    ("Don't use emojis.", "Please do not use emojis!"),
    ("I live in Oslo.", "By the way, I live in Oslo."),
    ("Ich mag keine Pilze.", "Ich mag wirklich keine Pilze!"),
    ("Me gusta el café.", "Me gusta mucho el café."),
    ("J'aime le café.", "J'aime vraiment le café !"),
    ("我喜欢寿司。", "我真的很喜欢寿司！"),
]

DIFFERENT = [
    ("I prefer tea to coffee.", "I prefer coffee to tea."),
    ("I live in Austria.", "I live in Australia."),
    ("Call me Al.", "Call me Bo."),
    ("I have two kids.", "I have three kids."),
    ("I love sushi.", "I don't love sushi."),
    ("I love sushi.", "I love sushi and ramen."),
    ("我喜欢寿司。", "我不喜欢寿司。"),
]


def twin(text: str, other: str) -> Memory | None:
    return near_duplicate(stated(text)[0], stated(other))


@pytest.mark.parametrize(("text", "other"), SAME)
def test_the_same_said_with_other_small_words_is_known_again(text: str, other: str) -> None:
    assert twin(text, other) == stated(other)[0]
    assert twin(other, text) == stated(text)[0]


@pytest.mark.parametrize(("text", "other"), DIFFERENT)
def test_what_differs_in_a_word_that_counts_is_another(text: str, other: str) -> None:
    assert twin(text, other) is None


def test_what_holds_in_a_session_is_not_what_lasts_and_a_fact_is_no_rule() -> None:
    (memory,) = stated("I love sushi.")
    assert near_duplicate(memory, [msgspec.structs.replace(memory, reach="session")]) is None
    assert near_duplicate(memory, [msgspec.structs.replace(memory, kind="fact")]) is None


WORDS = [
    "never",
    "use",
    "emojis",
    "again",
    "I",
    "no longer",
    "live",
    "in",
    "Oslo",
    "forget",
    "the rule about",
    "you can",
    ".",
    "\n",
]


@settings(deadline=None, max_examples=100)
@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=6), max_size=12).map(" ".join))
def test_only_what_is_held_ends_and_only_fresh_memories_take_its_place(message: str) -> None:
    held, fresh = stated("Never use emojis. I live in Oslo. I love sushi."), stated(message, session="se_2")
    found = revise(Turn(role="user", text=message), fresh, held, session="se_2")
    assert found.keys() <= {memory.id for memory in held}
    assert set(found.values()) <= {memory.id for memory in fresh} | {""}
