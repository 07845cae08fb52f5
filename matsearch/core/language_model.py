"""The sections of a configuration that are about a language model: what is asked, how it is reached, what it may cost."""

from typing import Annotated, Literal
from urllib.parse import parse_qsl

from pydantic import Field, field_validator

from matsearch.core.section import Section

LanguageName = Literal["poscar", "cif", "json", "wyckoff"]


class LanguageModelSection(Section):
    """A pretrained language model that proposes. Its key is read from OPENAI_API_KEY, never from a file."""

    model: Annotated[str, Field(min_length=1, description="As the endpoint calls it, e.g. gpt-5-mini.")]
    prompt: Annotated[
        str | None,
        Field(description="Name or file of a prompt. Null: csp where formulas are given, else csg."),
    ] = None
    prompts: Annotated[
        dict[str, Annotated[float, Field(gt=0)]],
        Field(
            description="Several prompts with their relative shares, e.g. {csg: 2, mutate: 1}, in place of one."
        ),
    ] = {}
    language: Annotated[
        LanguageName, Field(description="How crystals are written, in the prompt and in the reply.")
    ] = "poscar"
    crystals: Annotated[int, Field(ge=1, le=50, description="Asked for in one call.")] = 5
    parents: Annotated[int, Field(ge=0, le=20, description="Shown in one call.")] = 2
    temperature: Annotated[float | None, Field(ge=0, le=2, description="Null: the endpoint's own.")] = None
    top_p: Annotated[float | None, Field(gt=0, le=1, description="Null: the endpoint's own.")] = None
    max_tokens: Annotated[
        int | None, Field(ge=1, description="Of a reply, reasoning included. Null: the endpoint's own.")
    ] = 8000
    output: Annotated[
        Literal["auto", "text"],
        Field(description="auto: JSON by schema where the endpoint offers it, else text; text: always text."),
    ] = "auto"


class CallsSection(Section):
    """How a language model is reached; in no campaign's identity."""

    base_url: Annotated[
        str | None,
        Field(pattern="^https?://", description="Null: OPENAI_BASE_URL, else OpenAI's own."),
    ] = None

    @field_validator("base_url")
    @classmethod
    def _without_credentials(cls, url: str | None) -> str | None:
        if url is None:
            return None
        address, _, query = url.partition("?")
        if "@" in address or {name for name, _ in parse_qsl(query)} - {"api-version"}:
            raise ValueError(
                "what it holds beside the address is stored with the campaign: give the key as OPENAI_API_KEY, "
                "or the whole URL as OPENAI_BASE_URL"
            )
        return url

    concurrency: Annotated[int, Field(ge=1, le=256, description="Calls in flight at once.")] = 8
    attempts: Annotated[int, Field(ge=1, le=20, description="Of one call before it has failed.")] = 5
    time_limit_s: Annotated[float, Field(gt=0, description="Seconds of one attempt.")] = 300.0
    deadline_s: Annotated[
        float, Field(gt=0, description="Seconds of one call, all its attempts and waits together.")
    ] = 900.0
    context_tokens: Annotated[
        int | None,
        Field(ge=256, description="The model's context. Null: as the endpoint says, where it says it."),
    ] = None
    input_price: Annotated[
        float | None, Field(ge=0, description="USD per million tokens of prompt. Null: unknown.")
    ] = None
    output_price: Annotated[
        float | None, Field(ge=0, description="USD per million tokens of reply. Null: unknown.")
    ] = None
