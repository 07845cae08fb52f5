import pytest

from matsearch.core.errors import DftError
from matsearch.core.verify_section import VaspSection
from matsearch.graph.vasp import vasp_settings
from matsearch.graph.vasp.makers import KNOWN, build_maker


@pytest.mark.parametrize(
    ("maker", "functional", "scheme_id"),
    [
        ("MPGGADoubleRelaxStaticMaker", "PBE+U", "mp-gga-gga+u-raw"),
        ("MP24DoubleRelaxStaticMaker", "r2SCAN", "mp-r2scan"),
        ("MPMetaGGADoubleRelaxStaticMaker", "r2SCAN", "mp-r2scan"),
        ("MatPesGGAStaticMaker", "PBE", "matpes-pbe"),
        ("MatPesStaticFlowMaker", "r2SCAN", "matpes-r2scan"),
    ],
)
def test_makers_have_functional_and_scheme(maker, functional, scheme_id):
    settings = vasp_settings(VaspSection(maker=maker))

    assert (settings.code, settings.functional, settings.scheme_id) == ("VASP", functional, scheme_id)


@pytest.mark.parametrize("maker", KNOWN)
def test_every_known_maker_is_there(maker):
    assert type(build_maker(VaspSection(maker=maker))).__name__ == maker


@pytest.mark.parametrize(
    "change",
    [
        {"maker": "MPGGADoubleRelaxMaker"},
        {"arguments": {"name": "other"}},
        {"incar": {"NCORE": 4}},
        {"kpoints": {"reciprocal_density": 100}},
        {"magnetic_orderings": "none"},
        {"n_orderings": 2},
        {"potcar_functional": "PBE_54", "scheme": "mp-gga-gga+u-raw"},
    ],
)
def test_whatever_changes_the_answer_changes_the_key(change):
    assert vasp_settings(VaspSection(**change)).key != vasp_settings(VaspSection()).key


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"incar": {"METAGGA": "SCAN"}}, "incar METAGGA may take the energies"),
        ({"potcar_functional": "PBE_54"}, "potcar_functional may take the energies"),
        ({"scheme": "gpaw-pbe"}, "gpaw-pbe is none of uncorrected VASP energies"),
        ({"scheme": "mp-gga-gga+u-mp2020"}, "is none of uncorrected VASP energies"),
        ({"maker": "MPVaspLobsterMaker"}, "nothing says what energies of MPVaspLobsterMaker"),
        ({"maker": "package.module:Maker", "allow_import": True}, "nothing says what energies"),
    ],
)
def test_energies_that_belong_nowhere_are_refused(section, said):
    with pytest.raises(DftError, match=said):
        vasp_settings(VaspSection(**section))


def test_a_changed_surface_may_be_named():
    section = VaspSection(incar={"METAGGA": "R2SCAN"}, scheme="matpes-r2scan")

    assert vasp_settings(section).scheme_id == "matpes-r2scan"


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"maker": "MP24DoubleRelaxStatic"}, "did you mean MP24DoubleRelaxStaticMaker"),
        ({"maker": "Field"}, "has no Maker|is no jobflow Maker"),
        ({"maker": "no.such:Maker", "allow_import": True}, "no.such cannot be imported"),
        ({"arguments": {"clean": []}}, "takes no 'clean'"),
        ({"arguments": {"relax_maker": {"@module": "os", "@class": "x"}}}, "names code"),
        ({"incar": {"ENCUT": {"@module": "os"}}}, "numbers and words alone"),
    ],
)
def test_makers_that_cannot_be_built_are_refused_in_one_line(section, said):
    with pytest.raises(DftError, match=said) as caught:
        build_maker(VaspSection(**section))
    assert "\n" not in str(caught.value)


def test_a_makers_parts_may_be_given_where_code_is_allowed():
    static = {"@module": "atomate2.vasp.jobs.mp", "@class": "MPGGAStaticMaker", "name": "mine"}
    section = VaspSection(arguments={"static_maker": static}, allow_import=True)

    assert build_maker(section).static_maker.name == "mine"
