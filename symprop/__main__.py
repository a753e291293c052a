"""``python -m symprop`` is the command ``symprop``."""

from symprop.command_line import main

if __name__ == "__main__":
    main()
