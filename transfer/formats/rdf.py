"""Ontologies in RDF: OWL, RDFS and SKOS, as RDF/XML, Turtle or N-Triples. Nothing is fetched."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote

from django.utils.translation import gettext as _
from rdflib import BNode, Graph, Literal, URIRef
from rdflib.collection import Collection
from rdflib.namespace import DC, DCTERMS, OWL, RDF, RDFS, SKOS, XSD, Namespace
from rdflib.term import Node

from agi_site.lib.plain_json import repaired
from agi_site.lib.problems import Invalid

from ..concepts import LONGEST_DEFINITION, LONGEST_NAME, MOST_LABELS, Concept, Kind, Ontology
from . import limits, xml_safety

FORMATS = {"xml": "RDF/XML", "turtle": "Turtle", "nt": "N-Triples"}
OURS = Namespace("urn:agi-site:ontology:")
_BUILT_IN = tuple(map(str, (OWL, RDF, RDFS, SKOS, XSD, DC, DCTERMS)))
_KINDS: list[tuple[URIRef, Kind]] = [
    (OWL.NamedIndividual, "individual"),
    (RDF.Property, "relation"),
    (SKOS.Concept, "class"),
    (RDFS.Class, "class"),
    (OWL.Class, "class"),
    (OWL.AnnotationProperty, "attribute"),
    (OWL.DatatypeProperty, "attribute"),
    (OWL.ObjectProperty, "relation"),
]
_NAMES = (SKOS.prefLabel, RDFS.label, DC.title, DCTERMS.title)
_OTHER_NAMES = (SKOS.altLabel, SKOS.hiddenLabel)
_DEFINITIONS = (SKOS.definition, RDFS.comment, DC.description, DCTERMS.description, SKOS.scopeNote, SKOS.note)
_RELATIONSHIPS: list[tuple[URIRef, str]] = [
    (RDFS.subClassOf, "is_a"),
    (RDFS.subPropertyOf, "is_a"),
    (SKOS.broader, "is_a"),
    (SKOS.broaderTransitive, "is_a"),
    (DCTERMS.isPartOf, "part_of"),
    (RDFS.domain, "domain"),
    (RDFS.range, "range"),
    (OWL.inverseOf, "inverse_of"),
    (OWL.disjointWith, "disjoint_with"),
    (OWL.equivalentClass, "equivalent_to"),
    (OWL.equivalentProperty, "equivalent_to"),
    (SKOS.related, "related_to"),
]
_LANGUAGES = ("", "en", "ko")  # whose label becomes the name


def read(data: bytes, syntax: str) -> Ontology:
    """The ontology in `data`; raises Invalid, saying where it breaks. `syntax` is a key of `FORMATS`."""
    limits.check_size(data)
    if syntax == "xml":
        xml_safety.check(data)
    graph = Graph(bind_namespaces="none")
    try:
        graph.parse(data=data, format=syntax, publicID="urn:x:")
    except RecursionError as error:
        raise Invalid(_("The file is nested too deeply.")) from error
    except Exception as error:  # each of rdflib's parsers raises its own
        fault = " ".join(str(error).split())[:300] or type(error).__name__
        message = _("This is not valid %(format)s: %(fault)s")
        raise Invalid(message % {"format": FORMATS[syntax], "fault": fault}) from error
    if len(graph) > limits.MOST_TRIPLES:
        raise Invalid(_("Too many statements: at most %(most)s.") % {"most": limits.MOST_TRIPLES})
    return _Reader(graph, FORMATS[syntax]).ontology()


class _Reader:
    """One graph on its way to concepts."""

    def __init__(self, graph: Graph, told: str) -> None:
        self.graph, self.format = graph, told
        self.kinds = self._kinds()
        self.names = self._unique_names()

    def ontology(self) -> Ontology:
        if not self.kinds:
            raise Invalid(_("No concepts in this file: it has no classes, properties or SKOS concepts."))
        limits.check_concepts(len(self.kinds))
        head = next(iter(self._heads()), None)
        return Ontology(
            concepts=tuple(self._concept(node) for node in sorted(self.names, key=self.names.__getitem__)),
            title=next(self._texts(head, _NAMES), "")[:255] if head else "",
            description=next(self._texts(head, _DEFINITIONS), "")[:LONGEST_DEFINITION] if head else "",
            iri=str(head) if isinstance(head, URIRef) else "",
            format=self.format,
        )

    def _heads(self) -> Iterator[Node]:
        for kind in (OWL.Ontology, SKOS.ConceptScheme):
            yield from self.graph.subjects(RDF.type, kind)

    def _kinds(self) -> dict[URIRef, Kind]:
        found: dict[URIRef, Kind] = {}
        for type_, kind in _KINDS:
            for node in self.graph.subjects(RDF.type, type_):
                if isinstance(node, URIRef) and not str(node).startswith(_BUILT_IN):
                    found[node] = self._property_kind(node) if type_ == RDF.Property else kind
        instances: dict[URIRef, Kind] = {}
        for node, type_node in self.graph.subject_objects(RDF.type):
            if isinstance(node, URIRef) and node not in found and found.get(type_node) == "class":  # type: ignore[call-overload]
                instances[node] = "individual"
        return found | instances

    def _property_kind(self, node: URIRef) -> Kind:
        ranges = list(self.graph.objects(node, RDFS.range))
        literal = any(str(one).startswith(str(XSD)) or one == RDFS.Literal for one in ranges)
        return "attribute" if literal else "relation"

    # --- Names ---------------------------------------------------------------------------------------------
    def _unique_names(self) -> dict[URIRef, str]:
        """A name for each node, no two alike but for case: a column may not tell them apart."""
        taken: set[str] = set()
        names: dict[URIRef, str] = {}
        order: dict[str, int] = {"class": 0, "relation": 1, "attribute": 2, "individual": 3}
        for node in sorted(self.kinds, key=lambda one: (order[self.kinds[one]], str(one))):
            base = self._best_name(node)[: LONGEST_NAME - 20].strip() or "?"
            name, number = base, 1
            while limits.folded(name) in taken:
                number += 1
                name = f"{base} ({self.kinds[node]})" if number == 2 else f"{base} ({number - 1})"
            taken.add(limits.folded(name))
            names[node] = name
        return names

    def _labels(self, node: Node) -> list[tuple[str, str]]:
        """(text, language) of everything a node is called."""
        return [
            (_one_line(str(text)), (text.language or "").partition("-")[0])
            for predicate in (*_NAMES, *_OTHER_NAMES)
            for text in self.graph.objects(node, predicate)
            if isinstance(text, Literal) and str(text).strip()
        ]

    def _best_name(self, node: URIRef) -> str:
        preferred = [
            (_one_line(str(text)), (text.language or "").partition("-")[0])
            for predicate in _NAMES[:2]
            for text in self.graph.objects(node, predicate)
            if isinstance(text, Literal) and str(text).strip()
        ]
        by_language = {language: text for text, language in sorted(preferred, reverse=True)}
        for language in _LANGUAGES:
            if language in by_language:
                return by_language[language]
        return min(by_language.values(), default=local_name(node))

    # --- Concepts ------------------------------------------------------------------------------------------
    def _concept(self, node: URIRef) -> Concept:
        name = self.names[node]
        others = sorted({text for text, _language in self._labels(node)} | {local_name(node)})
        return Concept(
            name=name,
            kind=self.kinds[node],
            definition="\n\n".join(dict.fromkeys(self._texts(node, _DEFINITIONS)))[:LONGEST_DEFINITION],
            labels=tuple(text[:LONGEST_NAME] for text in others if text and text != name)[:MOST_LABELS],
            iri=str(node),
            relationships=tuple(sorted(set(self._relationships(node)))),
            attributes=self._attributes(node),
        )

    def _texts(self, node: Node, predicates: Iterable[URIRef]) -> Iterator[str]:
        for predicate in predicates:
            found = [text for text in self.graph.objects(node, predicate) if isinstance(text, Literal)]
            yield from sorted(repaired(str(text)).strip() for text in found if str(text).strip())

    def _relationships(self, node: URIRef) -> Iterator[tuple[str, str]]:
        for predicate, kind in _RELATIONSHIPS:
            for other in sorted(self.graph.objects(node, predicate), key=str):
                for target in self._named(other, unions=kind in ("domain", "range")):
                    if target != node:
                        direct = isinstance(other, URIRef) or kind != "equivalent_to"
                        yield kind if direct else "is_a", self.names[target]
        for narrower in sorted(self.graph.subjects(SKOS.narrower, None), key=str):
            if (narrower, SKOS.narrower, node) in self.graph and narrower in self.names:
                yield "is_a", self.names[narrower]  # type: ignore[index]
        for type_node in sorted(self.graph.objects(node, RDF.type), key=str):
            if self.kinds[node] == "individual" and type_node in self.names:
                yield "instance_of", self.names[type_node]  # type: ignore[index]
        yield from self._restrictions(node)
        yield from self._stated(node)

    def _restrictions(self, node: URIRef) -> Iterator[tuple[str, str]]:
        """What a class says of its members: (relation, class at the other end)."""
        for predicate in (RDFS.subClassOf, OWL.equivalentClass):
            for other in sorted(self.graph.objects(node, predicate), key=str):
                relation = self.graph.value(other, OWL.onProperty)
                if not isinstance(other, BNode) or relation not in self.names:
                    continue
                for how in (OWL.someValuesFrom, OWL.allValuesFrom, OWL.hasValue, OWL.onClass):
                    for filler in self.graph.objects(other, how):
                        for target in self._named(filler, unions=True):
                            yield self.names[relation], self.names[target]  # type: ignore[index]

    def _stated(self, node: URIRef) -> Iterator[tuple[str, str]]:
        """What is said of a node by a relation of the ontology itself."""
        for predicate, other in sorted(self.graph.predicate_objects(node), key=str):
            if predicate in self.names and other in self.names:
                yield self.names[predicate], self.names[other]  # type: ignore[index]

    def _named(self, node: Node, *, unions: bool = False, depth: int = 0) -> Iterator[URIRef]:
        """The concepts a node names: itself, the members of its intersection, or those of its union."""
        if isinstance(node, URIRef):
            if node in self.names:
                yield node
            return
        if depth > 8:
            return
        for members in self.graph.objects(node, OWL.unionOf if unions else OWL.intersectionOf):
            for member in Collection(self.graph, members):
                yield from self._named(member, unions=unions, depth=depth + 1)

    def _attributes(self, node: URIRef) -> dict[str, Any]:
        """What is said of a node in plain values, by the name of what says it."""
        values: dict[str, list[str]] = defaultdict(list)
        known = {*_NAMES, *_OTHER_NAMES, *_DEFINITIONS}
        for predicate, value in sorted(self.graph.predicate_objects(node), key=str):
            if isinstance(value, Literal) and predicate not in known:
                values[local_name(predicate)[:100]].append(repaired(str(value))[:2000])
        for one in self.graph.objects(node, RDFS.range):
            if isinstance(one, URIRef) and str(one).startswith(_BUILT_IN):
                values["datatype"].append(local_name(one))
        kept = dict(list(values.items())[: limits.MOST_ATTRIBUTES])
        return {name: some[0] if len(some) == 1 else some[:20] for name, some in kept.items()}


def local_name(node: Node) -> str:
    """The last piece of an address: what comes after #, / or :."""
    return _one_line(unquote(re.split(r"[#/:]", str(node).rstrip("#/"))[-1]))


def _one_line(text: str) -> str:
    return " ".join(repaired(text).split())


# --- Writing ----------------------------------------------------------------------------------------------
_OWL_TYPES: dict[str, URIRef] = {
    "class": OWL.Class,
    "relation": OWL.ObjectProperty,
    "attribute": OWL.DatatypeProperty,
    "individual": OWL.NamedIndividual,
}
_OWL_LINKS: dict[str, URIRef] = {
    "domain": RDFS.domain,
    "range": RDFS.range,
    "inverse_of": OWL.inverseOf,
    "disjoint_with": OWL.disjointWith,
    "related_to": SKOS.related,
    "part_of": DCTERMS.isPartOf,
    "instance_of": RDF.type,
}


def write_owl(ontology: Ontology, syntax: str) -> bytes:
    """The ontology as OWL; `syntax` is a key of `FORMATS`."""
    graph, base = _graph(ontology)
    nodes = {concept.name: _node(concept, base) for concept in ontology.concepts}
    kinds = {concept.name: concept.kind for concept in ontology.concepts}
    graph.add((base, RDF.type, OWL.Ontology))
    for concept in ontology.concepts:
        node, plain = nodes[concept.name], concept.kind in ("class", "individual")
        graph.add((node, RDF.type, _OWL_TYPES[concept.kind]))
        _write_texts(graph, node, concept, RDFS.label, RDFS.comment)
        for kind, target in concept.relationships:
            if target not in nodes:
                continue
            if kind == "is_a":
                graph.add((node, RDFS.subClassOf if plain else RDFS.subPropertyOf, nodes[target]))
            elif kind == "equivalent_to":
                graph.add((node, OWL.equivalentClass if plain else OWL.equivalentProperty, nodes[target]))
            elif kind in _OWL_LINKS:
                graph.add((node, _OWL_LINKS[kind], nodes[target]))
            elif kinds.get(kind) == "relation":
                _write_statement(graph, node, nodes[kind], nodes[target], concept.kind)
        _write_attributes(graph, node, concept, nodes, base)
    return graph.serialize(format=syntax, encoding="utf-8")


def write_skos(ontology: Ontology, syntax: str) -> bytes:
    """The classes and individuals as a SKOS concept scheme; what SKOS cannot say is left out."""
    graph, base = _graph(ontology)
    kept = [concept for concept in ontology.concepts if concept.kind in ("class", "individual")]
    nodes = {concept.name: _node(concept, base) for concept in kept}
    graph.add((base, RDF.type, SKOS.ConceptScheme))
    links = {"is_a": SKOS.broader, "instance_of": SKOS.broader, "related_to": SKOS.related}
    for concept in kept:
        node = nodes[concept.name]
        graph.add((node, RDF.type, SKOS.Concept))
        graph.add((node, SKOS.inScheme, base))
        _write_texts(graph, node, concept, SKOS.prefLabel, SKOS.definition)
        for kind, target in concept.relationships:
            if target in nodes and kind in links:
                graph.add((node, links[kind], nodes[target]))
    return graph.serialize(format=syntax, encoding="utf-8")


def _graph(ontology: Ontology) -> tuple[Graph, URIRef]:
    graph = Graph(bind_namespaces="none")
    for prefix, space in (("owl", OWL), ("rdfs", RDFS), ("skos", SKOS), ("dcterms", DCTERMS)):
        graph.bind(prefix, space)
    base = URIRef(ontology.iri if _is_address(ontology.iri) else OURS[_slug(ontology.title or "domain")])
    if ontology.title:
        graph.add((base, DCTERMS.title, Literal(ontology.title)))
    if ontology.description:
        graph.add((base, DCTERMS.description, Literal(ontology.description)))
    return graph, base


def _node(concept: Concept, base: URIRef) -> URIRef:
    if _is_address(concept.iri):
        return URIRef(concept.iri)
    return URIRef(f"{str(base).rstrip('#/')}#{_slug(concept.name)}")


def _is_address(text: str) -> bool:
    return bool(re.fullmatch(r"[A-Za-z][\w+.-]*:[^\s<>\"{}|\\^`]+", text))


def _slug(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", name).strip("_") or "_"


def _write_texts(graph: Graph, node: URIRef, concept: Concept, name: URIRef, definition: URIRef) -> None:
    graph.add((node, name, Literal(concept.name)))
    for label in concept.labels:
        graph.add((node, SKOS.altLabel, Literal(label)))
    if concept.definition:
        graph.add((node, definition, Literal(concept.definition)))


def _write_statement(graph: Graph, node: URIRef, relation: URIRef, target: URIRef, kind: str) -> None:
    if kind != "class":
        graph.add((node, relation, target))
        return
    restriction = BNode()
    graph.add((restriction, RDF.type, OWL.Restriction))
    graph.add((restriction, OWL.onProperty, relation))
    graph.add((restriction, OWL.someValuesFrom, target))
    graph.add((node, RDFS.subClassOf, restriction))


def _write_attributes(
    graph: Graph, node: URIRef, concept: Concept, nodes: dict[str, URIRef], base: URIRef
) -> None:
    for name, value in concept.attributes.items():
        if name == "datatype":
            for one in value if isinstance(value, list) else [value]:
                graph.add((node, RDFS.range, URIRef(XSD + _slug(str(one)))))
            continue
        predicate = nodes.get(name) or URIRef(f"{str(base).rstrip('#/')}#{_slug(name)}")
        for one in value if isinstance(value, list) else [value]:
            graph.add((node, predicate, Literal(one if isinstance(one, str) else str(one))))
