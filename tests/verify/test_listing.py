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
