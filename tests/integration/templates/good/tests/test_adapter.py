import adapter


def test_it_says_it_again():
    assert adapter.answer(" hello\n") == "hello"


def test_it_has_a_name():
    assert adapter.NAME
