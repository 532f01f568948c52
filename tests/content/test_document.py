"""YAML as a tree with lines, and everything of YAML that is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from grader.content.document import Mapping, Scalar, Sequence, read_document
from grader.errors import ContentError


@pytest.fixture(params=["libyaml", "pure Python"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both parsers of PyYAML: some systems ship it without the C library."""
    if request.param == "libyaml" and not yaml.__with_libyaml__:
        pytest.skip("PyYAML was built without libyaml here")
    monkeypatch.setattr(yaml, "__with_libyaml__", request.param == "libyaml")


@pytest.fixture
def path(root: Path, parser: None) -> Path:
    return root / "some.yaml"


def test_nodes_know_their_line_and_key(path: Path) -> None:
    path.write_text("a: 1\nb:\n  c: [x, 'y']\n  d:\n    - {e: no}\n")
    tree = read_document(path)
    assert str(tree.entries["a"].place) == "some.yaml:1: a"
    below = tree.entries["b"]
    assert isinstance(below, Mapping)
    assert str(below.place) == "some.yaml:2: b"
    listing = below.entries["c"]
    assert isinstance(listing, Sequence)
    assert [str(item.place) for item in listing.items] == ["some.yaml:3: b.c[0]", "some.yaml:3: b.c[1]"]
    assert [item.plain for item in listing.items if isinstance(item, Scalar)] == [True, False]
    nested = below.entries["d"]
    assert isinstance(nested, Sequence)
    inner = nested.items[0]
    assert isinstance(inner, Mapping)
    assert inner.flow
    assert not below.flow
    value = inner.entries["e"]
    assert isinstance(value, Scalar)
    assert value.value == "no"
    assert str(value.place) == "some.yaml:5: b.d[0].e"


@pytest.mark.parametrize(
    ("text", "empty"), [("a:", True), ("a: ~", True), ("a: null", True), ("a: 'null'", False), ("a: ''", False)]
)
def test_what_counts_as_nothing(path: Path, text: str, empty: bool) -> None:
    path.write_text(text)
    value = read_document(path).entries["a"]
    assert isinstance(value, Scalar)
    assert value.empty is empty


def test_a_byte_order_mark_and_windows_lines_are_read(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    tree = read_document(path)
    assert list(tree.entries) == ["a", "b"]
    assert tree.entries["b"].place.line == 2


QUOTE = "put quotes around a text that holds ': ', ' #' or, inside [...] and {...}, a comma"

WRITE_OUT = "write the value out where it is used"
OBJECT = "!!python/object:os.system"

REFUSED = {
    "anchor": ("a: &x 1\nb: *x\n", "1: a: the anchor &x is not allowed", WRITE_OUT),
    "anchor on a list": ("a:\n  - &x [1]\n", "2: a[0]: the anchor &x is not allowed", WRITE_OUT),
    "alias": ("a: 1\nb: *x\n", "2: b: the alias *x is not allowed", WRITE_OUT),
    "tag": (
        f"a: {OBJECT} 1\n",
        "1: a: the tag tag:yaml.org,2002:python/object:os.system is not allowed",
        "leave it out",
    ),
    "own tag": ("b: 1\na: !thing 1\n", "2: a: the tag !thing is not allowed", "leave it out"),
    "key twice": ("a: 1\nb: 2\na: 3\n", "3: a: the key is there twice, first on line 1", "keep one of the two"),
    "key twice, quoted": (
        "t:\n  a: 1\n  'a': 3\n",
        "3: t.a: the key is there twice, first on line 2",
        "keep one of the two",
    ),
    "list as key": ("? [a, b]\n: 1\n", "1: a key must be a text", QUOTE),
    "second document": (
        "a: 1\n---\nb: 1\n",
        "2: a second document begins here",
        "keep one document a file: remove the '---'",
    ),
    "list on top": ("- a\n", "1: holds no keys", "write one `key: value` a line"),
    "nothing": ("# only a comment\n", "1: holds no keys", "write one `key: value` a line"),
    "deep": (f"a: {'[' * 30}{']' * 30}\n", f"1: a{'[0]' * 20}: is nested deeper than 20 levels", "count the brackets"),
}


@pytest.mark.parametrize(("text", "message", "remedy"), REFUSED.values(), ids=REFUSED)
def test_what_content_does_not_need_is_refused(path: Path, text: str, message: str, remedy: str) -> None:
    path.write_text(text)
    with pytest.raises(ContentError) as caught:
        read_document(path)
    assert caught.value.message.en == f"some.yaml:{message}"
    assert caught.value.remedy.en == remedy


# The words are those of the parser, which differ; the line is ours.
@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: (x: int)\n", 2),
        ("a: 1\nb: [1,\n", 3),
        ("a: 1\n\tb: 2\n", 2),
        ("a: 1\nb: 'x\n", 3),
        ("a: 1\nb: {s: (x, *, p)}\n", 2),
    ],
)
def test_what_is_not_yaml_is_told_with_its_line(path: Path, text: str, line: int) -> None:
    path.write_text(text)
    with pytest.raises(ContentError) as caught:
        read_document(path)
    assert caught.value.message.en.startswith(f"some.yaml:{line}: is not YAML: ")
    assert "\n" not in caught.value.message.en
    assert caught.value.remedy.en == QUOTE


def test_a_character_that_yaml_forbids_is_told_with_its_line(path: Path) -> None:
    path.write_text("a: 1\nb: \x00\n")
    with pytest.raises(ContentError) as caught:
        read_document(path)
    assert caught.value.message.en.startswith("some.yaml:2: is not YAML: ")


def test_what_is_not_text_is_told_with_its_line(path: Path) -> None:
    path.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(ContentError) as caught:
        read_document(path)
    assert str(caught.value) == "some.yaml:2: is not UTF-8\nsave it as UTF-8"


def test_a_missing_file_is_told(path: Path) -> None:
    with pytest.raises(ContentError) as caught:
        read_document(path)
    assert str(caught.value) == (
        "some.yaml: cannot be read: No such file or directory\nsee that it exists and that you may read it"
    )


def test_a_huge_file_is_refused_before_it_is_parsed(path: Path) -> None:
    path.write_text("a: 1\n" * 300_000)
    with pytest.raises(ContentError) as caught:
        read_document(path)
    # parsed, it would be the key that is there twice
    assert str(caught.value) == "some.yaml: has more than 1000000 characters\nshorten it"


def test_a_path_elsewhere_is_named_whole(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("elsewhere") / "other.yaml"
    path.write_text("- a\n")
    with pytest.raises(ContentError) as caught:
        read_document(path)
    assert caught.value.message.en == f"{path}:1: holds no keys"
