from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gateway.breaker import FAILURES, Breaker
from gateway.clock import SystemClock
from gateway.embedders.slow import EMBEDDED_CHARS, PROBE, QUERIES_KEPT, QUERY_THREADS, SlowEmbedder
from gateway.errors import MemoryUnavailable

FOREVER_S = 10.0


class Letters:
    """Counts a and b. Fails while it has a reason to, waits while it is held, and remembers what it was asked."""

    name, size = "letters", 2

    def __init__(self, reason: str = "") -> None:
        self.reason = reason
        self.asked: list[tuple[list[str], bool]] = []
        self.probed = threading.Semaphore(0)
        self.free = threading.Event()
        self.free.set()
        self.is_closed = False
        self.swallowed: threading.Event | None = None
        """Until when the next question waits, and no other."""

    def vectors(self, texts: Sequence[str], *, is_query: bool) -> list[list[float]]:
        if texts == [PROBE]:
            self.probed.release()
        else:
            self.asked.append((list(texts), is_query))
        swallowed, self.swallowed = self.swallowed, None
        assert swallowed is None or swallowed.wait(FOREVER_S)
        assert self.reason or self.free.wait(FOREVER_S)
        if self.reason:
            raise MemoryUnavailable(self.reason)
        return [[float(text.count("a")), float(text.count("b"))] for text in texts]

    def close(self) -> None:
        self.is_closed = True


@contextmanager
def over(
    model: Letters, *, patience_s: float = FOREVER_S, longest_s: float = 0.01, **changes: str | int
) -> Iterator[SlowEmbedder]:
    breaker = Breaker("embedder", SystemClock(), longest_s=longest_s)
    embedder = SlowEmbedder(model, breaker, patience_s=patience_s, **changes)  # type: ignore[arg-type] # a test's own choice
    embedder.wait_until_tried(FOREVER_S)
    if not model.reason:
        wait_until_found(embedder)
    yield embedder
    model.free.set()
    embedder.close()


def wait_until_found(embedder: SlowEmbedder) -> None:
    """Return when nobody is seeking the model any more."""
    for thread in threading.enumerate():
        if thread.name == "embedder":
            thread.join(FOREVER_S)
    assert not embedder._is_sought


def asked_again(embedder: SlowEmbedder, text: str) -> list[float]:
    """The vector of a query that is late at first, or for which the model was not asked."""
    for _ in range(1_000):
        wait_until_found(embedder)
        with suppress(MemoryUnavailable):
            return embedder.query(text)
    raise AssertionError("the vector never came")


def test_vectors_have_length_one_and_a_text_with_nothing_in_it_has_zeros() -> None:
    model = Letters()
    with over(model) as embedder:
        assert embedder.embed(["aaabbbb", " \n", "bb", "xyz"]) == [[0.6, 0.8], [0.0, 0.0], [0.0, 1.0], [0.0, 0.0]]
        assert embedder.embed(["", " "]) == [[0.0, 0.0]] * 2
        assert embedder.embed([]) == []
        assert embedder.query(" ") == [0.0, 0.0]
        assert embedder.size == 2
    assert [texts for texts, _ in model.asked] == [["aaabbbb", "bb", "xyz"]]
    assert model.is_closed


@settings(deadline=None, max_examples=40)
@given(texts=st.lists(st.text("ab \ud800"), max_size=9), batch=st.integers(1, 4))
def test_batches_change_nothing_but_how_much_is_asked_at_once(texts: list[str], batch: int) -> None:
    model = Letters()
    with over(model, batch=batch) as embedder:
        vectors = embedder.embed(texts)
        assert vectors == [embedder.embed([text])[0] for text in texts]
    assert all(len(asked) <= batch for asked, _ in model.asked)
    for text, vector in zip(texts, vectors, strict=True):
        assert math.hypot(*vector) == pytest.approx(1.0 if "a" in text or "b" in text else 0.0)


def test_prefixes_stand_before_the_text_and_that_of_passages_names_another_space() -> None:
    model = Letters()
    with over(model, query_prefix="query: ", passage_prefix="passage: ") as embedder, over(Letters()) as plain:
        embedder.query("ab")
        embedder.embed(["ab", ""])
        assert plain.name == "letters"
        assert embedder.name == "letters 'passage: '"
    assert model.asked == [(["query: " + PROBE], True), (["query: ab"], True), (["passage: ab"], False)]


def test_texts_are_read_up_to_a_limit_and_odd_characters_do_not_matter() -> None:
    model = Letters()
    with over(model) as embedder:
        embedder.embed(["a" * EMBEDDED_CHARS + "b", "a\ud800b"])
    assert model.asked == [(["a" * EMBEDDED_CHARS, "a?b"], False)]


def test_the_vectors_of_queries_are_kept_and_the_longest_unasked_goes_first() -> None:
    model = Letters()
    with over(model) as embedder:
        texts = ["a" * (count + 1) for count in range(QUERIES_KEPT)]
        for text in [*texts, texts[0], "b", texts[0]]:
            embedder.query(text)
        assert [asked for asked, _ in model.asked] == [[text] for text in [*texts, "b"]]
        embedder.query(texts[1])
    assert model.asked[-1] == ([texts[1]], True)


@pytest.mark.promise("P4")
def test_a_vector_that_is_late_is_not_waited_for_and_serves_whoever_asks_again() -> None:
    model = Letters()
    with over(model, patience_s=0.01) as embedder:
        model.free.clear()
        for _ in range(3):
            with pytest.raises(MemoryUnavailable, match="no vector within 10 ms"):
                embedder.query("ab")
        model.free.set()
        assert asked_again(embedder, "ab") == pytest.approx([0.5**0.5] * 2)
    assert model.asked == [(["ab"], True)]


def test_a_query_that_was_put_aside_for_later_ones_is_one_that_is_late() -> None:
    model = Letters()
    with over(model, patience_s=0.001) as embedder:
        model.free.clear()
        for count in range(2 * QUERIES_KEPT):
            with pytest.raises(MemoryUnavailable):
                embedder.query("a" * count + "b")
        model.free.set()
        assert asked_again(embedder, "b") == [0.0, 1.0]
    assert len(model.asked) < 2 * QUERIES_KEPT


@pytest.mark.promise("P4")
def test_a_model_that_fails_is_left_alone_until_it_answers() -> None:
    model = Letters()
    with over(model) as embedder, capture_logs() as logs:
        embedder.query("ba")
        model.reason = "gone fishing"
        with pytest.raises(MemoryUnavailable, match="gone fishing"):
            embedder.embed(["ab"])
        for _ in range(3):
            with pytest.raises(MemoryUnavailable, match="gone fishing"):
                embedder.embed(["ab"])
            with pytest.raises(MemoryUnavailable, match="gone fishing"):
                embedder.query("ab")
        assert embedder.query("ba") == embedder.query("ba")  # known already
        assert model.asked == [(["ba"], True), (["ab"], False)]
        model.reason = ""
        wait_until_found(embedder)
        assert embedder.query("ab") == pytest.approx([0.5**0.5] * 2)
    assert [entry["event"] for entry in logs] == ["breaker_opened", "breaker_closed"]
    assert logs[0]["cause"] == "gone fishing"


def test_queries_that_hang_keep_none_waiting_once_the_model_is_known_to_be_away() -> None:
    model = Letters()
    with over(model, patience_s=0.01) as embedder:
        model.free.clear()
        for count in range(2 * QUERY_THREADS):
            with pytest.raises(MemoryUnavailable, match="no vector within"):
                embedder.query("a" * count + "b")
        model.reason = "gone"
        for _ in range(2):
            with pytest.raises(MemoryUnavailable):
                embedder.embed(["ab"])
            with pytest.raises(MemoryUnavailable):
                embedder.query("another")
    assert ["another"] not in [asked for asked, _ in model.asked]


def test_queries_that_fail_together_are_one_piece_of_news() -> None:
    model = Letters()
    with capture_logs() as logs, over(model, patience_s=0.01, longest_s=FOREVER_S) as embedder:
        model.free.clear()
        for text in ("a", "b", "ab"):
            with pytest.raises(MemoryUnavailable, match="no vector within"):
                embedder.query(text)
        model.reason = "gone"
        model.free.set()
        embedder.close()
        for thread in threading.enumerate():
            if thread.name.startswith("embed-query"):
                thread.join(FOREVER_S)
    assert [(entry["event"], entry["cause"]) for entry in logs] == [("breaker_opened", "gone")]


def test_a_query_that_fails_is_not_what_is_kept() -> None:
    model = Letters()
    with over(model) as embedder:
        model.reason = "gone"
        with pytest.raises(MemoryUnavailable, match="gone"):
            embedder.query("ab")
        model.reason = ""
        wait_until_found(embedder)
        assert embedder.query("ab") == pytest.approx([0.5**0.5] * 2)


def test_a_model_that_is_away_at_the_start_is_found_when_it_comes() -> None:
    model = Letters(reason="no route")
    with capture_logs() as logs, over(model) as embedder:
        with pytest.raises(MemoryUnavailable, match="no route"):
            embedder.embed(["ab"])
        model.reason = "still booting"
        assert all(model.probed.acquire(timeout=FOREVER_S) for _ in range(3))  # one before, and one that has ended
        model.reason = ""
        wait_until_found(embedder)
        assert embedder.query("ab") == pytest.approx([0.5**0.5] * 2)
    assert [entry["event"] for entry in logs] == ["breaker_opened", "breaker_closed"]
    assert logs[0]["cause"] == "no route"


def test_before_the_first_answer_nothing_is_asked_of_the_model_but_probes() -> None:
    model = Letters()
    model.free.clear()
    embedder = SlowEmbedder(model, Breaker("embedder", SystemClock(), longest_s=0.01))
    embedder.wait_until_tried(0.001)
    with pytest.raises(MemoryUnavailable, match="has not answered yet"):
        embedder.embed(["ab"])
    assert model.asked == []
    model.free.set()
    embedder.wait_until_tried(FOREVER_S)
    assert embedder.embed(["b"]) == [[0.0, 1.0]]
    embedder.close()


@pytest.mark.promise("P4")
def test_a_model_that_is_always_late_is_waited_for_by_a_few_and_still_embeds() -> None:
    model = Letters()
    with over(model, patience_s=0.02) as embedder:
        model.free.clear()
        for count in range(FAILURES):
            with pytest.raises(MemoryUnavailable, match="no vector within 20 ms"):
                embedder.query("a" * (count + 1))
        assert embedder._breaker.is_open
        with pytest.raises(MemoryUnavailable, match="no vector within 20 ms"):
            embedder.embed(["ab"])  # for all that is known it hangs
        with pytest.raises(MemoryUnavailable):
            embedder.query("wanted")
        assert ["wanted"] not in [asked for asked, _ in model.asked]
        model.free.set()
        assert asked_again(embedder, "b") == [0.0, 1.0]
        assert embedder.embed(["b"]) == [[0.0, 1.0]]


def test_a_text_that_could_not_be_asked_for_is_what_the_next_probe_asks_for() -> None:
    model = Letters(reason="gone")
    with over(model) as embedder:
        with pytest.raises(MemoryUnavailable):
            embedder.query("ab")
        model.reason = ""
        wait_until_found(embedder)
        asked = list(model.asked)
        assert embedder.query("ab") == pytest.approx([0.5**0.5] * 2)
        assert asked[-1] == (["ab"], True)
        assert model.asked == asked


def test_a_server_that_has_swallowed_a_probe_is_found_by_the_next() -> None:
    model = Letters(reason="gone")
    with over(model, patience_s=0.01, probes=2) as embedder:
        swallowed = model.swallowed = threading.Event()
        model.reason = ""
        assert all(model.probed.acquire(timeout=FOREVER_S) for _ in range(3))  # one before, one swallowed, one more
        for thread in threading.enumerate():
            if thread.name == "embedder":
                thread.join(0.5)  # the seeker ends, the probe that was swallowed does not
        assert embedder.embed(["b"]) == [[0.0, 1.0]]
        swallowed.set()


def test_closing_ends_the_search_for_a_model_that_is_away() -> None:
    with over(Letters(reason="gone"), longest_s=FOREVER_S) as embedder:
        assert "embedder" in [thread.name for thread in threading.enumerate()]
    for thread in threading.enumerate():
        if thread.name == "embedder":
            thread.join(FOREVER_S)
            assert not thread.is_alive()
    assert embedder._breaker.is_open
