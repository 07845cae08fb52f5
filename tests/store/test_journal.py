import os
import socket

import pytest

from matsearch.core.campaign import WorkSummary
from matsearch.core.errors import StoreError, StoreVersionError
from matsearch.core.verdict import FailureKind
from matsearch.store import open_repository
from matsearch.store.journal import JournalCache, commit_journal
from matsearch.store.journal_lines import JournalEntry, JournalReader
from matsearch.testing.result_cache import ResultCacheContract
from matsearch.testing.samples import sample_verdict


class TestJournal(ResultCacheContract):
    @pytest.fixture
    def cache(self, tmp_path):
        cache = JournalCache(tmp_path / "journal")
        yield cache
        cache.close()


@pytest.fixture
def folder(tmp_path):
    """A journal of three results in one file."""
    cache = JournalCache(tmp_path / "journal")
    for number in range(3):
        cache.put_result(f"key {number}", {"energy": -1.5 * number, "text": "ü"}, "campaign")
    cache.close()
    return tmp_path / "journal"


def results(folder):
    cache = JournalCache(folder)
    cache.close()
    return cache.get_results(f"key {number}" for number in range(4))


def test_a_torn_last_line_is_left_out_wherever_it_tore(folder):
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    everything = results(folder)
    last = whole[:-1].rfind(b"\n") + 1
    for length in range(last, len(whole)):
        file.write_bytes(whole[:length])
        assert results(folder) == {key: everything[key] for key in ("key 0", "key 1")}
    file.write_bytes(whole[:last] + bytes(100))
    assert len(results(folder)) == 2


def test_writing_goes_on_after_a_torn_line(folder):
    (file,) = folder.iterdir()
    file.write_bytes(file.read_bytes()[:-5])
    cache = JournalCache(folder)
    assert cache.put_result("key 2", {"energy": 7.0}, "campaign") is True
    cache.close()
    assert results(folder)["key 2"] == {"energy": 7.0}


@pytest.mark.parametrize("line", [1, 2, 3])
def test_a_damaged_line_is_refused_with_its_number(folder, line):
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    lines = whole.splitlines(keepends=True)
    start = sum(len(earlier) for earlier in lines[: line - 1])
    for position in range(start, start + len(lines[line - 1]) - 1, 4):
        damaged = bytearray(whole)
        damaged[position] ^= 1
        file.write_bytes(damaged)
        with pytest.raises(StoreError, match=f"{file.name}, line {line}, is damaged"):
            JournalCache(folder)


@pytest.mark.parametrize("garbage", [b"\n", b"{}\n", b"[]\n", b"null\n", b'"\xff"\n', b"[" * 100_000 + b"\n"])
def test_garbage_is_refused(folder, garbage):
    (file,) = folder.iterdir()
    first, *rest = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([first, garbage, *rest]))
    with pytest.raises(StoreError, match="line 2, is damaged"):
        JournalCache(folder)


def test_a_newer_line_is_refused(folder):
    entry = JournalEntry(event="begin", key="k", owner="o", attempt="a", at="", schema_version=99)
    (folder / "newer.jsonl").write_bytes(entry.line())
    with pytest.raises(StoreVersionError, match=r"version 99.* knows 1"):
        JournalCache(folder)


def test_each_process_writes_a_file_of_its_own_and_reads_all(folder, children):
    def work(pipe):
        cache = JournalCache(folder)
        pipe.send(sorted(cache.get_results(["key 0", "key 3"])))
        cache.put_result("key 3", {"energy": 3.0}, "campaign")
        pipe.send("done")

    mine = JournalCache(folder)
    process, pipe = children(work)
    assert pipe.recv() == ["key 0"]
    assert pipe.recv() == "done"
    assert mine.get_results(["key 3"]) == {"key 3": {"energy": 3.0}}
    assert mine.put_result("key 3", {"energy": 4.0}, "campaign") is False
    mine.close()
    names = {file.name.rpartition("-")[0] for file in folder.iterdir()}
    assert names == {f"{socket.gethostname()}-{pid}" for pid in (os.getpid(), process.pid)}


def test_what_is_only_read_stays_as_it_was(folder):
    before = {file: file.read_bytes() for file in folder.iterdir()}
    results(folder)
    assert {file: file.read_bytes() for file in folder.iterdir()} == before
    assert JournalReader(folder / "missing").new_entries() == []


def test_a_full_disk_is_a_clear_error_and_damages_nothing(folder, monkeypatch):
    class Full:
        def __init__(self, file):
            self.file = file

        def write(self, line):
            return self.file.write(line[: len(line) // 2])

        def close(self):
            self.file.close()

    cache = JournalCache(folder)
    cache.put_result("before", {}, "campaign")
    cache._file = Full(cache._file)
    with pytest.raises(StoreError, match="disk full"):
        cache.put_result("key 3", {}, "campaign")
    assert cache.get_results(["key 3"]) == {}
    assert cache.put_result("key 3", {"energy": 1.0}, "campaign") is True
    cache.close()
    assert results(folder)["key 3"] == {"energy": 1.0}


def test_a_place_that_cannot_be_written_is_a_clear_error(tmp_path):
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "journal"):
        with pytest.raises(StoreError, match=r"journal .*file.* cannot be used"):
            JournalCache(place)


def test_committing_a_journal_twice_counts_once(tmp_path):
    cache = JournalCache(tmp_path / "journal")
    for key in ("finished", "known", "transient", "lost"):
        cache.begin(key, "campaign")
    cache.put_result("finished", {"energy": 1.0}, "campaign")
    cache.put_result("known", {"energy": 2.0}, "campaign")
    cache.put_result("never begun", {"energy": 3.0}, "campaign")
    cache.put_transient("transient", sample_verdict(FailureKind.TIME_OUT), "campaign")
    cache.put_transient("never begun either", sample_verdict(FailureKind.TIME_OUT), "campaign")
    assert [entry.event for entry in cache.entries()].count("begin") == 4
    cache.close()
    repository = open_repository("sqlite://:memory:")
    repository.put_result("known", {"energy": 0.0}, "another")
    assert [commit_journal(tmp_path / "journal", repository) for _ in range(3)] == [2, 0, 0]
    assert repository.work_summary("campaign") == WorkSummary(started=4, finished=2, transient=1)
    found = repository.get_results(["finished", "known", "never begun"])
    assert [document["energy"] for document in found.values()] == [1.0, 0.0, 3.0]
    counts = repository.transient_counts(["transient", "never begun either", "finished"])
    assert counts == {"transient": 1, "never begun either": 1}
    assert commit_journal(tmp_path / "missing", repository) == 0
    repository.close()
