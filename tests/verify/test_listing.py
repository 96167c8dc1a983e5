"""`list` remembers what it found until a derivation changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from derivations.discover import all_ids
from verify.commands import list as listing


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "robust-limits" / "list.json"


def test_the_second_listing_is_read_back_and_the_same(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = listing.read_entries()
    assert [entry["id"] for entry in first] == sorted(all_ids())
    monkeypatch.setattr(listing, "load_every", lambda _: pytest.fail("the derivations were loaded again"))
    assert listing.read_entries() == first


def test_a_changed_derivation_is_listed_anew(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = listing.read_entries()
    monkeypatch.setattr(listing, "_content_key", lambda: "another")
    monkeypatch.setattr(listing, "load_every", lambda _: [])
    assert first
    assert listing.read_entries() == []


def test_a_torn_cache_is_ignored(cache: Path) -> None:
    first = listing.read_entries()
    cache.write_text(cache.read_text(encoding="utf-8").replace("lemmas", "lemons"), encoding="utf-8")
    assert listing.read_entries() == first


ENTRIES: list[dict[str, object]] = [
    {
        "id": f"{'long_' * 7}folder.{name}",
        "title": "t" * 60,
        "source": "A (2000)",
        "steps": 3,
        "solvable": 0,
        "errata": [],
    }
    for name in ("one", "two")
]


def test_a_narrow_listing_folds_the_folders_for_eyes_only() -> None:
    for width in (60, 80, 100):
        folded = listing.lines(ENTRIES, width, may_fold=True)
        assert sum("folder." in line for line in folded) == 1
        assert any(line.startswith("  two ") for line in folded)
        assert all(len(line) <= width for line in folded[1:-1])
        assert sum("folder.one" in line for line in listing.lines(ENTRIES, width)) == 1


def test_a_listing_has_the_sources_where_they_fit() -> None:
    assert not any("A (2000)" in line for line in listing.lines(ENTRIES, 120))
    assert sum("A (2000)" in line for line in listing.lines(ENTRIES, 160)) == 2
