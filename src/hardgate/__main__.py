"""`python -m hardgate`."""

from hardgate.cli.start import start_process

if __name__ == "__main__":
    start_process()
