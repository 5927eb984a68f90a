"""`python -m oxyq` is `oxyq`."""

import sys

from oxyq.cli import main

if __name__ == "__main__":
    sys.exit(main())
