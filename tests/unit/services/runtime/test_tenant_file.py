from datetime import date, time
from pathlib import Path

import pytest

from schemas.errors import ConfigurationError
from services.runtime.tenant_file import load_tenant


def problem(path: Path) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        load_tenant(path)
    assert "\n" not in str(caught.value)
    return caught.value


def changed(path: Path, old: str, new: str) -> Path:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return path


def line_of(path: Path, part: str) -> int:
    return next(number for number, line in enumerate(path.read_text().splitlines(), 1) if part in line)


def test_times_dates_and_numbers_are_what_people_meant(tenant_file: Path) -> None:
    config = load_tenant(tenant_file)
    (monday,) = config.facility.hours.week["mon"]
    assert (monday.opens, monday.closes) == (time(8), time(17))
    assert config.facility.hours.closed_on == (date(2030, 1, 1),)
    assert config.numbers == ("+15005550100",)
    assert config.version == 1


@pytest.mark.parametrize(
    ("old", "new", "said", "remedy"),
    [
        ("default_queue: triage", "defualt_queue: triage", "unknown key defualt_queue", "Did you mean default_queue?"),
        ("    role: nurse", "    rol: nurse", "unknown key agents.0.rol", "Did you mean role?"),
        ("    zone: America", "    color: blue\n    zone: America", "unknown key facility.hours.color", "Known here:"),
        ("{skill: triage}", "{skil: triage}", "unknown key queues.0.requires.0.skil", "Did you mean skill?"),
        ("opens: 08:00,", "open: 08:00,", "unknown key facility.hours.week.mon.0.open", "Did you mean opens?"),
        ("cell: pool\n", "", "cell is missing", "Add cell."),
        ("America/New_York", "America/Gotham", "no time zone is called", "Look the name up"),
        ("closes: 17:00", "closes: 07:00", "closes (07:00) is not after opens (08:00)", "at 24:00"),
        ("+15005550100", "555-0100", "numbers.0: string should match", "Mend it"),
        (
            "default_queue: triage",
            "default_queue: refills",
            "default_queue 'refills' is not among",
            "Choose one of triage",
        ),
        ("default_queue: triage", "cell: two", "key 'cell' is given twice", "Mend it"),
        ("cell: pool", "cell: [pool", "this is no YAML", "Mend it"),
        ("cell: pool", "cell: !!python/object:os.system x", "this is no YAML", "Mend it"),
    ],
)
def test_a_mistake_is_told_with_file_line_and_remedy(
    tenant_file: Path, old: str, new: str, said: str, remedy: str
) -> None:
    error = problem(changed(tenant_file, old, new))
    assert error.problem.startswith(f"{tenant_file}:")
    assert said in error.problem
    assert remedy in error.remedy


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("    role: nurse", "    rol: nurse", "rol: nurse"),
        ("America/New_York", "America/Gotham", "Gotham"),
        ("default_queue: triage", "cell: two", "cell: two"),
        ("{skill: triage}", "{skil: triage}", "skil: triage"),
        ("default_queue: triage", "default_queue: refills", "default_queue: refills"),
        ("closes: 17:00", "closes: 07:00", "closes: 07:00"),
    ],
)
def test_the_line_is_the_one_to_mend(tenant_file: Path, old: str, new: str, part: str) -> None:
    path = changed(tenant_file, old, new)
    assert problem(path).problem.startswith(f"{path}:{line_of(path, part)}:")


@pytest.mark.parametrize("content", [b"", b"- a\n", b"text", b"\xff\xfe\x00", b"a: \x01", b"[" * 5000])
def test_what_is_no_document_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    assert str(path) in problem(path).problem


def test_a_file_that_is_missing_or_too_large_is_told(tmp_path: Path) -> None:
    assert "cannot be read (No such file or directory)" in problem(tmp_path / "none.yaml").problem
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * (512 * 1024 + 1))
    assert "is larger than" in problem(large).problem
