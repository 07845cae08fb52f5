"""``matsearch parse``."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pymatgen.io.cif import CifWriter

from matsearch.cli.console import print_json, print_line
from matsearch.core.errors import InputError
from matsearch.export.writing import writing_to
from matsearch.parse.reply.draft import MAX_REPLY_BYTES
from matsearch.parse.reply.found import Found
from matsearch.parse.reply.reader import ReplyReader


def parse_files(files: Sequence[Path], to: Path | None, *, as_json: bool) -> None:
    """Print what each reply holds, and write its crystals where a folder is given."""
    texts = [(path, _text(path)) for path in files]
    with ReplyReader() as reader:
        read = [(path, reader.read(text)) for path, text in texts]
    written = _write(read, to) if to is not None else []
    if as_json:
        documents = [{"file": str(path), "found": [f.document() for f in found]} for path, found in read]
        print_json({"replies": documents, "written": written})
        return
    for path, found in read:
        print_line(str(path))
        for number, one in enumerate(found, start=1):
            print_line(f"  {number}. {_sentence(one)}")
    counts = Counter(f.verdict.kind.value if f.verdict else "read" for _, found in read for f in found)
    print_line(", ".join(f"{n} {kind.replace('_', ' ')}" for kind, n in counts.most_common()))


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:  # one byte too many is enough to be refused
            return file.read(MAX_REPLY_BYTES + 1).decode("utf-8", "replace")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", "check the path") from error


def _sentence(found: Found) -> str:
    if found.structure is None:
        return f"{found.verdict.kind}: {found.verdict.detail}" if found.verdict else "nothing"
    text = f"{found.structure.composition.reduced_formula}, {len(found.structure)} atoms"
    return text + "".join(f"\n     mended: {repair}" for repair in found.repairs)


def _write(read: Sequence[tuple[Path, Sequence[Found]]], to: Path) -> list[str]:
    numbered = len({path.stem for path, _ in read}) < len(read)
    crystals = {
        f"{f'{place:03d}-' if numbered else ''}{path.stem}-{number}.cif": one.structure
        for place, (path, found) in enumerate(read, start=1)
        for number, one in enumerate(found, start=1)
        if one.structure is not None
    }
    with writing_to(to):
        to.mkdir(parents=True, exist_ok=True)
        for name, structure in crystals.items():
            (to / name).write_text(str(CifWriter(structure)), encoding="utf-8")
    return list(crystals)
