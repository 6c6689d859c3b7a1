"""`python -m hardgate`."""

import sys

from hardgate.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
