"""Data of others that lies beside the repository and is no part of it; whoever has it checks figures against it."""

from pathlib import Path
from typing import Final

import pytest

from tests.architecture.source_tree import ROOT

FOLDER: Final = ROOT.parent / "shared" / "data"
_ABSENT: Final = "is not beside the repository, so what was measured in it is not computed again"


def path_of(name: str) -> Path:
    """Return where a file of shared data lies, such as `folder/file.csv`; skips the test where it is absent."""
    path = FOLDER / name
    if not path.is_file():
        pytest.skip(f"../shared/data/{name} {_ABSENT}")
    return path


def is_of_absence(reason: str) -> bool:
    """Tell whether a test was skipped for data that is absent indeed: the one skip that CI lets pass."""
    name = reason.removeprefix("../shared/data/").removesuffix(_ABSENT).strip()
    return reason == f"../shared/data/{name} {_ABSENT}" and not (FOLDER / name).is_file()
