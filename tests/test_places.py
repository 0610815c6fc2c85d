"""gateway/places.py: where work touches a file, a symbol or a test, it is known by name."""

from __future__ import annotations

import pytest

from gateway.places import MAX_FOLDERS, MAX_TEXT_CHARS, defined, is_file, is_touched, named

TEST = "tests/test_cart.py::TestCart::test_total[eur-2]"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("Please edit src/cart.py.", "src/cart.py"),
        ("Please edit ./src/cart.py", "src/cart.py"),
        ('{"path": "/repo/src/cart.py"}', "src/cart.py"),
        ("open src\\cart.py", "src/cart.py"),
        ("what does cart.py do?", "src/cart.py"),
        ("what does cart.py do?", "cart.py"),
        (f"run `pytest {TEST}`", TEST),
        (f"{TEST} FAILED", "tests/test_cart.py"),
        (f"/repo/{TEST} FAILED", TEST),
        ("rename Cart.total_price, please", "total_price"),
        ("rename (Cart.total_price)", "Cart.total_price"),
        ("call total_price() twice", "total_price"),
        ("--- FAIL: TestTotal (0.00s)", "TestTotal"),
        ("see:src/cart.py", "src/cart.py"),
        ("see [cart.py] or <src/cart.py>", "src/cart.py"),
        ("list[LineItem]", "LineItem"),
    ],
)
def test_a_place_is_touched_by_its_name(text: str, place: str) -> None:
    assert is_touched(place, named(text))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("edit src/cart.py", "lib/cart.py"),
        ("edit lib/cart.py", "src/cart.py"),
        ("edit src/cart.pyi", "src/cart.py"),
        ("edit src/mycart.py", "src/cart.py"),
        ("see __init__.py", "src/__init__.py"),
        ("the cart is empty", "src/cart.py"),
        (f"run `pytest {TEST}`", "tests/test_cart.py::test_other"),
        ("the total price", "total_price"),
        ("", "src/cart.py"),
    ],
)
def test_another_place_is_not_touched(text: str, place: str) -> None:
    assert not is_touched(place, named(text))


@pytest.mark.parametrize("piece", ["-", ".", "./", "/", "\\", "::<", "::a<", "::-<-", "[/", "/..", "a/", "--/", "a-"])
def test_lines_of_dashes_dots_and_slashes_are_read_once(piece: str) -> None:
    """Without the mend most of these texts take a third of a second each."""
    for text in range(200):
        assert str(text) in named(f"{piece * (4_000 // len(piece) - 4)} {text}")


def test_of_a_very_deep_path_the_innermost_folders_are_known() -> None:
    names = named("a/" * 1_000 + "b/c.py")
    assert is_touched("a/b/c.py", names)
    assert len(names) <= MAX_FOLDERS + 2


def test_of_a_long_text_both_ends_are_read() -> None:
    names = named("a.py " + "word " * MAX_TEXT_CHARS + "b.py " + "word " * MAX_TEXT_CHARS + " c.py")
    assert ("a.py" in names, "b.py" in names, "c.py" in names) == (True, False, True)


def test_a_file_is_a_path_that_ends_in_a_name_with_an_extension() -> None:
    assert all(map(is_file, ["a.py", "src/a.py", "C:\\src\\a.cs", "/repo/web/a.test.tsx"]))
    assert not any(map(is_file, ["", "src", "src/", "a b.py", "see a.py for it", ".py", "1.5 apples"]))


def test_what_code_defines_is_found_in_order() -> None:
    code = "class Cart:\n    def total_price(self): ...\nfunc (c *Cart) Sum() {}\ndef f(): ...\nclass Cart: ..."
    assert defined(code) == ["Cart", "total_price"]
    assert defined("func (c *Cart) Summed() {}") == ["Summed"]
