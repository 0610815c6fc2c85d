"""Who speaks and in which session; and that nothing but the credential says whose memory it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from itertools import product
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import anchors
from gateway.credentials import credential, fingerprint, tenant
from gateway.errors import BadRequest
from gateway.headers import CREDENTIAL_HEADERS
from gateway.identify import (
    CREDENTIAL_USER,
    MAX_NAME_CHARS,
    Anonymous,
    Claims,
    Identity,
    claims,
    identity,
    narrower,
    session_of,
)
from gateway.journals.sqlite import SqliteJournal
from gateway.policy import Identify, NamingHeaders
from gateway.ports import Headers
from gateway.sources import Sent
from gateway.testing import ManualClock
from gateway.types import Call, Exchange, MemoryMode, Scope, Turn

SECRET = b"s" * 32
KEY = (b"authorization", b"Bearer sk-1")
PATH = "/v1/chat/completions"
LONG = "The capital of Australia is Canberra, which many people do not know."


def read(path: str = PATH, *headers: tuple[bytes, bytes]) -> Claims:
    return claims([KEY, *headers], path, SECRET)


def call(*turns: Turn, **members: object) -> Call:
    fields = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in members.items()}
    return Call(body=b"{}", fields=fields, model="gpt-4o", turns=turns, slots=())


def who(claimed: Claims, anonymous: Anonymous = "session", *sent: tuple[bytes, bytes], **members: object) -> Identity:
    return identity(claimed, Sent(sent, call(**members)), Identify(), anonymous)


def user_of(claimed: Claims, anonymous: Anonymous, **members: object) -> str | None:
    return who(claimed, anonymous, **members).user


def ann(claimed: Claims, user: str | None = "ann") -> Identity:
    return Identity(tenant=claimed.tenant, user=user, session=claimed.session, agent=claimed.agent or "default")


# --- names --------------------------------------------------------------------------------------------------------


def test_a_request_that_says_nothing_claims_nothing() -> None:
    claimed = read()
    assert (claimed.user, claimed.session, claimed.agent, claimed.mode) == (None, None, None, "on")
    assert claimed.path == PATH


@pytest.mark.parametrize(("agent", "user", "session"), list(product(["bot", None], ["ann", None], ["s1", None])))
def test_every_combination_of_the_path_prefix_is_read(agent: str | None, user: str | None, session: str | None) -> None:
    named = {"a": agent, "u": user, "s": session}
    prefix = "".join(f"/{letter}/{name}" for letter, name in named.items() if name is not None)
    claimed = read(prefix + PATH)
    assert (claimed.agent, claimed.user, claimed.session) == (agent, user, session)
    assert claimed.path == PATH


@pytest.mark.parametrize(
    ("path", "rest"),
    [
        ("/v1/a/bot/u/ann/x", "/v1/a/bot/u/ann/x"),
        ("/u/ann/a/bot/v1/models", "/a/bot/v1/models"),
        ("/u//v1/models", "/u//v1/models"),
        ("/a/bot", "/a/bot"),
        ("/u", "/u"),
        ("/", "/"),
        ("", ""),
    ],
)
def test_only_what_stands_in_front_and_in_order_is_a_prefix(path: str, rest: str) -> None:
    assert (read(path).path, read(path).agent) == (rest, None)


@pytest.mark.parametrize(
    ("encoded", "name"),
    [
        ("Bj%C3%B6rn", "Björn"),
        ("a%2Fb", "a/b"),
        ("%E4%BD%A0%E5%A5%BD", "你好"),
        ("a%20b", "a b"),
        ("%20a%20", "a"),
        ("a+b", "a+b"),
        ("Jos%E9", "José"),
        ("a%0D%0Ab", "a\r\nb"),
        ("a%00b", "a\x00b"),
        ("50%", "50%"),
    ],
)
def test_names_in_the_path_are_decoded_once(encoded: str, name: str) -> None:
    claimed = read(f"/u/{encoded}/s/{encoded}{PATH}")
    assert (claimed.user, claimed.session, claimed.path) == (name, name, PATH)


def is_free(name: str) -> bool:
    return not name.startswith(CREDENTIAL_USER)


@settings(deadline=None, max_examples=200)
@given(st.text(min_size=1, max_size=MAX_NAME_CHARS).map(str.strip).filter(bool).filter(is_free))
def test_every_name_survives_the_path_and_a_header(name: str) -> None:
    assert read(f"/u/{quote(name, safe='')}{PATH}").user == name
    assert read(PATH, (b"x-accrue-user", name.encode())).user == name


def test_names_that_are_no_utf_8_stay_two_names() -> None:
    names = [read(PATH, (b"x-accrue-user", raw)).user for raw in (b"Jos\xe9", b"Jos\xe8")]
    assert names == ["José", "Josè"]


def test_a_header_outranks_the_path_and_an_empty_one_does_not() -> None:
    path = "/a/bot/u/ann/s/one" + PATH
    sent = [(b"x-accrue-user", b"bob"), (b"x-accrue-session", b" two "), (b"x-accrue-agent", b"critic")]
    claimed = read(path, *sent)
    assert (claimed.user, claimed.session, claimed.agent) == ("bob", "two", "critic")
    claimed = read(path, *[(name, b" ") for name, _ in sent])
    assert (claimed.user, claimed.session, claimed.agent) == ("ann", "one", "bot")


def test_an_empty_name_is_none_wherever_it_stands() -> None:
    claimed = read("/a/%20/u/%20/s/%09" + PATH, (b"x-accrue-user", b""))
    assert (claimed.user, claimed.session, claimed.agent) == (None, None, None)


@pytest.mark.parametrize("name", ["user", "session", "agent"])
def test_a_name_that_is_too_long_is_refused(name: str) -> None:
    fits, too_long = b"x" * MAX_NAME_CHARS, b"x" * (MAX_NAME_CHARS + 1)
    header = b"x-accrue-" + name.encode()
    assert getattr(read(PATH, (header, fits)), name) == fits.decode()
    with pytest.raises(BadRequest, match=f"x-accrue-{name} is longer than 256") as raised:
        read(PATH, (header, too_long))
    assert raised.value.code == "invalid_identity"
    with pytest.raises(BadRequest, match=f"the {name} in the path is longer"):
        read(f"/{name[0]}/{too_long.decode()}{PATH}")


@pytest.mark.promise("P7")
@pytest.mark.parametrize("name", ["user", "session", "agent"])
def test_nobody_may_take_the_name_that_stands_for_a_credential(name: str) -> None:
    header = b"x-accrue-" + name.encode()
    with pytest.raises(BadRequest, match=rf"x-accrue-{name} may not begin with \(credential\)") as raised:
        read(PATH, (header, f" {CREDENTIAL_USER} ".encode()))
    assert raised.value.code == "invalid_identity"
    with pytest.raises(BadRequest, match=f"the {name} in the path may not begin with"):
        read(f"/{name[0]}/{quote(CREDENTIAL_USER)}{PATH}")


# --- mode ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "mode"),
    [(b"on", "on"), (b" READ ", "read"), (b"Write", "write"), (b"off", "off"), (b"", "on"), (b" ", "on")],
)
def test_the_memory_header_says_what_is_allowed(sent: bytes, mode: MemoryMode) -> None:
    assert read(PATH, (b"x-accrue-memory", sent)).mode == mode


@pytest.mark.parametrize("sent", [b"maybe", b"true", b"\xff", b"on, off"])
def test_a_mode_that_does_not_exist_is_refused_with_those_that_do(sent: bytes) -> None:
    with pytest.raises(BadRequest, match="is not one of on, read, write, off") as raised:
        read(PATH, (b"x-accrue-memory", sent))
    assert raised.value.code == "invalid_memory_mode"


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("on", "on", "on"),
        ("on", "read", "read"),
        ("on", "write", "write"),
        ("on", "off", "off"),
        ("read", "read", "read"),
        ("read", "write", "off"),
        ("read", "off", "off"),
        ("write", "write", "write"),
        ("write", "off", "off"),
        ("off", "off", "off"),
    ],
)
def test_caller_and_policy_must_both_allow(one: MemoryMode, other: MemoryMode, both: MemoryMode) -> None:
    assert narrower(one, other) == narrower(other, one) == both


# --- user ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("anonymous", ["credential", "session", "off"])
def test_the_user_is_named_by_header_then_path_then_body(anonymous: Anonymous) -> None:
    path, header = "/u/path" + PATH, (b"x-accrue-user", b"header")
    assert user_of(read(path, header), anonymous, user="body") == "header"
    assert user_of(read(path), anonymous, user="body") == "path"
    assert user_of(read(), anonymous, user=" body ") == "body"


@pytest.mark.parametrize("body", [None, "", "  "])
def test_a_credential_is_a_user_only_where_it_stands_for_one(body: str | None) -> None:
    assert user_of(read(), "credential", user=body) == CREDENTIAL_USER
    assert user_of(read(), "session", user=body) is None
    assert user_of(read(), "off", user=body) is None


def test_a_body_may_name_a_user_at_any_length_and_two_stay_two() -> None:
    names = ["x" * MAX_NAME_CHARS, "x" * 300, "x" * 301]
    users = [user_of(read(), "session", user=name) or "" for name in names]
    assert users[0] == names[0]
    assert len(set(users)) == len(names)
    assert max(map(len, users)) <= MAX_NAME_CHARS


@pytest.mark.promise("P7")
@pytest.mark.parametrize("name", [CREDENTIAL_USER, f" {CREDENTIAL_USER}\n"])
def test_a_body_that_names_the_credentials_user_gets_another(name: str) -> None:
    user = user_of(read(), "session", user=name)
    assert user not in (None, CREDENTIAL_USER)
    assert user == user_of(read(), "credential", user=name)


# --- tenant -------------------------------------------------------------------------------------------------------


@pytest.mark.promise("P7")
@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"x-accrue-user", b"x-accrue-session", b"x-accrue-agent", b"x-accrue-tenant", b"cookie"])
            | st.binary(min_size=1, max_size=12).filter(lambda name: name not in CREDENTIAL_HEADERS),
            st.binary(max_size=40),
        ),
        max_size=6,
    ),
    st.text(st.characters(codec="ascii", exclude_characters="\n"), max_size=40),
)
def test_nothing_but_the_credential_changes_the_tenant(headers: Headers, path: str) -> None:
    claimed = claims([*headers, KEY], "/" + path, SECRET)
    assert claimed.tenant == tenant(credential([KEY]), SECRET)


@pytest.mark.promise("P7")
def test_a_key_is_known_by_its_fingerprint_wherever_it_stands_and_nobody_is_without_one() -> None:
    places: list[Headers] = [[KEY], [(b"x-api-key", b"sk-1")], [KEY, (b"api-key", b"sk-1")]]
    assert {claims(headers, PATH, SECRET).fingerprint for headers in places} == {fingerprint("sk-1", SECRET)}
    assert claims([], PATH, SECRET, query="key=sk-1").fingerprint == fingerprint("sk-1", SECRET)
    assert claims([], PATH, SECRET).fingerprint == b""


@pytest.mark.promise("P7")
def test_two_credentials_claim_nothing() -> None:
    with pytest.raises(BadRequest, match="different credentials"):
        read(PATH, (b"x-api-key", b"sk-2"))


# --- session ------------------------------------------------------------------------------------------------------


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[SqliteJournal]:
    """A journal in which ann of this credential has had one exchange, in session `known`."""
    said = (Turn(role="user", text="hi"),)
    async with aclosing(SqliteJournal(tmp_path / "journal.db")) as journal:
        exchange = Exchange(
            id="ex_1",
            scope=Scope(tenant=read().tenant, user="ann", session="known"),
            at=1.0,
            path="/chat/completions",
            state="done",
            anchors=anchors.of_reply(said, [Turn(role="assistant", text=LONG)], is_named=True),
        )
        await journal.commit(exchange)
        yield journal


ECHO = (Turn(role="user", text="hi"), Turn(role="assistant", text=LONG), Turn(role="user", text="so?"))


async def test_what_a_request_echoes_tells_its_session(journal: SqliteJournal) -> None:
    session = await session_of(journal, ManualClock(), ann(read()), call(*ECHO))
    assert (session.scope.session, session.is_new) == ("known", False)


async def test_a_named_session_outranks_what_the_request_echoes(journal: SqliteJournal) -> None:
    claimed = read("/a/bot/s/mine" + PATH)
    session = await session_of(journal, ManualClock(), ann(claimed), call(*ECHO))
    assert session.scope == Scope(tenant=claimed.tenant, user="ann", session="mine", agent="bot")
    assert session.is_new


async def test_a_named_session_is_known_again(journal: SqliteJournal) -> None:
    session = await session_of(journal, ManualClock(), ann(read("/s/known" + PATH)), call(ECHO[0]))
    assert (session.scope.session, session.is_new) == ("known", False)


async def test_a_request_that_echoes_nothing_begins_a_session_with_a_name_of_the_clock(journal: SqliteJournal) -> None:
    session = await session_of(journal, ManualClock(), ann(read()), call(ECHO[0]))
    assert (session.scope.session, session.is_new) == ("se_000000000001", True)


@pytest.mark.promise("P7")
@pytest.mark.parametrize(("key", "user"), [(b"Bearer sk-1", "bob"), (b"Bearer sk-1", None), (b"Bearer sk-2", "ann")])
async def test_an_echo_or_a_name_finds_nobody_elses_session(
    journal: SqliteJournal, key: bytes, user: str | None
) -> None:
    for path in (PATH, "/s/known" + PATH):
        claimed = claims([(b"authorization", key)], path, SECRET)
        assert (await session_of(journal, ManualClock(), ann(claimed, user), call(*ECHO))).is_new


@pytest.mark.promise("P7")
async def test_without_a_name_only_the_whole_history_tells_the_session(journal: SqliteJournal) -> None:
    longer = (*ECHO, Turn(role="assistant", text=LONG), Turn(role="user", text="I see."))
    begun = Exchange(
        id="ex_2",
        scope=Scope(tenant=read().tenant, user=None, session="unnamed"),
        at=2.0,
        path="/chat/completions",
        state="done",
        anchors=anchors.of_reply(longer[:3], longer[3:4], is_named=False),
    )
    await journal.commit(begun)
    session = await session_of(journal, ManualClock(), ann(read(), None), call(*longer))
    assert (session.scope.session, session.is_new) == ("unnamed", False)
    other = call(Turn(role="user", text="hello"), *longer[1:])
    assert (await session_of(journal, ManualClock(), ann(read(), None), other)).is_new


@pytest.mark.promise("P7")
def test_a_project_narrows_the_credential_and_names_nobody() -> None:
    sent = ((b"openai-organization", b"org"), (b"openai-project", b"proj_1"))
    assert who(read(), "credential", *sent).user == f"{CREDENTIAL_USER} org proj_1"
    assert who(read(), "credential", *sent[1:]).user == f"{CREDENTIAL_USER} proj_1"
    spaced = ((b"openai-organization", b"org proj_1"),)
    assert who(read(), "credential", *spaced).user == f"{CREDENTIAL_USER} org%20proj_1"
    assert who(read(), "session", *sent).user is None


@pytest.mark.promise("P7")
def test_a_session_that_only_counts_is_not_believed_of_callers_whom_nobody_names() -> None:
    counted, minted = ((b"x-session-id", name) for name in (b"1", b"ses_dfe273b27ffe9obNY86GZOgZ9Q"))
    assert who(read(), "session", counted).session is None
    assert who(read(), "session", minted).session == minted[1].decode()
    assert who(read(), "session", counted, user="ann").session == "1"
    assert who(read("/s/1" + PATH), "session", counted).session == "1"


def test_an_endless_project_is_kept_apart_by_its_digest() -> None:
    users = [who(read(), "credential", (b"openai-project", b"p" * length)).user or "" for length in (8_000, 8_001)]
    assert len(set(users)) == 2
    assert max(map(len, users)) < MAX_NAME_CHARS


def test_headers_that_a_policy_names_stand_above_those_of_clients() -> None:
    policy = Identify(headers=NamingHeaders(user=("X-Customer",), session=("x-ticket",), agent=("x-bot", "x-robot")))
    sent = [(b"x-customer", b"ann"), (b"x-ticket", b"t1"), (b"x-robot", b"r2"), (b"x-session-id", b"s")]
    found = identity(read(), Sent(sent, call(user="body")), policy, "session")
    assert (found.user, found.session, found.agent) == ("ann", "t1", "r2")
    ours = read("/a/bot/u/bob/s/mine" + PATH)
    found = identity(ours, Sent(sent, call(user="body")), policy, "session")
    assert (found.user, found.session, found.agent) == ("bob", "mine", "bot")


REPLY = "The three notes say that apples keep best in the cold, in the dark, and never beside ripe bananas."


@pytest.mark.parametrize(
    ("turn", "user", "hours", "is_found"),
    [
        (Turn(role="user", text=f"Current task: write. Context:\n{REPLY} Go on."), "ann", 1, True),
        (Turn(role="assistant", text="Thought: " + REPLY.replace(" ", "\n ") + "</code>"), "ann", 1, True),
        (Turn(role="user", text=REPLY[:-1]), "ann", 1, False),
        (Turn(role="user", text=REPLY), "bob", 1, False),
        (Turn(role="user", text=REPLY), "ann", 7, False),
    ],
    ids=["handed on", "rewritten", "in part", "of somebody else", "long ago"],
)
async def test_a_reply_that_is_quoted_tells_the_session(
    journal: SqliteJournal, turn: Turn, user: str, hours: int, is_found: bool
) -> None:
    clock = ManualClock()
    told = Exchange(
        id="ex_2",
        scope=Scope(tenant=read().tenant, user="ann", session="crew"),
        at=clock.now(),
        path="/chat/completions",
        state="done",
        openings=anchors.openings_of([Turn(role="assistant", text=REPLY)]),
    )
    await journal.commit(told)
    clock.advance(hours * 3600)
    session = await session_of(journal, clock, ann(read(), user), call(turn))
    assert session.is_new is not is_found
    assert (session.scope.session == "crew") is is_found


@pytest.mark.promise("P7")
async def test_among_unnamed_callers_a_quotation_tells_nothing(journal: SqliteJournal) -> None:
    quoted = call(Turn(role="user", text=REPLY))
    told = Exchange(
        id="ex_2",
        scope=Scope(tenant=read().tenant, user=None, session="crew"),
        at=1.0,
        path="/chat/completions",
        state="done",
        openings=(REPLY,),
    )
    await journal.commit(told)
    assert (await session_of(journal, ManualClock(1.0), ann(read(), None), quoted)).is_new
