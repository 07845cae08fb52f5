"""Tokenizers of language models that come whole in a wheel, so that counting needs no network."""

import importlib.util
import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

Counter = Callable[[str], int]
"""A text to its number of tokens."""

INSTALL = (
    "pip install --no-deps litellm tiktoken regex, and pip install mistral-common, or give --tokens none"
)


def counters() -> dict[str, Counter]:
    """Return the tokenizers by name: of GPT-4, of GPT-4o and later, and of Mistral's models.

    Raises
    ------
    SystemExit
        If a package is missing, saying which to install.
    """
    try:
        return {**_openai_counters(), "tekken 240911": _tekken_counter()}
    except ImportError as error:
        raise SystemExit(f"error: {error} ({INSTALL})") from None


def versions() -> dict[str, str]:
    """Return the versions of the packages that the tokenizers come from."""
    return {name: version(name) for name in ("litellm", "tiktoken", "mistral-common")}


def _openai_counters() -> dict[str, Counter]:
    """Give tiktoken the files that it would fetch: litellm bundles them under the names of its cache."""
    os.environ["TIKTOKEN_CACHE_DIR"] = str(_folder("litellm") / "litellm_core_utils" / "tokenizers")
    import tiktoken

    encodings = [tiktoken.get_encoding(name) for name in ("cl100k_base", "o200k_base")]
    return {encoding.name: _length_of(encoding.encode_ordinary) for encoding in encodings}


def _tekken_counter() -> Counter:
    from mistral_common.tokens.tokenizers.tekken import Tekkenizer

    tekken = Tekkenizer.from_file(_folder("mistral_common") / "data" / "tekken_240911.json")
    return _length_of(lambda text: tekken.encode(text, bos=False, eos=False))


def _length_of(encode: Callable[[str], list[int]]) -> Counter:
    return lambda text: len(encode(text))


def _folder(package: str) -> Path:
    """Return where a package lies, without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"no package {package}")
    return Path(next(iter(spec.submodule_search_locations)))
