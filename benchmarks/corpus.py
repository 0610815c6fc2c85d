"""Made-up memories and questions that find some of them: the same in every run, and nobody's words.

Knows nothing of stores or HTTP. Statements come in several forms over a few hundred words, so that a question shares
words with some dozens of them and not with all, as among the things that one person says.
"""

from __future__ import annotations

import random

# A word a line would be two hundred lines.
# fmt: off
_PEOPLE = (
    "my sister", "our team", "the tenant", "my landlord", "the auditor", "aunt Marta", "uncle Oleg", "our bank",
    "the plumber", "my dentist", "cousin Ines", "the caretaker", "our lawyer", "the florist", "my neighbour",
    "the coach", "doctor Lindqvist", "my manager", "the intern", "grandfather", "the baker", "our supplier",
    "the courier", "my flatmate", "the librarian", "the choir", "our accountant", "the vet",
)
_THINGS = (
    "bicycle", "folder", "drive", "lease", "violin", "router", "passport", "key", "ladder", "camera", "tent",
    "kettle", "printer", "invoice", "piano", "boat", "lamp", "carpet", "oven", "telescope", "guitar", "suitcase",
    "fridge", "helmet", "sofa", "drill", "antenna", "projector", "calendar", "contract", "recipe", "greenhouse",
    "aquarium", "scooter", "heater", "mirror", "trumpet", "thermostat", "wardrobe", "compass", "blender", "anvil",
    "hammock", "sledge",
)
_LOOKS = (
    "red", "old", "borrowed", "spare", "broken", "second", "rented", "signed", "blue", "travel", "wooden", "heavy",
    "tiny", "rusty", "striped", "folding", "antique", "silver", "electric", "leather", "painted", "cracked", "green",
    "brass", "wireless", "portable", "vintage", "yellow", "matt", "oak",
)
_PLACES = (
    "basement", "bank vault", "office in Ghent", "garage", "top drawer", "harbour locker", "attic", "blue van",
    "cellar", "shed", "studio", "loft", "workshop in Turin", "guest room", "stable", "archive", "caravan",
    "summer house", "cloakroom", "warehouse", "pantry", "barn", "hallway", "annexe",
)
_REASONS = (
    "because the hallway floods every spring", "so that the insurance covers it", "until the lease is renewed in May",
    "since the last audit wanted two copies", "because nobody looks there", "until the repair shop calls back",
    "as the movers come on Thursday", "since the lock was changed", "because of the damp",
    "after what happened in Lyon", "for as long as the scaffolding stands", "now that the children have left",
)
# fmt: on
_FORMS = (
    "{person} keeps the {look} {thing} in the {place} {reason}",
    "the {look} {thing} belongs to {person}, who left it in the {place} {reason}",
    "I promised {person} to carry the {look} {thing} over to the {place} {reason}",
    "when {person} visits, the {look} {thing} has to be out of the {place}, {reason}",
    "{person} sold me a {look} {thing} last winter; it stands in the {place} {reason}",
    "we argued with {person} over who pays for the {look} {thing} from the {place}, {reason}",
)


def memory_text(number: int) -> str:
    """A statement of about 25 words; each number has its own."""
    pick = random.Random(number).choice
    form = pick(_FORMS)
    parts = {"person": pick(_PEOPLE), "look": pick(_LOOKS), "thing": pick(_THINGS)}
    return f"Note {number}: " + form.format(**parts, place=pick(_PLACES), reason=pick(_REASONS)) + "."


def question(number: int) -> str:
    """A question about a thing that statements speak of; each number has its own."""
    pick = random.Random(-1 - number).choice
    look, thing, person = pick(_LOOKS), pick(_THINGS), pick(_PEOPLE)
    return f"Question {number}: where is the {look} {thing} that {person} spoke of, and why there?"
