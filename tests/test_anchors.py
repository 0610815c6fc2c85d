"""Linking requests to sessions by what clients echo: on real captures, and on the cases where a guess would merge."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import anchors
from gateway.identify import Identity, known_session
from gateway.journals.sqlite import SqliteJournal
from gateway.shapes.chat import SHAPE
from gateway.shapes.responses import SHAPE as RESPONSES
from gateway.testing import ManualClock
from gateway.types import Call, Exchange, Scope, ToolCall, Turn
from tests.evaluation import data_dir

SHAPES = {f"/v1{shape.path}": shape for shape in (SHAPE, RESPONSES)}

LONG = "The capital of Australia is Canberra, which many people do not know."


class Linker:
    """Does with each request what the gateway does: finds its session, or begins one, and commits the exchange."""

    def __init__(self, journal: SqliteJournal, user: str | None = "ann") -> None:
        self._journal = journal
        self._scope = Scope(tenant="acme", user=user)
        self._is_named = user is not None
        self._requests = 0
        self._clock = ManualClock(0.0)

    async def link(self, said: Sequence[Turn], *reply: Turn) -> str:
        """The name of the session a request of chat completions is taken to belong to."""
        return await self.follow(Call(body=b"", fields={}, model="m", turns=tuple(said), slots=()), *reply)

    async def follow(self, call: Call, *reply: Turn, echoes: Sequence[str] = ()) -> str:
        """The name of the session a call is taken to belong to."""
        said = call.turns
        self._requests += 1
        who = Identity(tenant="acme", user=self._scope.user, session=None, agent="default")
        found = await known_session(self._journal, self._clock, who, call)
        session = f"se_{self._requests}" if found is None else found.scope.session
        exchange = Exchange(
            id=f"ex_{self._requests:04}",
            scope=msgspec.structs.replace(self._scope, session=session),
            at=float(self._requests),
            path=SHAPE.path,
            state="done",
            anchors=anchors.of_reply(said, reply, echoes, is_named=self._is_named),
            openings=anchors.openings_of(reply) if self._is_named else (),
        )
        await self._journal.commit(exchange)
        return session


@pytest.fixture
async def linker(tmp_path: Path) -> AsyncIterator[Linker]:
    async with aclosing(SqliteJournal(tmp_path / "journal.db")) as journal:
        yield Linker(journal)


@pytest.fixture
async def unnamed(tmp_path: Path) -> AsyncIterator[Linker]:
    """All those who share a credential and give no name."""
    async with aclosing(SqliteJournal(tmp_path / "unnamed.db")) as journal:
        yield Linker(journal, user=None)


def user(text: str) -> Turn:
    return Turn(role="user", text=text)


def assistant(text: str = "", *ids: str) -> Turn:
    return Turn(role="assistant", text=text, calls=tuple(ToolCall(id=id, name="f", arguments="{}") for id in ids))


def result(id: str) -> Turn:
    return Turn(role="tool", text="sunny", answers=id)


# --- on what real clients sent ------------------------------------------------------------------------------------

LINKED = {
    "openai-raw": {"ok": 10},
    "t-langgraph": {"ok": 20},
    "t-llamaindex": {"ok": 12, "split": 8},
    "t-openai-agents": {"ok": 20},
    "t-openai-agents-prev": {"ok": 20},
    "t-pydantic-ai": {"ok": 20},
    "crewai": {"ok": 4},
}
"""Requests by client whose session is found, or taken for a new one. LlamaIndex's others echo nothing that could be
found: without a memory object its turns are strangers on the wire."""

UNNAMED = {**LINKED, "crewai": {"ok": 2, "split": 2}}
"""Among callers without a name: real clients echo all that led to an answer, but one agent's result in another agent's
task is a quotation, and that is no proof there."""

each_caller = pytest.mark.parametrize("person", ["ann", None], ids=["named", "unnamed"])


def captured() -> dict[str, dict[str, list[Any]]]:
    """Requests by client and session, in their order."""
    data = data_dir()
    folder = None if data is None else data.parent / "captures" / "sessions"
    if folder is None or not folder.is_dir():
        pytest.skip("captured sessions are not here: set ACCRUE_DATA to the folder beside them")
    found: dict[str, dict[str, list[Any]]] = {}
    for path in sorted(folder.glob("*.json")):
        request = json.loads(path.read_bytes())
        if request["path"] in SHAPES:
            client, _, session = path.name.partition(".")[0].rpartition("-")
            found.setdefault(client, {}).setdefault(session, []).append(request)
    return found


def reply_given(request: Any, later: Sequence[Any]) -> Turn:
    """Call or text: the client got the one that it echoes from then on; the last answer is nobody's concern."""
    *ids, text = request["reply"]
    call = next(name for name in ids if name.startswith("call_"))
    return assistant("", call) if any(call in json.dumps(after["body"]) for after in later) else assistant(text)


async def linked(linker: Linker, sessions: dict[str, list[Any]]) -> Counter[str]:
    """How often a request was put right, to a session of its own, or to somebody else's."""
    tally: Counter[str] = Counter()
    truth: dict[str, str] = {}
    turns = [[(name, place) for place in range(len(requests))] for name, requests in sessions.items()]
    for name, place in filter(None, chain.from_iterable(zip_longest(*turns))):
        requests = sessions[name]
        call = SHAPES[requests[place]["path"]].read(json.dumps(requests[place]["body"]).encode())
        assert call is not None
        reply = reply_given(requests[place], requests[place + 1 :])
        minted = [name for name in requests[place]["reply"][:-1] if not name.startswith("call_")]
        session = await linker.follow(call, reply, echoes=minted)
        is_new = session not in truth
        is_right = place == 0 if is_new else truth[session] == name
        tally["ok" if is_right else "split" if is_new else "merged"] += 1
        truth.setdefault(session, name)
    return tally


@each_caller
async def test_real_clients_are_followed_through_interleaved_sessions_and_never_merged(
    tmp_path: Path, person: str | None
) -> None:
    found: dict[str, Counter[str]] = {}
    for client, sessions in captured().items():
        async with aclosing(SqliteJournal(tmp_path / f"{client}.db")) as journal:
            found[client] = await linked(Linker(journal, person), sessions)
    assert found == (LINKED if person else UNNAMED)


@each_caller
async def test_all_real_clients_of_one_credential_are_told_apart(tmp_path: Path, person: str | None) -> None:
    sessions = {f"{client}-{name}": requests for client, of in captured().items() for name, requests in of.items()}
    async with aclosing(SqliteJournal(tmp_path / "all.db")) as journal:
        expected = LINKED if person else UNNAMED
        assert await linked(Linker(journal, person), sessions) == sum(map(Counter, expected.values()), Counter())


# --- what links ---------------------------------------------------------------------------------------------------


async def test_a_long_reply_links_whatever_white_space_the_client_makes_of_it(linker: Linker) -> None:
    first = await linker.link([user("hi")], assistant(LONG))
    echoed = assistant("  " + LONG.replace(" ", "\n ") + "\n")
    assert await linker.link([user("hi"), echoed, user("thanks")], assistant("Sure.")) == first


async def test_a_call_links_by_its_id_alone(linker: Linker) -> None:
    first = await linker.link([user("hi")], assistant("", "call_38ca3e9731d5cf9c"))
    cut = [assistant("", "call_38ca3e9731d5cf9c"), result("call_38ca3e9731d5cf9c")]
    assert await linker.link(cut, assistant("Sunny.")) == first


async def test_every_choice_of_a_reply_links(linker: Linker) -> None:
    first = await linker.link([user("hi")], assistant(LONG), assistant(LONG + " Sydney is larger."))
    said = [user("hi"), assistant(LONG + " Sydney is larger."), user("so?")]
    assert await linker.link(said, assistant("So.")) == first


async def test_the_newest_session_that_owns_a_copied_id_is_meant(linker: Linker) -> None:
    opening = [user("hi")]
    await linker.link(opening, assistant("", "call_38ca3e9731d5cf9c"))
    second = await linker.link(opening, assistant("", "call_38ca3e9731d5cf9c"))
    said = [*opening, assistant("", "call_38ca3e9731d5cf9c"), result("call_38ca3e9731d5cf9c")]
    assert await linker.link(said, assistant("Sunny.")) == second


async def test_a_short_opening_links_while_only_one_session_has_it(linker: Linker) -> None:
    first = await linker.link([user("a joke please")], assistant("Done."))
    said = [user("a joke please"), assistant("Done."), user("another")]
    assert await linker.link(said, assistant("Done.")) == first
    await linker.link([user("a joke please")], assistant("Done."))
    assert await linker.link(said, assistant("Done.")) not in (first, "se_3")


async def test_an_earlier_turn_tells_where_the_newest_is_too_short(linker: Linker) -> None:
    first = await linker.link([user("hi")], assistant(LONG))
    said = [user("hi"), assistant(LONG), user("go on"), assistant("Done."), user("and?")]
    assert await linker.link(said, assistant("Done.")) == first


async def test_without_a_name_the_same_words_all_the_way_link(unnamed: Linker) -> None:
    first = await unnamed.link([user("hi")], assistant("Done."))
    said = [user("hi"), assistant("Done."), user("go on")]
    assert await unnamed.link(said, assistant("Done.")) == first
    said += [assistant(" Done.\n"), user("and?")]
    assert await unnamed.link(said, assistant("", "call_38ca3e9731d5cf9c")) == first
    cut = [assistant("", "call_38ca3e9731d5cf9c"), result("call_38ca3e9731d5cf9c")]
    assert await unnamed.link(cut, assistant("Sunny.")) == first


# --- what never links ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reply", ["Done.", "Hello! How can I help you today?"])
async def test_the_same_reply_in_two_sessions_merges_neither(linker: Linker, reply: str) -> None:
    ann = await linker.link([user("hi")], assistant(reply))
    bob = await linker.link([user("hi")], assistant(reply))
    said = [user("hi"), assistant(reply)]
    assert len({ann, bob, await linker.link([*said, user("I am Ann")], assistant("Ok."))}) == 3
    assert len({ann, bob, await linker.link([*said, user("I am Bob")], assistant("Ok."))}) == 3


async def test_the_same_short_reply_to_other_words_links_nothing(linker: Linker) -> None:
    first = await linker.link([user("delete it")], assistant("Done."))
    assert await linker.link([user("save it"), assistant("Done."), user("thanks")], assistant("Sure.")) != first


@pytest.mark.parametrize(
    "id", ["call_0", "call_1234567", "0", "", "call_00000000", "call_12121212", "toolu_x", "a-b-c-1"]
)
async def test_a_numbered_id_links_nothing(linker: Linker, id: str) -> None:
    first = await linker.link([user("hi")], assistant("", id))
    assert await linker.link([user("hi"), assistant("", id), result(id)], assistant("Sunny.")) != first


async def test_a_request_without_an_assistant_begins_a_session(linker: Linker) -> None:
    assert anchors.of_request([Turn(role="system", text=LONG), user(LONG)], is_named=True) == []
    assert anchors.of_request([Turn(role="system", text=LONG), user(LONG)], is_named=False) == []
    first = await linker.link([user("hi")], assistant(LONG))
    assert await linker.link([user("hi")], assistant(LONG)) != first


async def test_what_a_user_quotes_is_not_an_echo(linker: Linker) -> None:
    first = await linker.link([user("hi")], assistant(LONG))
    assert await linker.link([user(LONG)], assistant("Right.")) != first


@pytest.mark.promise("P7")
@pytest.mark.parametrize(
    "said",
    [
        [user("my PIN is 1234"), assistant(LONG), user("so?")],
        [user("hi "), assistant(LONG), user("so?")],
        [Turn(role="system", text="You are terse."), user("hi"), assistant(LONG), user("so?")],
        [assistant(LONG), user("so?")],
        [user("hi"), assistant(LONG), user("tell Bob"), assistant(LONG), user("so?")],
    ],
    ids=["another question", "nearly the same", "another system text", "history cut away", "further on"],
)
async def test_without_a_name_what_an_assistant_said_is_no_proof(
    linker: Linker, unnamed: Linker, said: list[Turn]
) -> None:
    first = await unnamed.link([user("hi")], assistant(LONG))
    assert await unnamed.link(said, assistant("So.")) != first
    named = await linker.link([user("hi")], assistant(LONG))
    assert await linker.link(said, assistant("So.")) == named


# --- what an anchor is made of ------------------------------------------------------------------------------------


@pytest.mark.promise("P7")
@pytest.mark.parametrize(
    ("identifier", "name", "tells"),
    [
        ("call_38ca3e9731d5cf9c", "look", True),
        ("toolu_01A09q90qw90lq917835lq9", "look", True),
        ("D681PevKs", "look", True),
        ("resp_c1abac55c19cee7b8f2a2629", "", True),
        ("0190d1f2-4b5e-7c3a-9f10-2b6c8d4e5f60", "", True),
        ("function-call-12345678901234567890", "look", True),
        ("call_0", "look", False),
        ("functions.get_balance:0", "get_balance", False),
        ("functions.get_balance:12", "", False),
        ("get_balance_12345678", "get_balance", False),
        ("call_look_at_the_weather", "", False),
        ("call_11111111a", "look", False),
        ("00000012", "", False),
    ],
)
def test_an_id_that_only_counts_or_only_names_tells_nothing(identifier: str, name: str, tells: bool) -> None:
    turn = Turn(role="assistant", text="", calls=(ToolCall(id=identifier, name=name, arguments="{}"),))
    assert bool(anchors.of_reply([], [turn], is_named=False)) is tells


@each_caller
def test_of_an_endless_history_the_newest_turns_are_looked_at(person: str | None) -> None:
    silent = [assistant()] * anchors.MAX_SPOKEN_TURNS
    spoken = [user("hi"), assistant(LONG)]
    assert anchors.of_request([*spoken, *silent[1:]], is_named=person is not None)
    assert not anchors.of_request([*spoken, *silent], is_named=person is not None)


def test_a_system_text_is_not_searched_for_quotations() -> None:
    turns = [Turn(role=role, text=f"{role}: {LONG} {LONG}") for role in ("system", "developer", "user", "tool")]
    assert anchors.texts_of(turns) == [f"{role}: {LONG} {LONG}" for role in ("tool", "user")]


def test_newer_turns_come_first_and_only_so_many_are_looked_at() -> None:
    calls = [assistant("", f"call_{number:08}abcd") for number in range(12)]
    left = [anchors.of_reply([], [call], is_named=True)[0] for call in calls]
    found = anchors.of_request(calls, is_named=True)
    assert found == left[:3:-1]
    assert len(found) == anchors.MAX_TELLING_TURNS
    assert anchors.of_request(calls, is_named=False) == [left[-1]]


def test_turns_that_tell_nothing_do_not_count_among_those_looked_at() -> None:
    turns = [user("hi"), assistant(LONG)] + [assistant("Done.")] * 50
    left = anchors.of_reply([user("hi")], [assistant(LONG)], is_named=True)
    assert anchors.of_request(turns, is_named=True)[0] == left[0]


def test_an_id_is_kept_as_its_digest_whatever_its_length() -> None:
    (anchor,) = anchors.of_reply([user("hi")], [assistant("", "call_" + "0123456789" * 10_000)], is_named=True)
    assert anchor.startswith(anchors.STRONG)
    assert len(anchor) == len(anchors.STRONG) + 24


@each_caller
def test_no_more_than_a_bounded_number_is_left_behind_or_looked_up(person: str | None) -> None:
    is_named = person is not None
    many = assistant(LONG, *(f"call_{number:08}abcd" for number in range(500)))
    left = anchors.of_reply([user("hi")], [many, many], is_named=is_named)
    assert len(left) == anchors.MAX_ANCHORS
    assert anchors.of_request([user("hi"), many, user("so?"), many], is_named=is_named) == list(left)


@pytest.mark.parametrize(
    ("text", "tells"),
    [
        ("x" * (anchors.MIN_TEXT_CHARS - 1), False),
        ("x" * anchors.MIN_TEXT_CHARS, True),
        ("a b c d e f g", False),
        ("a b c d e f g h", True),
        ("", False),
    ],
)
def test_a_later_text_tells_from_forty_characters_or_eight_words(text: str, tells: bool) -> None:
    said = [user("hi"), assistant("Yes."), user("so?")]
    assert bool(anchors.of_reply(said, [assistant(text)], is_named=True)) is tells
    assert bool(anchors.of_reply(said, [assistant(text)], is_named=False)) is bool(text)


turns = st.builds(
    Turn,
    role=st.sampled_from(["user", "assistant", "tool", "system"]),
    text=st.text(st.characters(codec=None), max_size=60),
    calls=st.lists(
        st.builds(ToolCall, id=st.text(max_size=12), name=st.just("f"), arguments=st.just("")), max_size=2
    ).map(tuple),
)


@settings(deadline=None, max_examples=100)
@given(st.lists(turns, max_size=6), st.text(max_size=80), st.text(max_size=20), st.booleans())
def test_what_a_reply_leaves_behind_is_what_its_echo_brings_back(
    said: list[Turn], text: str, id: str, is_named: bool
) -> None:
    reply = assistant(text, id)
    left = anchors.of_reply(said, [reply], is_named=is_named)
    assert tuple(anchors.of_request([*said, reply, user("next")], is_named=is_named)[: len(left)]) == left


@pytest.mark.promise("P5")
def test_a_message_keeps_its_name_when_history_before_it_is_cut_or_reformatted() -> None:
    name = anchors.message_key(user("hi"), assistant("Hello there"), 0)
    assert anchors.message_key(user(" hi\n"), assistant("Hello\tthere "), 0) == name
    others = [
        anchors.message_key(None, assistant("Hello there"), 0),
        anchors.message_key(user("ho"), assistant("Hello there"), 0),
        anchors.message_key(user("hi"), user("Hello there"), 0),
        anchors.message_key(user("hi"), assistant("Hello there", "call_1"), 0),
        anchors.message_key(user("hi"), assistant("Hello therecall_1"), 0),
        anchors.message_key(user("hi"), assistant("Hello there"), 1),
    ]
    assert len({name, *others}) == 7


def test_another_system_text_is_another_head() -> None:
    heads = [[Turn(role="system", text=text) for text in texts] for texts in (["ab"], ["a", "b"], ["a b"], ["b", "a"])]
    assert len({anchors.head_key(head) for head in heads}) == 4
    assert anchors.head_key([Turn(role="system", text=" a  b\n")]) == anchors.head_key(heads[2])


def test_two_results_of_tools_have_two_names() -> None:
    assert anchors.message_key(None, result("call_1"), 0) != anchors.message_key(None, result("call_2"), 0)


@pytest.mark.parametrize("member", ["role", "text", "answers", "name"])
def test_a_message_with_much_in_any_of_its_members_is_not_kept_with_its_name(member: str) -> None:
    """Thousands are kept, and a client may send megabytes in each."""

    def kept_after(much: str) -> int:
        message = msgspec.structs.replace(result("call_1"), **{member: much})
        anchors.message_key(None, message, 0)
        anchors.message_key(message, user("hi"), 0)
        return anchors._small_key.cache_info().currsize

    anchors._small_key.cache_clear()
    assert kept_after("x" * anchors.MAX_KEPT_CHARS) == 0
    assert kept_after("x") == 2
