"""One skip alone passes CI: of data that is no part of the repository, where it is absent indeed."""

import pytest

from tests import shared_data


def reason_of(name: str) -> str:
    with pytest.raises(pytest.skip.Exception) as skipped:
        shared_data.path_of(name)
    return str(skipped.value)


def test_the_skip_for_absent_data_is_told_from_every_other(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(shared_data, "FOLDER", tmp_path)
    reason = reason_of("log/calls.csv")
    assert "../shared/data/log/calls.csv is not beside the repository" in reason
    assert shared_data.is_of_absence(reason)
    assert not shared_data.is_of_absence("no Kafka: java is not installed")
    assert not shared_data.is_of_absence("")
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "calls.csv").touch()
    assert not shared_data.is_of_absence(reason)
    assert shared_data.path_of("log/calls.csv") == tmp_path / "log" / "calls.csv"
