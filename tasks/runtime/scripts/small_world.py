"""An invented world: people, towns, ships and companies with made-up names.

It is the source of `builtin:squad-mini` (questions about passages) and of the text that
`builtin:tiny-llama` is trained on (passages and their summaries, never an answered question).
Every name belongs to exactly one of three pools, chosen by a checksum of the word itself,
so that two pools can never share an entity however many names are drawn.
"""

import random
import re
import zlib

POOLS = {"validation": {0}, "train": {1}, "pretraining": {2, 3, 4, 5, 6, 7, 8, 9}}

FIRST = """
Al An Ar As Ba Bel Bra Bri Cal Cas Cor Da Del Dor El Er Fa Fen Gal Gar Hal Har Hol Is Jan Jor Ka Kel Kor La Len
Lor Mar Mel Mor Na Nel Nor Ol Or Pa Pel Per Quin Ra Ren Ros Sa Sel Sto Ta Tam Tor Ul Va Vel Vin Wal Wen Yar Zan
Zor
""".split()
MIDDLE = """
ba be bi da de do fa ga go ha ka ki la le li lo ma me mi mo na ne ni no ra re ri ro sa se so ta te ti to va ve
vi wa za
""".split()
LAST = """
beck bor by dale dan den dell don dra field ford gan gard gate ham hurst kin la land lin low ma man mar mere
mond mont na ner nes ney rick ran ren ric rin rock roth ry sen ser shaw son ster tan ter thal thorn ton vale van
vin wick win worth
""".split()

TRADES = (
    "baker, botanist, carpenter, chemist, clockmaker, doctor, engineer, farmer, fisher, gardener, geologist, "
    "glassblower, judge, mason, miner, nurse, painter, pilot, poet, potter, printer, sailor, singer, surveyor, "
    "tailor, teacher, weaver, writer"
).split(", ")
GOODS = (
    "amber, apples, barley, bells, bricks, candles, cheese, clocks, coal, copper, cotton, glass, honey, iron, "
    "lamps, leather, linen, paper, pearls, pottery, ropes, salt, silk, silver, soap, steel, tea, timber, wheat, "
    "wine, wool"
).split(", ")
INVENTIONS = (
    "a diving bell, a folding bridge, a grain dryer, a hand loom, a letter press, a rain gauge, a sea compass, a "
    "steam pump, a stone saw, a sugar mill, a tide clock, a water wheel, a weather kite, a wind organ"
).split(", ")

# kind → relation → (kind of value, sentences of a passage, sentences of a summary, questions).
# X is the subject and Y the value; a sentence of a summary ends with its value.
KINDS = {
    "person": {
        "birthplace": (
            "town",
            [
                "X was born in Y.",
                "X came into the world in the town of Y.",
                "The parents of X lived in Y, where X was born.",
            ],
            ["The birthplace of X is Y.", "X was born in Y."],
            ["Where was X born?", "In which town was X born?"],
        ),
        "birth_year": (
            "year",
            ["The year of birth of X was Y.", "X was born in the year Y.", "It was in Y that X was born."],
            ["X was born in the year Y.", "The year of birth of X is Y."],
            ["In what year was X born?", "When was X born?"],
        ),
        "trade": (
            "trade",
            ["X worked as a Y.", "By trade X was a Y.", "X earned a living as a Y."],
            ["The trade of X is Y.", "X worked as a Y."],
            ["What was the trade of X?", "What did X work as?"],
        ),
        "teacher": (
            "person",
            ["X was taught by Y.", "As a child X learned everything from Y.", "Y was the teacher of X."],
            ["The teacher of X is Y.", "X was taught by Y."],
            ["Who was the teacher of X?", "By whom was X taught?", "Who taught X?"],
        ),
        "invention": (
            "invention",
            ["X invented Y.", "People remember that X built Y.", "Late in life X invented Y."],
            ["The invention of X is Y.", "X invented Y."],
            ["What did X invent?", "What was the invention of X?"],
        ),
    },
    "town": {
        "river": (
            "river",
            ["X lies on the river Y.", "The river Y flows through X.", "Boats reach X by the river Y."],
            ["The river of X is the Y.", "X lies on the river Y."],
            ["On which river does X lie?", "Which river flows through X?"],
        ),
        "founder": (
            "person",
            ["X was founded by Y.", "The founder of X was Y.", "Y founded X."],
            ["The founder of X is Y.", "X was founded by Y."],
            ["Who founded X?", "Who was the founder of X?"],
        ),
        "founding_year": (
            "year",
            ["X was founded in the year Y.", "The first houses of X were built in Y.", "X has been a town since Y."],
            ["X was founded in the year Y.", "The founding year of X is Y."],
            ["In what year was X founded?", "When was X founded?"],
        ),
        "mayor": (
            "person",
            ["The mayor of X is Y.", "Y was chosen as mayor of X.", "In X the mayor is called Y."],
            ["The mayor of X is Y.", "X has a mayor called Y."],
            ["Who is the mayor of X?", "Who was chosen as mayor of X?"],
        ),
        "goods": (
            "goods",
            ["X is known for Y.", "The market of X sells Y.", "Traders come to X for Y."],
            ["X is known for Y.", "The goods of X are Y."],
            ["What is X known for?", "What does the market of X sell?"],
        ),
    },
    "ship": {
        "captain": (
            "person",
            ["The captain of the X was Y.", "Y was captain of the X.", "The X sailed under captain Y."],
            ["The captain of the X is Y.", "The X sailed under captain Y."],
            ["Who was the captain of the X?", "Under which captain did the X sail?"],
        ),
        "launch_year": (
            "year",
            [
                "The X was launched in the year Y.",
                "It was in Y that the X was launched.",
                "The launch of the X was in Y.",
            ],
            ["The X was launched in the year Y.", "The launch year of the X is Y."],
            ["In what year was the X launched?", "When was the X launched?"],
        ),
        "port": (
            "town",
            ["The home port of the X was Y.", "The X sailed from the port of Y.", "Between voyages the X lay at Y."],
            ["The home port of the X is Y.", "The X sailed from the port of Y."],
            ["What was the home port of the X?", "From which port did the X sail?"],
        ),
        "cargo": (
            "goods",
            ["The X carried Y.", "The cargo of the X was Y.", "The hold of the X was full of Y."],
            ["The cargo of the X is Y.", "The X carried Y."],
            ["What did the X carry?", "What was the cargo of the X?"],
        ),
        "owner": (
            "person",
            ["The owner of the X was Y.", "The X belonged to Y.", "Y owned the X."],
            ["The owner of the X is Y.", "The X belonged to Y."],
            ["Who was the owner of the X?", "To whom did the X belong?", "Who owned the X?"],
        ),
    },
    "company": {
        "founder": (
            "person",
            ["X was founded by Y.", "The founder of X was Y.", "Y founded X."],
            ["The founder of X is Y.", "X was founded by Y."],
            ["Who founded X?", "Who was the founder of X?"],
        ),
        "seat": (
            "town",
            ["X has its seat in Y.", "The offices of X are in Y.", "X works from the town of Y."],
            ["The seat of X is Y.", "X has its seat in Y."],
            ["Where does X have its seat?", "In which town is the seat of X?"],
        ),
        "founding_year": (
            "year",
            ["X was founded in the year Y.", "X began its work in Y.", "X has been a company since Y."],
            ["X was founded in the year Y.", "The founding year of X is Y."],
            ["In what year was X founded?", "When was X founded?"],
        ),
        "goods": (
            "goods",
            ["X makes Y.", "X sells Y.", "The workshops of X produce Y."],
            ["The goods of X are Y.", "X sells Y."],
            ["What does X sell?", "What does X make?"],
        ),
        "director": (
            "person",
            ["The director of X is Y.", "X is led by Y.", "Y was made director of X."],
            ["The director of X is Y.", "X is led by Y."],
            ["Who is the director of X?", "By whom is X led?", "Who leads X?"],
        ),
    },
}


class World:
    """Draws names from one pool; the same seed draws the same names."""

    def __init__(self, pool: str, seed: int):
        self.pool = POOLS[pool]
        self.random = random.Random(seed)

    def word(self) -> str:
        """One invented word of two or three syllables that belongs to this pool."""
        while True:
            middle = self.random.choice(MIDDLE) if self.random.random() < 0.4 else ""
            name = self.random.choice(FIRST) + middle + self.random.choice(LAST)
            if zlib.crc32(name.encode()) % 10 in self.pool:
                return name

    def value(self, kind: str) -> str:
        """A value of the given kind: a name, a year or a common noun."""
        if kind == "person":
            return f"{self.word()} {self.word()}"
        if kind == "company":
            return f"{self.word()} {self.random.choice(['Works', 'Mills', 'Trading', 'Brothers'])}"
        if kind == "year":
            return str(self.random.randint(1600, 1999))
        if kind in ("trade", "goods", "invention"):
            return self.random.choice({"trade": TRADES, "goods": GOODS, "invention": INVENTIONS}[kind])
        return self.word()

    def facts(self, subjects: int, facts_each: int) -> tuple[str, list[str], list[tuple[str, str, str]]]:
        """A kind, its subjects and their facts as (subject, relation, value); no value occurs twice."""
        kind = self.random.choice(list(KINDS))
        names = [self.value(kind) for _ in range(subjects)]
        facts, taken = [], set()
        for name in names:
            for relation in self.random.sample(list(KINDS[kind]), facts_each):
                value = self.value(KINDS[kind][relation][0])
                while value in taken:
                    value = self.value(KINDS[kind][relation][0])
                taken.add(value)
                facts.append((name, relation, value))
        return kind, names, facts

    def say(self, templates: list[str], subject: str, value: str = "") -> str:
        """One of the templates with its subject and value filled in, correct about a and an."""
        article = "an Y" if value[:1] in "aeiou" and value[:1] else "a Y"
        text = self.random.choice(templates).replace("a Y", article)
        return "".join({"X": subject, "Y": value}.get(part, part) for part in split_slots(text))

    def passage(self, kind: str, facts: list[tuple[str, str, str]]) -> str:
        """The facts told subject by subject, each subject's facts in random order."""
        order = list(dict.fromkeys(subject for subject, _, _ in facts))
        shuffled = self.random.sample(facts, len(facts))
        told = [fact for subject in order for fact in shuffled if fact[0] == subject]
        return " ".join(self.say(KINDS[kind][relation][1], subject, value) for subject, relation, value in told)


def split_slots(template: str) -> list[str]:
    """The template cut at its slots: 'X sells Y.' → ['X', ' sells ', 'Y', '.']."""
    parts, current = [], ""
    for index, character in enumerate(template):
        around = template[max(0, index - 1) : index] + template[index + 1 : index + 2]
        if character in "XY" and not any(neighbour.isalpha() for neighbour in around):
            parts += [current, character]
            current = ""
        else:
            current += character
    return [*parts, current]


def pretraining_document(world: World, summaries: int = 1) -> str:
    """A passage about one to three subjects and its summaries; about one in six asks questions, unanswered."""
    subjects = world.random.choice([1, 2, 2, 2, 3])
    kind, names, facts = world.facts(subjects, world.random.randint(3, 4) if subjects < 3 else 3)
    parts = [f"Title: {' and '.join(names)}"]
    if world.random.random() < 0.17:
        asked = world.random.sample(facts, 2)
        questions = [world.say(KINDS[kind][relation][3], subject) for subject, relation, _ in asked]
        parts.append(f"Questions nobody could answer: {' '.join(questions)}")
    parts.append(f"Background: {world.passage(kind, facts)}")
    for _ in range(summaries):
        told = world.random.sample(facts, len(facts))
        summary = [world.say(KINDS[kind][relation][2], subject, value) for subject, relation, value in told]
        parts.append(f"Summary: {' '.join(summary)}")
    return "\n\n".join(parts)


def question_row(world: World, number: int) -> dict:
    """One row of SQuAD's schema: a question on one fact of a passage about one subject or, in one of four, two."""
    subjects = world.random.choice([1, 1, 1, 2])
    kind, names, facts = world.facts(subjects, 5 if subjects == 1 else 4)
    context = world.passage(kind, facts)
    subject, relation, value = world.random.choice(facts)
    return {
        "id": f"{number:05d}",
        "title": " and ".join(names),
        "context": context,
        "question": world.say(KINDS[kind][relation][3], subject),
        "answers": {"text": [value], "answer_start": [re.search(rf"\b{re.escape(value)}\b", context).start()]},
    }
