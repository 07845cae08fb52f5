"""VASP by atomate2's Makers: settings, flows, inputs for another machine, and what comes back."""

from matsearch.graph.vasp.documents import calculation_from, unfinished_from
from matsearch.graph.vasp.flows import vasp_flow
from matsearch.graph.vasp.inputs import write_inputs
from matsearch.graph.vasp.ready import require_vasp
from matsearch.graph.vasp.settings import vasp_settings

__all__ = [
    "calculation_from",
    "require_vasp",
    "unfinished_from",
    "vasp_flow",
    "vasp_settings",
    "write_inputs",
]
