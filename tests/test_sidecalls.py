"""gateway/sidecalls.py: what clients ask on the side, in their own words, and what only sounds like it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.shapes.chat import SHAPE
from gateway.sidecalls import PROBE_TOKENS, SEARCHED_CHARS, is_side_call
from tests.evaluation import data_dir

DOG = "My dog Biscuit is allergic to chicken."
TOOL = {"type": "function", "function": {"name": "look", "parameters": {}}}


def is_side(*said: tuple[str, str], **members: object) -> bool:
    messages = [{"role": role, "content": text} for role, text in said]
    call = SHAPE.read(json.dumps({"model": "gpt-4o", "messages": messages, **members}).encode())
    assert call is not None
    return is_side_call(call)


SYSTEM = {
    "opencode": "You are a title generator. You output ONLY a thread title. Nothing else.",
    "opencode, compaction": "You are a helpful AI assistant tasked with summarizing conversations.",
    "LobeChat": "You are a professional conversation summarizer. Generate a concise title.",
    "OpenHands": "You are a helpful assistant that generates concise, descriptive titles for conversations.",
    "a chat template": "- you will generate a short title based on the first message a user begins with",
    "Cherry Studio": "You are good at naming. Summarize the user's conversation into a title within ten characters.",
    "a summary": "Summarise this chat in a paragraph, so that it can go on from there.",
    "tags": "Suggest up to five tags for the conversation below.",
    "search": "Write search queries for the last question of this chat.",
    "emoji": "Provide one emoji that fits the thread.",
}


@pytest.mark.parametrize("text", SYSTEM.values(), ids=list(SYSTEM))
@pytest.mark.parametrize("role", ["system", "developer"])
def test_a_client_that_asks_under_a_system_text_of_its_own_is_known(role: str, text: str) -> None:
    assert is_side((role, text), ("user", DOG))


USER = {
    "Open WebUI, title": "### Task:\nGenerate a concise, 3-5 word title with an emoji summarizing the chat history.",
    "Open WebUI, tags": "### Task:\nGenerate 1-3 broad tags categorizing the main themes of the chat history, along "
    "with 1-3 more specific subtopic tags.",
    "Open WebUI, follow-ups": "### Task:\nSuggest 3-5 relevant follow-up questions or prompts that the user might "
    "naturally ask next in this conversation as a **user**, based on the chat history.",
    "Open WebUI, search": "### Task:\nAnalyze the chat history to determine the necessity of search queries.",
    "Open WebUI, completion": "### Task:\nYou are an autocompletion system. Continue the text in `<text>`.",
    "Open WebUI, image": "### Task:\nGenerate a detailed prompt for an image generation task.",
    "LibreChat": "Provide a concise, 5-word-or-less title for the conversation, using title case conventions.",
    "LibreChat, newer": "Analyze this conversation and provide:\n1. The detected language\n2. A concise title",
    "NextChat": "Please generate a four to five word title summarizing our conversation without any lead-in.",
    "Zed": "Generate a concise 3-7 word title for this conversation, omitting punctuation.",
    "opencode": "Generate a title for this conversation:\n",
    "plain": "Write a short title for this chat",
    "label": "Title for: how do volcanoes form",
    "history": "\n<chat_history>\nUSER: hi\nASSISTANT: Hello\n</chat_history>",
}


@pytest.mark.parametrize("text", USER.values(), ids=list(USER))
def test_a_client_that_asks_in_a_users_name_is_known(text: str) -> None:
    assert is_side(("user", text))
    assert is_side(("system", "You are a helpful assistant."), ("user", "hi"), ("assistant", "Hello"), ("user", text))


def test_a_client_that_asks_for_next_to_no_answer_only_wants_to_know_whether_there_is_one() -> None:
    assert is_side(("user", "ping"), max_tokens=1)
    assert is_side(("user", "ping"), max_completion_tokens=PROBE_TOKENS)
    assert not is_side(("user", "ping"), max_tokens=PROBE_TOKENS + 1)


COMPACTION = {
    "Claude Code": "Your task is to create a detailed summary of the conversation so far, paying close attention to",
    "Codex": "You are performing a CONTEXT CHECKPOINT COMPACTION. Create a handoff summary for another model.",
    "LangChain": "<role>\nContext Extraction Assistant\n</role>\n\n<primary_objective>",
}


@pytest.mark.parametrize("text", COMPACTION.values(), ids=list(COMPACTION))
def test_a_summary_that_is_to_replace_the_history_is_asked_for_with_tools_as_well(text: str) -> None:
    before = [("system", "You are a coding agent."), ("user", "hi"), ("assistant", "Hello")]
    assert is_side(*before, ("user", text), tools=[TOOL])
    assert not is_side(*before, ("user", f"What does “{text}” mean?"), tools=[TOOL])
    assert not is_side(*before, ("user", text), ("assistant", "It says hello."), ("user", "Go on."), tools=[TOOL])


@pytest.mark.parametrize("kind", ["prewarm", "compaction", "memory"])
def test_a_client_that_says_what_a_request_is_for_is_believed(kind: str) -> None:
    call = SHAPE.read(json.dumps({"messages": [{"role": "user", "content": DOG}], "tools": [TOOL]}).encode())
    assert call is not None
    assert is_side_call(call, kind)
    assert not is_side_call(call, "turn")


def test_a_request_to_generate_nothing_only_warms_a_cache() -> None:
    assert is_side(("user", DOG), generate=False, tools=[TOOL])
    assert not is_side(("user", DOG), generate=True, tools=[TOOL])


@pytest.mark.parametrize("text", [*SYSTEM.values(), *USER.values()])
def test_who_has_tools_works_whatever_the_words(text: str) -> None:
    assert not is_side(("system", text), ("user", text), tools=[TOOL], max_tokens=1)


CONVERSATIONS: dict[str, tuple[str, str]] = {
    "a blog": ("You are a helpful assistant.", "Suggest a title for my blog post about volcanoes."),
    "a title": ("You are terse.", "Write me a title, three tags and a summary of this article: ..."),
    "a song": ("", "What is the title of the song in our chat group's video?"),
    "a summary": ("", "Summarize this conversation I had with my landlord: ..."),
    "a letter": ("You write letters. Each has a title and a date.", "Write to my landlord."),
    "commits": ("Write a title and a message for each commit.", "Here is the diff."),
    "papers": ("You are tasked with summarizing scientific papers.", "Here is the first one."),
    "a shop": ("You create product titles and tags for a shop. You chat with its owner.", "A red scarf."),
    "a template": ("", "### Task:\nRefactor this function.\n### Guidelines:\nKeep it short."),
    "a script": ("", "### Task:\nGenerate a Python script that sorts my photos."),
    "Open WebUI, documents": (
        "",
        "### Task:\nRespond to the user query using the provided context, incorporating "
        "inline citations in the format [id].\n<user_query>\nWhat may my dog eat?\n</user_query>",
    ),
    "quoting": ("", 'What does "Generate a title for this conversation" do in opencode?'),
    "pasting": ("", "Look at this prompt:\n### Task:\nGenerate a title of the chat history."),
    "nothing": ("", ""),
}


@pytest.mark.parametrize(("system", "text"), CONVERSATIONS.values(), ids=list(CONVERSATIONS))
def test_a_person_who_speaks_of_titles_tags_and_summaries_has_a_conversation(system: str, text: str) -> None:
    assert not is_side(("system", system), ("user", text))
    assert not is_side(("user", text), ("assistant", "Generate a title for this conversation"), ("user", "Why?"))


RULES = {
    "goodbye": "You are a shop's assistant. " * 12 + "When a customer leaves, summarize the conversation.",
    "posts": "You help bloggers. Be friendly and brief, and never promise anything. " * 6
    + "Generate catchy titles and tags, and keep the chat going.",
}


@pytest.mark.parametrize("text", RULES.values(), ids=list(RULES))
def test_a_title_that_is_one_rule_among_others_makes_no_side_call(text: str) -> None:
    assert not is_side(("system", text), ("user", DOG))


@pytest.mark.parametrize("text", SYSTEM.values(), ids=list(SYSTEM))
def test_who_has_got_an_answer_talks_of_titles_unless_the_talk_is_to_be_summed_up(text: str) -> None:
    is_summarizer = "summariz" in text and ("tasked" in text or "summarizer" in text)
    assert is_side(("system", text), ("user", "hi"), ("assistant", "Hello"), ("user", DOG)) is is_summarizer


def test_a_conversation_in_which_a_title_was_once_asked_for_goes_on() -> None:
    said = [("user", DOG), ("assistant", "Poor dog."), ("user", "Write a short title for this chat")]
    assert not is_side(*said, ("assistant", "Biscuit"), ("user", "And what may he eat?"))


def test_what_a_call_is_for_is_said_first() -> None:
    assert not is_side(("system", "x" * SEARCHED_CHARS + SYSTEM["opencode"]), ("user", "hi"))


def captured() -> dict[str, Any]:
    """Bodies of all requests to chat completions, by the name of their file."""
    data = data_dir()
    folder = None if data is None else data.parent / "captures"
    if folder is None or not folder.is_dir():
        pytest.skip("captured requests are not here: set ACCRUE_DATA to the folder beside them")
    requests = {path.stem: json.loads(path.read_bytes()) for path in sorted(folder.glob("*/*.json"))}
    return {name: each["body"] for name, each in requests.items() if each["path"] == "/v1/chat/completions"}


def test_of_what_real_clients_sent_one_asked_for_a_title_and_one_had_given_up() -> None:
    calls = {name: SHAPE.read(json.dumps(body).encode()) for name, body in captured().items()}
    on_the_side = {name for name, call in calls.items() if call is not None and is_side_call(call)}
    assert on_the_side - {"t-smolagents.03"} == {"t-opencode-multi.01"}
    assert len(calls) > 100
