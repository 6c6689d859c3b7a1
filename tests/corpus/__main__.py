"""Ask `static` about each entry of the corpus, and print per rule how often it was right.

python -m tests.corpus [--wrong]
"""

import argparse
import sys

from tests.corpus.measure import measure, tell


def main() -> int:
    """Print the table, and each entry that was answered wrongly; 1 where one is."""
    parser = argparse.ArgumentParser(description="Measure static by its corpus.")
    parser.add_argument("--wrong", action="store_true", help="print the wrong answers alone")
    values = parser.parse_args()
    results = measure()
    if not values.wrong:
        print(tell(results))
    wrong = [result for result in results if result.kind != "right"]
    for result in wrong:
        print(f"{result.kind}: {result.entry.name}\n    {result.why}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
