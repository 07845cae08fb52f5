"""From a ``verify`` section to what carries it out: settings, backend, folder."""

from pathlib import Path

from matsearch.core.dft import DftSettings
from matsearch.core.protocols import DftBackend
from matsearch.core.verify_section import VerifySection
from matsearch.store import absolute_uri
from matsearch.verify.settings import with_tries

FOLDER = "matsearch-dft"
_SQLITE = "sqlite:///"


def settings_of(section: VerifySection) -> DftSettings:
    """Return what decides the answers of a section's calculations.

    Raises
    ------
    ConfigError, DftError, PotentialError
        If the section names what does not exist, or what does not fit together.
    """
    if section.backend == "vasp":
        from matsearch.graph.vasp import vasp_settings

        return with_tries(vasp_settings(section.vasp), section.run)
    return backend_of(section, Path(FOLDER)).settings


def require_ready(section: VerifySection) -> None:
    """Return if the section's calculations can be run here.

    Raises
    ------
    DftError
        Saying in one line what is missing, and the remedy.
    """
    if section.backend == "vasp":
        from matsearch.graph.vasp import require_vasp

        require_vasp(section.vasp, section.run)
        return
    backend_of(section, Path(FOLDER)).require_ready()


def backend_of(section: VerifySection, folder: Path) -> DftBackend:
    """Return the backend of GPAW, or of a potential that stands in for a DFT code.

    Parameters
    ----------
    folder : Path
        Where calculations keep their files, each in a folder of its own.
    """
    if section.backend == "gpaw":
        from matsearch.verify.gpaw.backend import GpawBackend

        return GpawBackend(section.gpaw, section.run, folder)
    if section.potential is None:
        raise ValueError(f"no backend in this process for {section.backend}")
    from matsearch.verify.potential import PotentialBackend

    return PotentialBackend(section.potential, section.run)


def calculation_folder(section: VerifySection, store: str) -> Path:
    """Return where calculations keep their files: the same for the same store, so that a restart finds them.

    Parameters
    ----------
    store : str
        Repository URI. Beside a SQLite file; for other repositories in the current folder.
    """
    if section.run.folder is not None:
        return Path(section.run.folder).expanduser().absolute()
    uri = absolute_uri(store)
    beside = Path(uri.removeprefix(_SQLITE)).parent if uri.startswith(_SQLITE) else Path.cwd()
    return beside / FOLDER
