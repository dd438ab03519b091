"""The materials of a scenario, section 10 of the format, as names that `ctsim.materials` knows."""

import math
from dataclasses import dataclass

from ctsim.materials import Material, material, names
from ctsim.scenario.units import G_PER_CM3, MM
from ctsim.scenario.values import Node
from defects.messages import BadInput, unknown
from scenes.body import VOID


@dataclass(frozen=True, kw_only=True)
class Materials:
    """What a scenario's material ids stand for."""

    by_id: dict[str, str]

    def named(self, node: Node) -> str | None:
        """Return the material that an id stands for: a name of `ctsim.materials`, `void`, or None for no id."""
        wanted = node.text()
        if wanted is None:
            return None
        if wanted not in self.by_id:
            raise BadInput(f"{node.book.file.name}: {unknown(node.path, wanted, self.by_id)}")
        return self.by_id[wanted]

    def layers(self, nodes: list[Node]) -> dict[str, float]:
        """Return sheets of matter: thickness in mm by material."""
        found: dict[str, float] = {}
        for node in nodes:
            name, thickness = self.named(node["material_id"]), node["thickness"].steady(MM)
            if name is None or name == VOID or not thickness:
                continue
            if thickness < 0:
                raise node["thickness"].wrong("must not be below 0")
            found[name] = found.get(name, 0.0) + thickness
        return found


def read_materials(nodes: list[Node]) -> Materials:
    """Return the materials of the list.

    Raises:
        BadInput: A material without id, density or composition, or twice the same id.
    """
    by_id: dict[str, str] = {}
    for node in nodes:
        key = node["id"].text()
        if key is None:
            raise node["id"].wrong("must be a text")
        if key in by_id:
            raise node["id"].wrong("must be another one than those before")
        node["name"].use()
        by_id[key] = _name_of(node, key)
    return Materials(by_id=by_id)


def _name_of(node: Node, key: str) -> str:
    """Return the name of one material: the one of our list where it is the same, else its mixture and density."""
    density = node["density"].steady(G_PER_CM3)
    if density is None:
        raise node["density"].wrong("must be a number with its unit, g/cm^3 or kg/m^3")
    parts = _composition(node["composition"])
    if density == 0:
        return VOID
    if not parts:
        raise node["composition"].wrong("must list formulas with their mass_fraction")
    alone = len(parts) == 1
    mixture = parts[0][0] if alone else "+".join(f"{formula}:{share:.12g}" for formula, share in parts)
    name = f"{mixture}@{density:.12g}"
    try:
        custom = material(name)
    except BadInput as error:
        raise BadInput(f"{node.book.file.name}: {node.path}: {error}") from error
    return key if key in names() and _same(material(key), custom) else name


def _same(a: Material, b: Material) -> bool:
    """Return whether two materials are one, up to rounding."""
    shares, others = dict(a.mass_fractions), dict(b.mass_fractions)
    return math.isclose(a.density_g_cm3, b.density_g_cm3, rel_tol=1e-9) and all(
        math.isclose(shares.get(symbol, 0.0), others.get(symbol, 0.0), abs_tol=1e-9) for symbol in {**shares, **others}
    )


def _composition(node: Node) -> list[tuple[str, float]]:
    """Return (formula, mass fraction) of each part; before version 1.1 there was but one formula."""
    if not isinstance(node.value, list) and not (isinstance(node.value, dict) and "formula" in node.value):
        formula = _formula(node)
        return [(formula, 1.0)] if formula else []
    parts, found = node.items(), []
    for part in parts:
        formula, share = _formula(part["formula"]), part["mass_fraction"].steady()
        if formula is None or share == 0:
            continue
        if share is None and len(parts) > 1:
            raise part["mass_fraction"].wrong("must be a number where there are several parts")
        found.append((formula, 1.0 if share is None else share))
    return found


def _formula(node: Node) -> str | None:
    """Return a formula without blanks, or None. What reads it ends at a NUL, and takes no foreign letters."""
    text = "".join((node.text() or "").split())
    if not text.isascii() or not text.isprintable():
        raise node.wrong("must be a chemical formula, such as Al2O3")
    return text or None
