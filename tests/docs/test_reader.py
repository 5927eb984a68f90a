"""The reader of pages notices what does not work, and does what comments ask for."""

from pathlib import Path

import pytest

from tests.docs.pages import Page
from tests.docs.reader import DoesNotWork, Reader


def read(folder: Path, text: str) -> None:
    """Do what a page of this text says."""
    Reader(Page("page.md", text), folder / "reader").read()


def test_a_page_that_works_is_done_from_beginning_to_end(tmp_path: Path) -> None:
    read(
        tmp_path,
        """
```python title="add.py"
import sys
print(sum(map(int, sys.argv[1:])))
```

```sh
NUMBER=2
python add.py "$NUMBER" 3
```

<!-- shows -->
```
5
```

<!-- run: background until "waiting" -->
```sh
touch waiting; echo waiting; sleep 1000
```

<!-- run: until "waiting" -->
```sh
ls waiting
```

<!-- run: exits 3 -->
```sh
(exit 3)
```

<!-- not run: nobody has such a machine -->
```sh
no-such-program
```
""",
    )


@pytest.mark.parametrize(
    ("block", "what"),
    [
        ("```sh\nfalse\ntrue\n```", "a command failed"),
        ("```sh\nfalse | true\n```", "a command failed"),
        ("```python\nassert 1 == 2\n```", "AssertionError"),
        ("```sh\necho five\n```\n\n<!-- shows -->\n```\nsix\n```", "was not printed"),
        ('<!-- run: background until "up" -->\n```sh\necho down\n```', "never showed 'up'"),
        ("<!-- run: sometimes -->\n```sh\ntrue\n```", "nobody knows what"),
        ("<!-- run: exits 3 -->\n```sh\ntrue\n```", "not 3"),
    ],
)
def test_a_page_that_does_not_work_is_told(tmp_path: Path, block: str, what: str) -> None:
    with pytest.raises(DoesNotWork, match=r"page\.md:\d+") as told:
        read(tmp_path, block)

    assert what in str(told.value)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("one\n…\nthree", "one\ntwo\nthree"),
        ("id … is open", "id wa_1 is open"),
        ("at 2026-11-23 10:00", "at 2031-01-02 03:04"),
        ("job auto-0f9e8d7c6b5a43210f9e8d7c6b5a4321", "job auto-aaaabbbbccccdddd0000111122223333"),
        ("a  b", "a      b"),
    ],
)
def test_what_is_another_each_time_need_not_be_the_same(tmp_path: Path, shown: str, printed: str) -> None:
    read(tmp_path, f"```sh\nprintf '{printed}\\n'\n```\n\n<!-- shows -->\n```\n{shown}\n```")
