"""Crystals from a user's files, each refused in one clear line if it cannot be used."""

import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pymatgen.core import Structure

from matsearch.core.errors import InputError
from matsearch.core.structures import decode_structure, encode_structure
from matsearch.crystal.limits import MAX_FILE_BYTES, MAX_FILE_SITES

SUFFIXES = (".cif", ".vasp", ".poscar")


def read_structure(path: Path) -> Structure:
    """Read one ordered crystal from a CIF or POSCAR file.

    Raises
    ------
    InputError
        If the file is missing, empty, too large, unreadable, disordered or names an unknown element.
    """
    text = _read_text(path)
    structure = _parse(text, path)
    if not structure.is_ordered:
        site = next(site for site in structure if not site.is_ordered)
        raise InputError(f"{path}: disordered site {site.species_string!r}", "give an ordered structure")
    if len(structure) > MAX_FILE_SITES:
        raise InputError(f"{path}: {len(structure)} sites", f"at most {MAX_FILE_SITES} are read")
    try:
        return decode_structure(encode_structure(structure))
    except ValueError as error:
        raise InputError(f"{path}: {error}", "use symbols of the periodic table") from error


def read_structures(path: Path) -> list[tuple[str, Structure]]:
    """Read a file, or all CIF and POSCAR files of a folder in the order of their names.

    Returns
    -------
    list of (str, Structure)
        Name and crystal: the file's stem, or its whole name where the stem could mean another file.
    """
    if not path.exists():
        raise InputError(f"no such file or folder: {path}", "check the path")
    if path.is_file():
        return [(path.stem, read_structure(path))]
    files = sorted(f for f in path.iterdir() if f.suffix.lower() in SUFFIXES or f.name.startswith("POSCAR"))
    if not files:
        raise InputError(f"{path} holds no CIF or POSCAR file", f"files must end in {', '.join(SUFFIXES)}")
    return [(name, read_structure(f)) for name, f in zip(_names(files), files, strict=True)]


def _names(files: Sequence[Path]) -> list[str]:
    stems = Counter(f.stem for f in files)
    taken = {f.name for f in files}
    return [f.name if stems[f.stem] > 1 or f.stem in taken else f.stem for f in files]


def _read_text(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise InputError(f"{path} has {size} bytes", f"at most {MAX_FILE_BYTES} are read")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path}: {error}", "check the file") from error
    if not text.strip():
        raise InputError(f"{path} is empty", "give a CIF or POSCAR file with a crystal")
    return text


def _parse(text: str, path: Path) -> Structure:
    fmt = "cif" if path.suffix.lower() == ".cif" else "poscar"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Structure.from_str(text, fmt=fmt)
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        reason = "it ends too early" if isinstance(error, IndexError) else reason
        raise InputError(
            f"{path} is not a readable {fmt.upper()}: {reason}", "open it in a viewer and mend it"
        ) from error
