"""Ontologies in files: what is read, what comes back, what is refused."""

import pytest

from agi_site.lib.problems import Invalid, TooLarge
from transfer import formats
from transfer.concepts import Concept, Ontology
from transfer.formats import limits

OWL = b"""<?xml version="1.0"?>
<!DOCTYPE rdf:RDF [<!ENTITY owl "http://www.w3.org/2002/07/owl#">]>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
         xmlns:rdfs="http://www.w3.org/2000/01/rdf-schema#"
         xmlns:owl="&owl;" xml:base="http://shop">
  <owl:Ontology rdf:about=""/>
  <owl:Class rdf:ID="Person"/>
  <owl:Class rdf:ID="Customer">
    <rdfs:subClassOf rdf:resource="#Person"/>
    <rdfs:subClassOf><owl:Restriction><owl:onProperty rdf:resource="#places"/>
      <owl:someValuesFrom rdf:resource="#Order"/></owl:Restriction></rdfs:subClassOf>
    <rdfs:label xml:lang="ko">\xea\xb3\xa0\xea\xb0\x9d</rdfs:label>
    <rdfs:comment>Who buys.</rdfs:comment>
  </owl:Class>
  <owl:Class rdf:ID="Order"/>
  <owl:Class rdf:ID="order"/>
  <owl:ObjectProperty rdf:ID="places">
    <rdfs:domain><owl:Class><owl:unionOf rdf:parseType="Collection">
      <owl:Class rdf:about="#Customer"/>
      <owl:Class rdf:about="#Person"/></owl:unionOf></owl:Class></rdfs:domain>
    <rdfs:range rdf:resource="#Order"/>
  </owl:ObjectProperty>
  <owl:DatatypeProperty rdf:ID="phone"><rdfs:domain rdf:resource="#Person"/>
    <rdfs:range rdf:resource="http://www.w3.org/2001/XMLSchema#string"/></owl:DatatypeProperty>
</rdf:RDF>"""
SKOS = """@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
<http://x/a> a skos:Concept ; skos:prefLabel "Animal"@en, "동물"@ko ; skos:definition "Lives." ;
  skos:narrower <http://x/b> .
<http://x/b> a skos:Concept ; skos:prefLabel "Dog"@en ; skos:altLabel "Hound"@en .
""".encode()


def by_name(ontology: Ontology) -> dict[str, Concept]:
    return {concept.name: concept for concept in ontology.concepts}


def test_owl_gives_classes_relations_attributes_and_what_they_say_of_each_other() -> None:
    found = by_name(formats.read("shop.owl", OWL))
    customer = found["고객"]
    assert (customer.kind, customer.definition, customer.labels) == ("class", "Who buys.", ("Customer",))
    assert set(customer.relationships) == {("is_a", "Person"), ("places", "Order")}
    assert set(found["places"].relationships) == {
        ("domain", "고객"),
        ("domain", "Person"),
        ("range", "Order"),
    }
    assert found["phone"].kind == "attribute"
    assert found["phone"].attributes == {"datatype": "string"}


def test_names_that_a_column_could_not_tell_apart_get_a_number() -> None:
    assert {"Order", "order (class)"} <= by_name(formats.read("shop.owl", OWL)).keys()


def test_skos_gives_names_in_both_languages_and_the_broader_concept() -> None:
    found = by_name(formats.read("animals.ttl", SKOS))
    assert found["Animal"].labels == ("a", "동물")
    assert found["Dog"].relationships == (("is_a", "Animal"),)
    assert "Hound" in found["Dog"].labels


@pytest.mark.parametrize("to", ["owl", "turtle", "csv"])
def test_what_is_written_is_read_again_as_it_was(to: str) -> None:
    before = formats.read("shop.owl", OWL)
    again = formats.read(f"x.{formats.WRITTEN[to][1]}", formats.write(before, to))
    assert by_name(again).keys() == by_name(before).keys()
    for name, concept in by_name(before).items():
        other = by_name(again)[name]
        assert (other.kind, set(other.relationships)) == (concept.kind, set(concept.relationships))
        assert other.definition == concept.definition
        assert set(concept.labels) <= set(other.labels)


def test_skos_keeps_classes_and_what_is_broader() -> None:
    again = by_name(formats.read("x.ttl", formats.write(formats.read("shop.owl", OWL), "skos")))
    assert again["고객"].relationships == (("is_a", "Person"),)
    assert "places" not in again


def test_a_table_is_read_with_any_separator_and_its_faults_name_the_line() -> None:
    found = by_name(
        formats.read("x.csv", "concept;is_a;labels;colour\nDog;Animal;개 | Hound;brown\nAnimal;;;\n".encode())
    )
    assert found["Dog"].relationships == (("is_a", "Animal"),)
    assert found["Dog"].labels == ("개", "Hound")
    assert found["Dog"].attributes == {"colour": "brown"}
    for data, fault in (
        ("name\nDog\n", "concept"),
        ("concept\nDog\nDOG\n", "Line 3"),
        ("concept,kind\nDog,thing\n", "Line 2"),
        ("concept\nDog,2\n", "Line 2"),
        ("concept\n", "No concepts"),
    ):
        with pytest.raises(Invalid, match=fault):
            formats.read("x.csv", data.encode())
    with pytest.raises(Invalid, match="UTF-8"):
        formats.read("x.csv", b"concept\n\xff\xfe\n")


def test_a_spreadsheet_takes_no_cell_for_a_formula() -> None:
    written = formats.write(Ontology((Concept("=1+1"),)), "csv")
    assert b"\n =1+1," in written.replace(b"\r", b"")
    assert formats.read("x.csv", written).concepts[0].name == "=1+1"


BOMBS = {
    "nested entities": b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>',
    "a file of the machine": b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>',
    "a parameter entity": b"<!DOCTYPE x [<!ENTITY % a \"<!ENTITY b 'c'>\"> %a;]><x/>",
    "a long entity": b'<!DOCTYPE x [<!ENTITY a "' + b"a" * 2000 + b'">]><x/>',
    "an entity used very often": b'<!DOCTYPE x [<!ENTITY a "'
    + b"a" * 900
    + b'">]><x>'
    + b"&a;" * 5000
    + b"</x>",
}


@pytest.mark.parametrize("data", BOMBS.values(), ids=BOMBS.keys())
def test_xml_that_reaches_out_or_blows_up_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid, match="entit"):
        formats.read("x.owl", b'<?xml version="1.0"?>' + data)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.owl", b"<?xml version='1.0'?><unclosed>"),
        ("x.owl", b"\x89PNG\r\n"),
        ("x.ttl", b"@prefix x: <http://x/> . x:a x:b"),
        ("x.nt", b"this is no triple\n"),
        ("x.exe", b"MZ"),
        ("x.owl", b"<?xml version='1.0'?><html><body>Not an ontology</body></html>"),
        ("x.ttl", b"@prefix x: <http://x/> . x:a x:b x:c ."),
    ],
)
def test_what_is_no_ontology_is_refused_with_a_reason(name: str, data: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        formats.read(name, data)
    assert str(refused.value)


def test_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TooLarge):
        formats.read("x.csv", b"concept\n" + b"a" * limits.MOST_BYTES)
    monkeypatch.setattr(limits, "MOST_CONCEPTS", 3)
    with pytest.raises(Invalid, match="at most 3"):
        formats.read("shop.owl", OWL)
    monkeypatch.setattr(limits, "MOST_TRIPLES", 5)
    with pytest.raises(Invalid, match="statements"):
        formats.read("shop.owl", OWL)
