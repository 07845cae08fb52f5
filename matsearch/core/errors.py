"""Errors that a user can act on: each names the thing, the value and the remedy."""


class MatsearchError(Exception):
    """Root of the errors that are shown to a user as one line.

    Parameters
    ----------
    message : str
        What is wrong, naming the thing and the value.
    remedy : str, optional
        What to do about it.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} ({self.remedy})" if self.remedy else self.message


class ConfigError(MatsearchError):
    """A search configuration or a setting cannot be used."""


class InputError(MatsearchError):
    """A file or an argument given by the user cannot be used."""


class NobodyToSendError(InputError):
    """A rule of promotion finds nobody whom it would send to DFT."""


class StoreError(MatsearchError):
    """A repository cannot be opened, read or written."""


class StoreVersionError(StoreError):
    """The repository was written by a newer version of matsearch."""


class CampaignBusyError(StoreError):
    """Another driver holds the campaign."""


class ReferenceHullError(MatsearchError):
    """A reference set cannot serve as a hull for the chemical system asked for."""


class SchemeMismatchError(MatsearchError):
    """Two energies that must not be compared were about to be."""


class PotentialError(MatsearchError):
    """A potential is unknown or its weights cannot be loaded."""


class DftError(MatsearchError):
    """A DFT code cannot be run here, or a calculation that stands alone failed."""


class LanguageModelError(MatsearchError):
    """A language model cannot be asked: endpoint, key, model or prompt."""


class BudgetSpentError(MatsearchError):
    """A budget of calls, tokens or money is spent. Nothing is lost: raise it and go on."""


class InternalErrorRateError(MatsearchError):
    """Too many candidates ended in unexpected exceptions: a bug, not chemistry."""
