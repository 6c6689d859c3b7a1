"""What `hardgate secrets` says of files that it did not look into."""

from hardgate.cli.secrets import MAX_NAMED, describe_unread


def test_files_are_told_by_reason_and_counted() -> None:
    unread = {f"{number}.png": "binary" for number in range(MAX_NAMED + 2)} | {"a": "a submodule"}
    binary, submodule = describe_unread(unread)
    assert binary.startswith("Not looked into (binary): '0.png', '1.png'")
    assert binary.endswith(" and 2 more.")
    assert submodule == "Not looked into (a submodule): 'a'."


def test_a_strange_name_is_one_line_that_can_be_written() -> None:
    (sentence,) = describe_unread({"a\nNotice: all is well\x1b[2J\udcff": "binary"})
    assert "\n" not in sentence
    assert "\x1b" not in sentence
    sentence.encode()
