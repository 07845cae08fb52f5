"""Structure languages: crystals as text, both ways. What models are shown and what they answer in."""

from matsearch.crystal.languages.cif import Cif
from matsearch.crystal.languages.compact_json import CompactJson
from matsearch.crystal.languages.language import Language
from matsearch.crystal.languages.poscar import Poscar
from matsearch.crystal.languages.wyckoff import WyckoffForm

LANGUAGES: dict[str, Language] = {
    language.name: language for language in (Poscar(), Cif(), CompactJson(), WyckoffForm())
}
"""By the name that configurations and replies use."""
