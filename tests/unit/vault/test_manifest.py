"""Manifests: written, read, compared; whatever is not whole is told; and memory that does not grow with the number of files."""
from __future__ import annotations

import hashlib
import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.biztalk.fault_tolerance.plugins.module_utils import manifest
from ansible_collections.biztalk.fault_tolerance.plugins.module_utils.manifest import Difference, File, Manifest, ManifestError

LIMIT = 64 * 2**10      # bytes that comparing 200,000 files may take beyond what the generators of the test take

NAMES = st.text(st.characters(blacklist_characters='\\/:*?"<>|', min_codepoint=32), min_size=1, max_size=12)
FILES = st.dictionaries(st.lists(NAMES, min_size=1, max_size=3).map("\\".join), st.tuples(st.integers(0, 2**40), st.integers(0, 9), st.binary(max_size=3)),
                        max_size=12).map(lambda found: [
                            File(path, size, f"2026-11-2{day}T02:00:00.0000000Z", hashlib.sha256(content).hexdigest())
                            for path, (size, day, content) in sorted(found.items())])


def header(files):
    count, size, listing = manifest.listing(files)
    return {"host": "IIS01", "kind": "iis", "set": "IIS01-iis-20261123T020000Z", "source": r"C:\x", "taken_at": "2026-11-23T02:00:00Z",
            "copied_at": "2026-11-23T03:00:00Z", "files": count, "bytes": size, "listing": listing}


def written(files):
    return list(manifest.lines(header(files), files))


@given(FILES)
def test_what_is_written_is_read(files):
    read = Manifest(written(files))
    assert list(read) == files and read.header == {"schema": manifest.SCHEMA, **header(files)}
    assert manifest.read_end(written(files)[-1]) == len(files) + 1
    assert not list(manifest.compare(files, files))


@given(FILES, st.data())
def test_no_part_of_a_manifest_is_taken_for_the_whole(files, data):
    text = "\n".join(written(files)) + "\n"
    cut = data.draw(st.integers(0, len(text) - 2))
    with pytest.raises(ManifestError):
        list(Manifest(text[:cut].splitlines()))


@given(FILES.filter(bool), st.data())
def test_no_changed_line_is_believed(files, data):
    lines = written(files)
    place = data.draw(st.integers(0, len(lines) - 1))
    at = data.draw(st.integers(0, len(lines[place]) - 1))
    flipped = chr(ord(lines[place][at]) ^ 1)
    with pytest.raises(ManifestError):
        list(Manifest([*lines[:place], lines[place][:at] + flipped + lines[place][at + 1:], *lines[place + 1:]]))


@given(FILES.filter(bool), st.data())
def test_every_difference_is_told_and_no_other(files, data):
    place = data.draw(st.integers(0, len(files) - 1))
    one = files[place]
    rest = files[:place] + files[place + 1:]
    assert list(manifest.compare(files, rest)) == [Difference(one.path, "missing", one.bytes, None)]
    assert list(manifest.compare(rest, files)) == [Difference(one.path, "extra", None, one.bytes)]
    for name, value in (("bytes", one.bytes + 1), ("modified", "2026-11-24T02:00:00.0000001Z"), ("sha256", "0" * 64)):
        other = files[:place] + [replace(one, **{name: value})] + files[place + 1:]
        assert list(manifest.compare(files, other)) == [Difference(one.path, name, getattr(one, name), value)]
        if name != "sha256":
            assert manifest.listing(other) != manifest.listing(files)
    assert not list(manifest.compare(files, [replace(one, sha256=None) for one in files]))


def test_a_manifest_that_someone_wrote_on():
    lines = written([File("a", 1, "2026-11-23T02:00:00.0000000Z", "0" * 64)])
    with pytest.raises(ManifestError, match="behind"):
        list(Manifest([*lines, lines[1]]))
    with pytest.raises(ManifestError, match="no header"):
        Manifest([])
    with pytest.raises(ManifestError, match="header"):
        Manifest(lines[1:])


def generated(count, wrong=None):
    """*count* files in order, as a stream; the content of one of them may be wrong."""
    for number in range(count):
        digest = hashlib.sha256(str(number).encode()).hexdigest()
        yield File(f"content\\{number // 1000:04}\\page-{number:07}.aspx", number, "2026-11-23T02:00:00.0000000Z", "f" * 64 if number == wrong else digest)


@pytest.mark.long
def test_comparing_200_000_files_takes_no_more_memory_than_comparing_200():
    peaks = []
    for count in (200, 200_000):
        about = header(generated(count))
        tracemalloc.start()
        found = list(manifest.compare(Manifest(manifest.lines(about, generated(count))), generated(count, wrong=count // 2)))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert [one.what for one in found] == ["sha256"]
    assert peaks[1] < LIMIT and peaks[1] < 2 * peaks[0]
