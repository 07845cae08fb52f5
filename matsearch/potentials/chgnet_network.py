"""CHGNet's network (Deng et al., Nat. Mach. Intell. 5, 1031 (2023)), evaluated for many crystals in one pass.

The weights and the function are those of the ``chgnet`` package. What differs is how it is computed. A gated MLP there
multiplies the joined features of two atoms and a bond by one matrix for every directed bond; here each feature is
multiplied by its own columns where it lives - once an atom, once a bond - and the products are added. Weights take no
gradients, the last angle update is left out because nothing reads it, and forces and stress come from the derivative by
bond vectors: F_i = -dE/dr_i = sum of dE/dv over bonds that leave i, less those that arrive, and
stress = (1/V) sum of v (dE/dv)^T.
"""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from matsearch.potentials.chgnet_graph import CrystalGraphs


class Network:
    """CHGNet from a loaded ``chgnet`` model.

    Parameters
    ----------
    model : chgnet.model.CHGNet
        Copied, not changed.
    """

    def __init__(self, model: Any, device: str, dtype: torch.dtype) -> None:
        model = copy.deepcopy(model).eval().requires_grad_(False).to(device=device, dtype=dtype)
        self.device, self.dtype = device, dtype
        self.atom_cutoff = float(model.graph_converter.atom_graph_cutoff)
        self.bond_cutoff = float(model.graph_converter.bond_graph_cutoff)
        self._model = model
        self._atom_layers = [_AtomLayer(layer) for layer in model.atom_conv_layers]
        self._bond_layers = [_BondLayer(layer) for layer in model.bond_conv_layers]
        self._angle_layers = [_AngleLayer(layer) for layer in model.angle_layers[:-1]]
        self._element_energies = model.composition_model.fc.weight.view(-1).double()

    def evaluate(self, graphs: CrystalGraphs) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return energies (eV), forces (eV/angstrom), virials (eV) and moments (Bohr magnetons), the padding's last.

        Returns
        -------
        energies : Tensor of shape (n_crystals,)
        forces : Tensor of shape (n_atoms, 3)
        virials : Tensor of shape (n_crystals, 3, 3)
            Stress times volume.
        magmoms : Tensor of shape (n_atoms,)
        """
        n_crystals = int(graphs.crystal[-1]) + 1
        vectors = graphs.vectors.requires_grad_()
        site_energies, magmoms = self._site_energies(graphs, vectors)
        (slopes,) = torch.autograd.grad(site_energies.sum(), vectors)
        with torch.no_grad():
            forces = torch.zeros(len(graphs.numbers), 3, dtype=self.dtype, device=self.device)
            forces.index_add_(0, graphs.first, slopes).index_add_(0, graphs.second, -slopes)
            virials = torch.zeros(n_crystals, 3, 3, dtype=self.dtype, device=self.device)
            virials.index_add_(0, graphs.crystal[graphs.first], vectors.unsqueeze(2) * slopes.unsqueeze(1))
            total = site_energies.view(-1).double() + self._element_energies[graphs.numbers - 1]
            energies = torch.zeros(n_crystals, dtype=torch.float64, device=self.device)
            energies.index_add_(0, graphs.crystal, total)
        return energies, forces, virials, magmoms

    def _site_energies(self, graphs: CrystalGraphs, vectors: Tensor) -> tuple[Tensor, Tensor]:
        model = self._model
        lengths = vectors.norm(dim=1)
        short_lengths = lengths.index_select(0, graphs.short)
        directions = vectors.index_select(0, graphs.short) / short_lengths[:, None]
        radial = model.bond_basis_expansion.rbf_expansion_ag(lengths)
        short_radial = model.bond_basis_expansion.rbf_expansion_bg(short_lengths)
        angular = _angular(model, directions, graphs)
        atoms = model.atom_embedding(graphs.numbers - 1)
        bonds = model.bond_embedding(radial)
        atom_weights = model.bond_weights_ag(radial)
        short_weights = model.bond_weights_bg(short_radial)
        angle_weights = short_weights.index_select(0, graphs.left) * short_weights.index_select(
            0, graphs.right
        )
        angles = model.angle_embedding(angular)
        last = len(self._bond_layers) - 1
        for i, bond_layer in enumerate(self._bond_layers):
            atoms = self._atom_layers[i](atoms, bonds, atom_weights, graphs)
            bonds, short_bonds = bond_layer(atoms, bonds, angles, angle_weights, graphs)
            if i < last:
                angles = self._angle_layers[i](atoms, short_bonds, angles, graphs)
        magmoms = model.site_wise(atoms.detach()).abs().view(-1)
        atoms = self._atom_layers[-1](atoms, bonds, atom_weights, graphs)
        if model.readout_norm is not None:
            atoms = model.readout_norm(atoms)
        return model.mlp(atoms), magmoms


class _GatedMLP:
    """silu(norm(core)) * sigmoid(norm(gate)) of summed inputs, core and gate side by side."""

    def __init__(self, module: Any, n_inputs: int) -> None:
        core, gate = _linears(module.mlp_core), _linears(module.mlp_gate)
        joined = torch.cat([core[0].weight, gate[0].weight])
        self.inputs = [part.t().contiguous() for part in joined.chunk(n_inputs, dim=1)]
        self.bias = torch.cat([core[0].bias, gate[0].bias])
        self._hidden = (core[1], gate[1]) if len(core) > 1 else None
        self._norms = (module.bn1, module.bn2)

    def __call__(self, summed: Tensor) -> Tensor:
        core, gate = summed.chunk(2, dim=1)
        if self._hidden is not None:
            core, gate = self._hidden[0](silu(core)), self._hidden[1](silu(gate))
        if self._norms[0] is not None:
            core, gate = self._norms[0](core), self._norms[1](gate)
        return silu(core) * torch.sigmoid(gate)


class _AtomLayer:
    def __init__(self, module: Any) -> None:
        self._mlp = _GatedMLP(module.twoBody_atom, 3)
        self._out = _linears(module.mlp_out)[0]

    def __call__(self, atoms: Tensor, bonds: Tensor, weights: Tensor, graphs: CrystalGraphs) -> Tensor:
        as_centre, of_bond, as_neighbour = self._mlp.inputs
        centre = torch.addmm(self._mlp.bias, atoms, as_centre)
        neighbour = atoms @ as_neighbour
        bond = bonds @ of_bond
        first, second = graphs.first, graphs.second
        forward = centre.index_select(0, first) + neighbour.index_select(0, second) + bond
        backward = centre.index_select(0, second) + neighbour.index_select(0, first) + bond
        messages = self._mlp(torch.cat([forward, backward])) * weights.repeat(2, 1)
        received = torch.zeros_like(atoms).index_add(0, torch.cat([first, second]), messages)
        return atoms + self._out(received)


class _BondLayer:
    def __init__(self, module: Any) -> None:
        self._mlp = _GatedMLP(module.twoBody_bond, 4)
        out = _linears(module.mlp_out)[0]
        self._out, self._bias = out.weight.t().contiguous(), out.bias

    def __call__(
        self, atoms: Tensor, bonds: Tensor, angles: Tensor, weights: Tensor, graphs: CrystalGraphs
    ) -> tuple[Tensor, Tensor]:
        """Return all bonds, and the short ones among them."""
        short = bonds.index_select(0, graphs.short)
        updates = self._mlp(_join(self._mlp, atoms, short, angles, graphs)) * weights
        received = torch.zeros_like(short).index_add(0, graphs.left, updates) @ self._out
        bonds = bonds.index_add(0, graphs.short, received)
        if self._bias is not None:
            bonds = bonds + self._bias * _with_angles(graphs)
        return bonds, bonds.index_select(0, graphs.short)


class _AngleLayer:
    def __init__(self, module: Any) -> None:
        self._mlp = _GatedMLP(module.twoBody_bond, 4)

    def __call__(self, atoms: Tensor, short: Tensor, angles: Tensor, graphs: CrystalGraphs) -> Tensor:
        return angles + self._mlp(_join(self._mlp, atoms, short, angles, graphs))


def _join(mlp: _GatedMLP, atoms: Tensor, short: Tensor, angles: Tensor, graphs: CrystalGraphs) -> Tensor:
    of_left, of_right, of_angle, of_centre = mlp.inputs
    return (
        (short @ of_left).index_select(0, graphs.left)
        + (short @ of_right).index_select(0, graphs.right)
        + torch.addmm(mlp.bias, atoms, of_centre).index_select(0, graphs.centre)
        + angles @ of_angle
    )


def _angular(model: Any, directions: Tensor, graphs: CrystalGraphs) -> Tensor:
    left = directions.index_select(0, graphs.left) * graphs.sign
    return model.angle_basis_expansion(left, directions.index_select(0, graphs.right))


def _with_angles(graphs: CrystalGraphs) -> Tensor:
    """Return 1 for the bonds of crystals that have angles: the others skip bond updates, whose output has a bias."""
    n_crystals = int(graphs.crystal[-1]) + 1
    has = torch.zeros(n_crystals, dtype=graphs.vectors.dtype, device=graphs.vectors.device)
    has[graphs.crystal[graphs.centre]] = 1.0
    return has[graphs.crystal[graphs.first]][:, None]


def _linears(module: Any) -> list[nn.Linear]:
    return [layer for layer in module.modules() if isinstance(layer, nn.Linear)]
