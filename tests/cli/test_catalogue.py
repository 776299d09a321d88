"""The catalogue: a choice is found by all of its names, and cards say what tables, signatures and rules say."""

import re

import pytest

from ablate.cli.card import card_of
from ablate.cli.catalogue import TABLES, described, places_of
from ablate.study.choices import check_choice, public_names
from ablate.study.problems import ConfigError
from ablate.tricks import axis as axes
from ablate.tricks.rules import RULES
from tests.cli.documents import current, pages

CHOICES = [(key, name) for key, axis in TABLES.items() for name in axis.choices]


def test_the_pages_are_those_of_the_tables():
    assert current() == pages(), "write them anew: make docs"


def test_every_link_of_a_page_leads_somewhere():
    texts, links = pages(), []
    for place, text in texts.items():
        for target, anchor in re.findall(r"\]\((?!http)([^)#]*)#?([^)]*)\)", text):
            path = place if not target else f"docs/{target}" if "/" not in target else target.removeprefix("../")
            links.append(path)
            assert path in texts, f"{place}: {target}"
            assert not anchor or f"\n## {anchor}\n" in texts[path], f"{place}: {target}#{anchor}"
    assert {*links} == {*texts}


@pytest.mark.parametrize(("key", "name"), CHOICES)
def test_a_card_is_complete(key, name):
    card = card_of(key, TABLES[key], name)
    assert card.summary
    assert [p.name for p in card.parameters if not p.about] == []
    assert [text for text in card.references if not re.search(r"\S https://\S+$", text)] == []


def test_an_argument_is_described_by_its_signature():
    def shift(by: axes.Share, times: axes.Count = 2, path: axes.FilePath = "", sizes: axes.Counts = (1,)):
        """Shifts.

            f(x) = x + by

        Args:
            by: how far; a text that
                goes on.
            times: how often.
            path: a file.
            sizes: of steps.

        References:
            A. First. 2001. https://a.org/1
            B. Second, in two
            lines. 2002. https://b.org/2
        """

    table = axes.Axis("norm", "", {"moved": axes.Choice(shift, {"by": 0.0})})
    card = card_of("norm", table, "moved")
    assert [tuple(p) for p in card.parameters] == [
        ("by", "", "a number, from 0 to 1", True, "how far; a text that goes on."),
        ("times", "2", "an integer, 1 or more", False, "how often."),
        ("path", "''", "a file", False, "a file."),
        ("sizes", "(1,)", "integers, 1 or more", False, "of steps."),
    ]
    assert (card.call(), card.public) == ("norm.moved(by, times=2, path='', sizes=(1,))", ("shift",))
    assert (card.summary, card.formula) == ("Shifts.", "    f(x) = x + by")
    assert card.references == ("A. First. 2001. https://a.org/1", "B. Second, in two lines. 2002. https://b.org/2")


@pytest.mark.parametrize(
    ("place", "off", "program"),
    [
        ("clip.none", "always", "shared with choices that merge"),
        ("clip.global_norm", "max=inf", "merges: arms without it run in its program, at the off value"),
        ("norm.group", "never", "its own"),
        ("init.he", "never", "shared: it only makes initial values"),
    ],
)
def test_what_shares_a_program(place, off, program):
    key, name = place.split(".")
    card = card_of(key, TABLES[key], name)
    assert (card.off, card.program) == (off, program)


def test_what_costs_time_at_its_off_value_has_its_own_program():
    table = axes.Axis("x", "", {"a": axes.Choice(lambda by: by, {"by": 0.0}, merges=False)})
    assert card_of("x", table, "a").program == "its own, since it costs time at its off value too"


def test_every_rule_stands_on_the_cards_of_its_choices():
    told = [(place, c.choices) for key, name in CHOICES if (place := f"{key}.{name}") for c in cautions(place)]
    assert sorted(told) == sorted((place, rule.about) for rule in RULES for place in rule.about)
    assert "rule: Mixing makes targets soft already. It looks at augment.mixup, " in described("mixup")


def cautions(place):
    key, name = place.rsplit(".", 1)
    return card_of(key, TABLES[key], name).cautions


@pytest.mark.parametrize("key", TABLES)
def test_the_public_names_are_those_that_a_config_may_use(key):
    for given, name in public_names(TABLES[key]).items():
        required = TABLES[key].choices[name].example
        chosen = check_choice(TABLES[key], {"name": given, **required}, key, [])
        assert chosen is None or chosen.name == name
        assert given in card_of(key, TABLES[key], name).public
        assert name in [found for _, found in places_of(given)]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("clip_by_global_norm", "clip.global_norm"),
        ("clip.clip_by_global_norm", "clip.global_norm"),
        ("focal", "loss.focal"),
        ("GroupNorm", "norm.group"),
        ("group_norm", "norm.group"),
        ("adam", "optimizer.adam"),  # those of the critic are the same
        ("wasserstein", "adversarial.game.wasserstein"),
    ],
)
def test_a_choice_is_found_by_any_of_its_names(text, place):
    assert described(text).startswith(f"{place}(")
    assert described(text) == described(place)


def test_a_name_of_several_choices_lists_them():
    first, *lines = described("zeros").splitlines()
    assert first == "2 choices answer to 'zeros'; name one of them with its axis:"
    assert [line.split(":")[0] for line in lines] == ["  init.zeros", "  bias.zeros"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("focl", "focl: no axis or choice answers to it; did you mean loss.focal? `ablate tricks` lists all"),
        ("los", "los: unknown axis 'los'; did you mean 'loss'? Allowed: task"),
        ("qqqq", "qqqq: unknown axis 'qqqq'. Allowed: task"),
        ("clip.clip_by_norm", "clip.clip_by_norm: unknown choice 'clip_by_norm'"),
    ],
)
def test_a_name_of_nothing(text, problem):
    with pytest.raises(ConfigError) as caught:
        described(text)
    assert str(caught.value).startswith(problem)
