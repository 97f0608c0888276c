"""``python -m ssdiff_cli`` is the command ``ssdiff``."""

from ssdiff_cli.app import main

if __name__ == "__main__":
    main()
