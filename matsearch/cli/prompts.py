"""``matsearch prompt list`` and ``matsearch prompt show``."""

from typing import Any

from matsearch.cli.console import print_aligned, print_json, print_line
from matsearch.core.errors import InputError
from matsearch.core.resources import available, find
from matsearch.core.text import counted
from matsearch.propose.llm.prompts import Prompt, load_prompt
from matsearch.propose.llm.script import ANSWERING, INPUTS, Script

_HEAD = ("name", "prompt", "needs", "beside the crystal")


def list_prompts(*, as_json: bool) -> None:
    """Print the prompts that have names."""
    rows = [_row(name) for name in available("prompts")]
    if as_json:
        print_json({"prompts": rows})
        return
    lines = [
        (row["name"], row["prompt"], row["needs"], ", ".join(row["reply_schema"]))
        if row["error"] is None
        else (row["name"], "", f"cannot be used: {row['error']}", "")
        for row in rows
    ]
    print_aligned([_HEAD, *lines])


def show_prompt(name: str, *, as_json: bool) -> None:
    """Print a prompt's file and what it needs."""
    path, prompt = find("prompts", name), load_prompt(name, INPUTS | ANSWERING)
    facts = _facts(prompt)
    text = path.read_text(encoding="utf-8")
    if as_json:
        print_json({"name": name, "path": str(path), **facts, "text": text})
        return
    print_line(f"{facts['prompt']} in {path}, sha256 {prompt.sha256[:12]}")
    print_line(f"  needs   {facts['needs']}")
    print_line(f"  uses    {', '.join(prompt.front.inputs) or 'nothing'}")
    print_line(f"  reply   {', '.join(facts['reply_schema']) or 'nothing'} beside the crystal")
    print_line(f"\n{text.rstrip()}")


def _row(name: str) -> dict[str, Any]:
    try:
        return {"name": name, **_facts(Script(name, "poscar").prompt), "error": None}
    except InputError as error:
        nothing = dict.fromkeys(("prompt", "sha256", "needs", "parents", "inputs", "reply_schema"))
        return {"name": name, **nothing, "error": str(error)}


def _facts(prompt: Prompt) -> dict[str, Any]:
    front = prompt.front
    return {
        "prompt": prompt.prompt_id,
        "sha256": prompt.sha256,
        "needs": _needs(prompt),
        "parents": front.parents,
        "inputs": list(front.inputs),
        "reply_schema": {name: field.as_property() for name, field in front.reply_schema.items()},
    }


def _needs(prompt: Prompt) -> str:
    needs = [counted(prompt.front.parents, "parent")] if prompt.front.parents else []
    needs += ["formulas"] if prompt.needs_formulas else []
    needs += ["a failed proposal"] if prompt.needs_a_failure else []
    return " and ".join(needs) or "nothing"
