"""Words for people: printable text, guesses for typos."""
