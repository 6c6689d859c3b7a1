"""What a run leaves behind: words on the terminal, `junit.xml`, `summary.json` and its logs."""
