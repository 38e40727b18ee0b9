"""Names and matching: what counts as the same, and that each concept has one partner."""

import numpy as np
import pytest

from agi_site.lib.engines.fake import FakeEmbedding
from transfer.concepts import Concept
from transfer.matching import match, packaged
from transfer.matching.features import FEATURES, Comparison
from transfer.matching.match import one_to_one
from transfer.matching.names import acronyms, alike, expanded, synonyms, words_of


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ConferenceMember", ("conferenc", "member")),
        ("has_the_first-name", ("first", "nam")),
        ("PCMember", ("pc", "member")),
        ("E-mail", ("email",)),
        ("Organisation", ("organization",)),
        ("학술대회_참가자들", ("학술대회", "참가자")),
        ("isPartOf", ("part",)),
        ("of", ("of",)),
    ],
)
def test_a_name_is_cut_into_stemmed_words(name: str, words: tuple[str, ...]) -> None:
    assert words_of(name) == words


def test_words_are_alike_by_synonym_spelling_or_not_at_all() -> None:
    assert synonyms(*(" ".join(words_of(word)) for word in ("surname", "family name")))
    assert synonyms(*(" ".join(words_of(word)) for word in ("customer", "고객")))
    assert alike("reviewer", "reviewr") > 0.9
    assert alike("paper", "person") == 0


def test_an_acronym_is_spelled_out_by_what_other_names_say() -> None:
    known = acronyms(["PC_Chair", "ProgramCommittee", "Program_Committee_member"])
    assert expanded(words_of("PC_Chair"), known) == words_of("ProgramCommitteeChair")
    assert acronyms(["PC_Chair"]) == {}


def test_each_concept_gets_one_partner_so_that_the_sum_is_greatest() -> None:
    pairs = [(0, 0), (0, 1), (1, 0)]
    assert one_to_one(pairs, np.array([0.9, 0.8, 0.8]), 0.1) == [1, 2]
    assert one_to_one(pairs, np.array([0.9, 0.8, 0.8]), 0.85) == [0]
    assert one_to_one(pairs, np.array([0.1, 0.1, 0.1]), 0.5) == []


def test_matching_finds_equal_names_and_synonyms_and_says_why() -> None:
    source = [Concept("Customer"), Concept("first_name", "attribute"), Concept("Zebra")]
    target = [Concept("customer"), Concept("givenName", "attribute"), Concept("Invoice")]
    found = {(one.source.name, one.target.name): one for one in match(source, target, engine=FakeEmbedding())}
    sure = found["Customer", "customer"]
    assert sure.relation_type == "is_equivalent_to"
    assert sure.confidence >= packaged().threshold
    assert set(sure.parts) == set(sure.shares) == set(FEATURES)
    assert ("first_name", "givenName") in found
    assert ("Zebra", "Invoice") not in found or found["Zebra", "Invoice"].confidence < packaged().threshold


def test_structure_counts_parents_and_where_relations_lead() -> None:
    source = [Concept("Person"), Concept("Author", relationships=(("is_a", "Person"),))]
    target = [Concept("Person"), Concept("Writer", relationships=(("is_a", "Person"),))]
    compared = Comparison(source, target, FakeEmbedding())
    row = dict(zip(FEATURES, compared.features()[compared.pairs.index((1, 1))], strict=True))
    assert (row["parents"], row["has_parents"], row["has_children"]) == (1.0, 1.0, 0.0)


def test_a_class_is_never_matched_with_a_relation() -> None:
    assert match([Concept("review")], [Concept("review", "relation")], engine=FakeEmbedding()) == []
    assert match([], [Concept("x")], engine=FakeEmbedding()) == []
