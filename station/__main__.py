"""`python -m station` = `station`."""

from station.cli import main

if __name__ == "__main__":
    main()
