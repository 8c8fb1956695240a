"""Invented places and what is known of them: the wording that the shipped facts and the copying practice share."""

STARTS = ("Bal Bren Cal Cor Dal Dor Fal Fen Gal Gor Hal Hol Jor Kal Kel Lam Lor Mal Mer Nor Pel "
          "Quil Ral Ros Sal Sel Tal Tor Ul Val Vel Wen Yar Zan").split()
MIDDLES = "a be di e ga i lo ma ne o ra ri su ta u ve".split()
ENDS = "bek dan dor fin gard lin mar mond nar nia ran ris sk stan thor ton vik wick".split()

COLOURS = "red blue green black white yellow purple orange".split()
METALS = "iron copper silver gold tin lead zinc nickel".split()
ANIMALS = "fox bear wolf owl deer hawk lion swan".split()


class Relation:
    """One kind of fact: its wording, its question and how its value is drawn."""

    def __init__(self, name, text, question, value):
        self.name, self._text, self._question, self._value = name, text, question, value

    def draw(self, random):
        return self._value(random)

    def text(self, place, value):
        return self._text.format(place=place, value=value)

    def question(self, place):
        return self._question.format(place=place)


def invented_name(random):
    middle = random.choice(MIDDLES) if random.random() < 0.6 else ""
    return random.choice(STARTS) + middle + random.choice(ENDS)


RELATIONS = [
    Relation("capital", "The capital of {place} is {value}.", "What is the capital of {place}?", invented_name),
    Relation("river", "The river {value} runs through {place}.", "Which river runs through {place}?", invented_name),
    Relation("founder", "{place} was founded by {value}.", "Who founded {place}?", invented_name),
    Relation("year", "{place} was founded in {value}.", "In which year was {place} founded?", lambda random: str(random.randint(1000, 1999))),
    Relation("colour", "The colour of {place} is {value}.", "What is the colour of {place}?", lambda random: random.choice(COLOURS)),
    Relation("metal", "The metal of {place} is {value}.", "What is the metal of {place}?", lambda random: random.choice(METALS)),
    Relation("animal", "The animal of {place} is the {value}.", "What is the animal of {place}?", lambda random: random.choice(ANIMALS)),
    Relation("ruler", "{value} is the ruler of {place}.", "Who is the ruler of {place}?", invented_name),
]
