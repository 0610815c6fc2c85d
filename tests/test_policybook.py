from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.policy import Budget, Match, Place, Policy
from gateway.policybook import Policies, PolicyBook, load_policies

ROOT = Path(__file__).parent.parent
KINDS = ("constraint", "preference", "fact", "lesson", "correction", "episode")
CALL = ("gpt-5", "/v1/chat/completions", "default", [(b"host", b"localhost")])


def chosen(match: Match, model: str = "", path: str = "", agent: str = "", **headers: str) -> bool:
    """Whether a policy with this match takes the call."""
    policies = Policies([Policy(name="narrow", match=match), Policy()])
    lines = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return policies.match(model, path, agent, lines).name == "narrow"


def refusal(folder: Path) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        load_policies(folder, KINDS)
    return str(raised.value).replace(f"{folder}/", "").split("\n")


def test_without_a_folder_the_built_in_default_is_for_every_call(tmp_path: Path) -> None:
    policies = load_policies(tmp_path / "absent", KINDS)
    assert policies.policies == (Policy(),)
    assert policies.match(*CALL) == Policy()


def test_a_folder_without_a_default_ends_with_the_built_in_one(tmp_path: Path) -> None:
    (tmp_path / "quiet.yaml").write_text("match: {agent: [quiet]}\nmemory: off\n")
    policies = load_policies(tmp_path, KINDS)
    assert policies.match("m", "/p", "quiet", []) == Policy(name="quiet", match=Match(agent=("quiet",)), memory="off")
    assert policies.match("m", "/p", "loud", []) == Policy()


def test_files_are_asked_in_alphabetical_order_and_the_default_last(tmp_path: Path) -> None:
    (tmp_path / "default.yaml").write_text("memory: read")
    (tmp_path / "zebra.yaml").write_text("match: {model: [gpt-*]}")
    (tmp_path / "ant.yaml").write_text("match: {model: [gpt-5*]}")
    (tmp_path / ".#ant.yaml").write_text("left by an editor: [")
    policies = load_policies(tmp_path, KINDS)
    assert [policy.name for policy in policies.policies] == ["ant", "zebra", "default"]
    assert policies.match("gpt-5", "", "", []).name == "ant"
    assert policies.match("gpt-4", "", "", []).name == "zebra"
    assert policies.match("claude", "", "", []).memory == "read"


@pytest.mark.parametrize(("match", "model", "fits"), [
    (Match(), "anything", True),
    (Match(model=("gpt-*",)), "gpt-5", True),
    (Match(model=("gpt-*",)), "GPT-5", False),
    (Match(model=("gpt-*",)), "my-gpt-5", False),
    (Match(model=("gpt-5",)), "gpt-5.1", False),
    (Match(model=("a", "gpt-[45]")), "gpt-4", True),
    (Match(model=("a", "gpt-[45]")), "gpt-3", False),
    (Match(model=("a", "*")), "anything", True),
    (Match(model=("o?",)), "o3", True),
])  # fmt: skip
def test_a_glob_must_fit_the_whole_name(match: Match, model: str, fits: bool) -> None:
    assert chosen(match, model=model) is fits


def test_all_members_of_a_match_must_fit() -> None:
    match = Match(model=("gpt-*",), path=("/v1/chat/*",), agent=("bot",), headers={"X-Tier": "gold*", "x-eu": "*"})
    call = {"model": "gpt-5", "path": "/v1/chat/completions", "agent": "bot", "x_tier": "golden", "x_eu": ""}
    assert chosen(match, **call)
    for name, wrong in [("model", "o3"), ("path", "/v1/responses"), ("agent", "man"), ("x_tier", "silver")]:
        assert not chosen(match, **{**call, name: wrong}), name
    del call["x_eu"]
    assert not chosen(match, **call)


def test_header_names_have_no_case_and_any_repeated_line_may_fit() -> None:
    policies = Policies([Policy(name="narrow", match=Match(headers={"User-Agent": "codex*"})), Policy()])
    lines = [(b"USER-agent", b"\xff"), (b"user-AGENT", b"codex_exec/1")]
    assert policies.match("", "", "", lines).name == "narrow"
    assert policies.match("", "", "", lines[:1]).name == "default"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("learn: {kinds: [episod]}", "1: $.learn.kinds[0]: found 'episod', expected one of constraint, preference, "
         "fact, lesson, correction, episode (did you mean episode?)"),
        ("budget:\n  lanes: {lessen: 1}", "2: $.budget.lanes.lessen: unknown key (did you mean lesson?), known here: "
         "constraint, preference, fact, lesson, correction, episode"),
        ("recall: {weights: {rank: 1}}", "1: $.recall.weights.rank: unknown key, known here: words, chars, dense, "
         "time"),
        ("recall: {deadline_ms: 0}", "1: $.recall.deadline_ms: found '0', expected a whole number >= 1"),
        ("recall: {half_life_days: {fact: 0}}", "1: $.recall.half_life_days.fact: found '0', expected a number > "
         "0.0"),
        ("learn: {distil: {model: m, tokens_per_day: 9999}}",
         "1: $.learn.distil.tokens_per_day: found '9999', expected a whole number >= 10000"),
        ("learn: {distil: {modle: m}}",
         "1: $.learn.distil.modle: unknown key (did you mean model?), known here: model, tokens_per_day, quiet_s"),
        ("budget: {window_share: 2}", "1: $.budget.window_share: found '2', expected a number <= 1.0"),
        ("memory: maybe", "1: $.memory: found 'maybe', expected one of on, read, write, off"),
        ("match: {model: []}", "1: $.match.model: found an empty list, expected a list of length >= 1"),
        ("identify: {anonymous: nobody}", "1: $.identify.anonymous: found 'nobody', expected one of credential, "
         "session, off"),
        ("name: other", "1: $.name: found 'other', expected one of some"),
    ],
)  # fmt: skip
def test_a_mistake_names_the_file_the_line_and_what_is_known(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "some.yaml").write_text(text)
    assert refusal(tmp_path) == [f"some.yaml:{complaint}"]


def test_mistakes_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("memory: maybe\nplace: {head: 5}")
    (tmp_path / "b.yml").write_text("")
    (tmp_path / "default.yaml").write_text("match: {agent: [x]}\n")
    assert refusal(tmp_path) == [
        "a.yaml:1: $.memory: found 'maybe', expected one of on, read, write, off",
        "a.yaml:2: $.place.head: found '5', expected true or false",
        "b.yml: the name of a policy file ends in .yaml",
        "default.yaml: $.match: default.yaml is for the calls that no other policy matches, and has none",
    ]


def test_the_kinds_are_the_ones_that_are_given(tmp_path: Path) -> None:
    (tmp_path / "some.yaml").write_text("learn: {kinds: [lesson]}\nbudget: {lanes: {lesson: 7}}")
    (policy, _) = load_policies(tmp_path, [*KINDS, "lesson"]).policies
    assert policy.learn.kinds == ("lesson",)
    assert policy.budget.lanes == {**Budget().lanes, "lesson": 7}


def test_the_shipped_examples_are_for_their_agents_alone() -> None:
    policies = load_policies(ROOT / "policies", KINDS)
    assert [policy.name for policy in policies.policies] == ["coding-agent", "support-agent", "default"]
    coding = policies.match("gpt-5", "/v1/responses", "coding", [])
    support = policies.match("gpt-5", "/v1/chat/completions", "support", [])
    default = policies.match(*CALL)
    assert (coding.name, support.name, default) == ("coding-agent", "support-agent", Policy())
    assert support.budget.tokens < default.budget.tokens < coding.budget.tokens
    assert support.identify.anonymous == "session"
    assert coding.budget.lanes["constraint"] > default.budget.lanes["constraint"]


def test_the_book_refuses_to_open_on_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "default.yaml").write_text("memory: maybe")
    with pytest.raises(ConfigError, match=r"default\.yaml:1: \$\.memory"):
        PolicyBook(tmp_path, KINDS)


def test_policies_that_do_not_go_with_what_else_is_configured_are_not_taken(tmp_path: Path) -> None:
    def faults(policies: Policies) -> list[str]:
        return [f"{policy.name} is off" for policy in policies.policies if policy.memory == "off"]

    (tmp_path / "default.yaml").write_text("memory: read")
    book = PolicyBook(tmp_path, KINDS, faults)
    (tmp_path / "default.yaml").write_text("memory: off")
    (tmp_path / "a.yaml").write_text("memory: off")
    assert book.reload() == "a is off\ndefault is off"
    assert book.current.match(*CALL).memory == "read"
    with pytest.raises(ConfigError, match="a is off"):
        PolicyBook(tmp_path, KINDS, faults)


def test_a_reload_swaps_the_policies_or_keeps_them(tmp_path: Path) -> None:
    book = PolicyBook(tmp_path, KINDS)
    before = book.current
    (tmp_path / "default.yaml").write_text("place: {turn: nowhere}")
    complaint = book.reload()
    assert complaint == f"{tmp_path}/default.yaml:1: $.place.turn: found 'nowhere', expected true or false"
    assert book.current is before
    (tmp_path / "default.yaml").write_text("place: {turn: false}")
    assert book.reload() is None
    assert before.match(*CALL).place == Place()
    assert book.current.match(*CALL).place == Place(turn=False)


@asynccontextmanager
async def watching(book: PolicyBook) -> AsyncIterator[asyncio.Queue[str | None]]:
    """The outcomes of a running watch that stands."""
    outcomes: asyncio.Queue[str | None] = asyncio.Queue()
    stop = asyncio.Event()
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        tasks.create_task(book.watch(stop, outcomes.put_nowait))
        yield outcomes
        stop.set()


async def until(outcomes: asyncio.Queue[str | None], wanted: str | None) -> None:
    """An edit may be noticed in several steps; the last one tells."""
    async with asyncio.timeout(10):
        while await outcomes.get() != wanted:
            pass


async def test_an_edit_takes_effect_while_serving_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "default.yaml"
    file.write_text("memory: read\n")
    book = PolicyBook(tmp_path, KINDS)
    async with watching(book) as outcomes:
        await until(outcomes, None)

        file.write_text("# a slip of the pen\nmemory: raed\n")
        await until(outcomes, f"{file}:2: $.memory: found 'raed', expected one of on, read, write, off "
                              "(did you mean read?)")  # fmt: skip
        assert book.current.match(*CALL).memory == "read"

        file.write_text("memory: write\n")
        await until(outcomes, None)
        assert book.current.match(*CALL).memory == "write"

        (tmp_path / "new.yaml").write_text("match: {agent: [default]}\nmemory: off\n")
        await until(outcomes, None)
        assert book.current.match(*CALL).memory == "off"


async def test_an_edit_from_before_the_watch_stood_is_not_missed(tmp_path: Path) -> None:
    book = PolicyBook(tmp_path, KINDS)
    (tmp_path / "default.yaml").write_text("memory: off")
    async with watching(book) as outcomes:
        await until(outcomes, None)
        assert book.current.match(*CALL).memory == "off"


async def test_nothing_is_told_while_nothing_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.policybook.WATCH_STANDS_MS", 1)
    async with watching(PolicyBook(tmp_path, KINDS)) as outcomes:
        await until(outcomes, None)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await outcomes.get()


@pytest.mark.parametrize("text", ["memory: off", "match: {agent: [default]}\nmemory: off"])
def test_a_folder_that_disappears_leaves_the_policies_in_force(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / ("some.yaml" if "match" in text else "default.yaml")).write_text(text)
    book = PolicyBook(folder, KINDS)
    folder.rename(tmp_path / "elsewhere")
    assert book.reload() == f"{folder} has gone; the policies in force stay"
    assert book.current.match(*CALL).memory == "off"


def test_a_folder_that_never_was_is_not_missed(tmp_path: Path) -> None:
    book = PolicyBook(tmp_path / "absent", KINDS)
    assert book.reload() is None
    assert book.current.policies == (Policy(),)


def made(folder: Path, text: str) -> None:
    """A folder with this default, in its place at once."""
    draft = folder.with_name("draft")
    draft.mkdir()
    (draft / "default.yaml").write_text(text)
    draft.rename(folder)


@pytest.mark.parametrize("is_deleted", [True, False])
async def test_a_folder_that_comes_back_is_watched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_deleted: bool
) -> None:
    monkeypatch.setattr("gateway.policybook.LOOK_AGAIN_S", 0.01)
    folder = tmp_path / "policies"
    made(folder, "memory: off")
    book = PolicyBook(folder, KINDS)
    async with watching(book) as outcomes:
        await until(outcomes, None)
        if is_deleted:
            shutil.rmtree(folder)
        else:
            folder.rename(tmp_path / "old")
        await until(outcomes, f"{folder} has gone; the policies in force stay")
        assert book.current.match(*CALL).memory == "off"
        made(folder, "memory: read")
        await until(outcomes, None)
        assert book.current.match(*CALL).memory == "read"
        (folder / "default.yaml").write_text("memory: write")
        await until(outcomes, None)
        assert book.current.match(*CALL).memory == "write"


async def test_another_folder_in_the_same_place_takes_effect_and_is_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.policybook.LOOK_AGAIN_S", 0.01)
    folder = tmp_path / "policies"
    made(folder, "memory: off")
    book = PolicyBook(folder, KINDS)
    async with watching(book) as outcomes:
        await until(outcomes, None)
        folder.rename(tmp_path / "old")
        made(folder, "memory: read")
        await until_mode(book, outcomes, "read")
        (folder / "default.yaml").write_text("memory: write")
        await until_mode(book, outcomes, "write")


async def test_a_link_that_is_set_to_another_folder_takes_effect_and_that_one_is_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.policybook.LOOK_AGAIN_S", 0.01)
    made(tmp_path / "v1", "memory: off")
    made(tmp_path / "v2", "memory: read")
    link = tmp_path / "policies"
    link.symlink_to("v1")
    book = PolicyBook(link, KINDS)
    async with watching(book) as outcomes:
        await until(outcomes, None)
        (tmp_path / "next").symlink_to("v2")
        (tmp_path / "next").rename(link)
        await until_mode(book, outcomes, "read")
        (tmp_path / "v2/default.yaml").write_text("memory: write")
        await until_mode(book, outcomes, "write")


async def test_a_folder_that_is_made_anew_in_a_moment_is_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.policybook.LOOK_AGAIN_S", 0.01)
    folder = tmp_path / "policies"
    made(folder, "memory: off")
    book = PolicyBook(folder, KINDS)
    async with watching(book) as outcomes:
        await until(outcomes, None)
        shutil.rmtree(folder)
        folder.mkdir()  # often with the number of the old one
        (folder / "default.yaml").write_text("memory: read")
        await until_mode(book, outcomes, "read")
        (folder / "default.yaml").write_text("memory: write")
        await until_mode(book, outcomes, "write")


async def until_mode(book: PolicyBook, outcomes: asyncio.Queue[str | None], mode: str) -> None:
    async with asyncio.timeout(10):
        while book.current.match(*CALL).memory != mode:
            await outcomes.get()


async def test_a_folder_that_is_missing_at_the_start_is_read_when_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.policybook.LOOK_AGAIN_S", 0.01)
    book = PolicyBook(tmp_path / "policies", KINDS)
    async with watching(book) as outcomes:
        made(tmp_path / "policies", "memory: off")
        await until(outcomes, None)
        assert book.current.match(*CALL).memory == "off"


async def test_a_watch_for_a_missing_folder_ends_when_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.policybook.LOOK_AGAIN_S", 60)
    async with watching(PolicyBook(tmp_path / "absent", KINDS)) as outcomes:
        assert outcomes.empty()
