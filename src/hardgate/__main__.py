"""`python -m hardgate`."""

import sys

from hardgate.cli.start import main

if __name__ == "__main__":
    sys.exit(main())
