"""Campaign texts: flat, single pass, linear, and never evaluated."""

import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oxyq.errors import InvalidPayload
from oxyq.templates import placeholders, render

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,63}", fullmatch=True)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("Olá {{name}}!", "Olá Ana!"),
        ("{{ name }} e {{name}}", "Ana e Ana"),
        ("{{name}}{{day}}", "Anahoje"),
        ("sem nada", "sem nada"),
        ("R$ 10, 100 %s, $x, 50% :-}", "R$ 10, 100 %s, $x, 50% :-}"),
        ("{{__init__}}", "só um nome"),
        ("linha\n{{name}}", "linha\nAna"),
    ],
)
def test_placeholders_are_replaced_and_all_else_stays(template: str, text: str) -> None:
    assert text == render(template, {"name": "Ana", "day": "hoje", "__init__": "só um nome"})


def test_the_recipients_own_variables_go_before_the_campaigns() -> None:
    own, campaigns = {"name": "Ana"}, {"name": "Cliente", "shop": "Amigo Fiel"}

    assert render("{{name}} da {{shop}}", own, campaigns) == "Ana da Amigo Fiel"


def test_placeholders_are_listed_once_each_in_order() -> None:
    assert placeholders("{{b}} {{a}} {{ b }}") == ["b", "a"]


def test_a_variable_without_a_value_is_named_with_its_recipient() -> None:
    with pytest.raises(InvalidPayload) as caught:
        render("Olá {{name}}", {"nome": "Ana"}, recipient="5511999999999")

    assert caught.value.field == "template"
    assert "{{name}} has no value for recipient 5511999999999" in caught.value.problem


def test_a_recipient_cannot_forge_lines_in_a_log() -> None:
    with pytest.raises(InvalidPayload, match=r"for recipient 5511\\nERROR;"):
        render("Olá {{name}}", recipient="5511\nERROR")


@pytest.mark.parametrize(
    ("template", "named"),
    [
        ("{x.__class__}", "{x.__class__}"),
        ("{0}", "{0}"),
        ("{}", "{}"),
        ("${}", "{}"),
        ("${x}", "{x}"),
        ("{{x|attr|upper}}", "{{x|attr|upper}}"),
        ("{{x|{{name}}}}", "{{x|{{name}}}}"),
        ("{{x|a}b}}", "{{x|a}b}}"),
        ("{{|x}}", "{{|x}}"),
        ("{{x|", "{{x|"),
        ("{Oi|Olá {{não}}}", "{{não}}"),
        ("{{x.y}}", "{{x.y}}"),
        ("{{x[0]}}", "{{x[0]}}"),
        ("{{1x}}", "{{1x}}"),
        ("{{não}}", "{{não}}"),
        ("{{}}", "{{}}"),
        ("{{ {{x}} }}", "{{ {{x}} }}"),
        ("{{{x}}}", "{{{x}}}"),
        ("{{x}}}", "{{x}}}"),
        ("{% for x in y %}", "{% for x in y %}"),
        ("Olá {{name", "{{name"),
        ("Olá name}}", "}}"),
        ("{{na\nme}}", "{{na"),
        ("{{" + "a" * 65 + "}}", "{{aaa"),
    ],
)
def test_anything_else_in_braces_is_refused_and_named(template: str, named: str) -> None:
    with pytest.raises(InvalidPayload) as caught:
        render(template, {"x": "1", "name": "Ana"})

    assert caught.value.field == "template"
    assert named in caught.value.problem
    assert "write {{name}}" in caught.value.problem


def test_no_value_is_needed_where_there_is_a_fallback() -> None:
    assert placeholders("{{a|x}} {{b}} {{c|}}") == ["b"]
    assert placeholders("{{a|x}} {{a}}") == ["a"]


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("Olá {{name|cliente}}!", "Olá cliente!"),
        ("Olá{{name|}}!", "Olá!"),
        ("{{ name | caro cliente }}", "caro cliente"),
        ("{{name|linha\n2, 50%, $x}}", "linha\n2, 50%, $x"),
        ("{{x|attr}}", "attr"),
        ("{{__init__|x.__class__}}", "x.__class__"),
    ],
)
@pytest.mark.parametrize("variables", [{}, {"name": ""}, {"name": " \t\n"}], ids=["no value", "empty", "blank"])
def test_a_fallback_stands_in_for_a_value_that_is_missing_or_blank(
    template: str, text: str, variables: dict[str, str]
) -> None:
    assert render(template, variables) == text


def test_a_blank_value_of_the_recipients_own_gives_way_to_the_campaigns_before_the_fallback() -> None:
    own, campaigns = {"name": " "}, {"name": "Cliente"}

    assert render("{{name|amigo}}", own, campaigns) == "Cliente"
    assert render("{{name|amigo}}", {"name": " Ana "}, campaigns) == " Ana "
    # Without a fallback what the recipient's row says is meant so.
    assert render("<{{name}}>", own, campaigns) == "< >"


def test_of_every_choice_one_text_is_taken() -> None:
    template = "{Oi|Olá|E aí}, {{name}}{!|}"

    texts = {render(template, {"name": "Ana"}, seed=f"c1/{number}") for number in range(200)}

    assert texts == {f"{greeting}, Ana{end}" for greeting in ("Oi", "Olá", "E aí") for end in ("!", "")}


def test_a_choice_holds_placeholders() -> None:
    template = "{{{name}}|Oi {{ name }}|Olá {{title|Sr.}} {{name}}|{{name}}}"

    texts = {render(template, {"name": "{a|b}"}, seed=str(number)) for number in range(100)}

    assert texts == {"{a|b}", "Oi {a|b}", "Olá Sr. {a|b}"}


def test_a_variable_is_needed_whichever_text_is_taken() -> None:
    """Or the campaign would stop half-way through, at whoever draws that text."""
    assert placeholders("{Oi {{name}}|Olá {{title|Sr.}}|E aí {{shop}}}") == ["name", "shop"]


def test_the_same_seed_takes_the_same_text_in_every_process() -> None:
    """A send that is planned again after a crash says what it said before; hence the literal texts."""
    template = "{a|b|c|d|e|f|g|h}" * 8

    assert render(template, seed="c1/5511999990001") == "aechhbde"
    assert render(template, seed="c1/5511999990002") == "beffgcaf"
    assert render(template, seed="c2/5511999990001") == "deceebgb"
    assert render("{a|b}", seed="half an emoji \ud83d") in ("a", "b")


def test_the_texts_of_a_choice_are_taken_evenly() -> None:
    """And the choices of a template independently of each other: 12 pairs, 1,000 times each give or take 4 sigma."""
    drawn = Counter(render("{a|b|c}{w|x|y|z}", seed=f"c1/55119{number:08}") for number in range(12_000))

    assert len(drawn) == 12
    assert all(abs(times - 1000) < 4 * 1000**0.5 for times in drawn.values())


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ("{Oi|{Olá|E aí}}", "{Oi|{Olá|E aí}}"),
        ("{Oi|{Olá|E aí} você}", "{Oi|{Olá|E aí} você}"),
        ("{Oi {Olá|E aí}|você}", "{Oi {Olá|E aí}|você}"),
        ("Bem, {Oi|Olá", "{Oi|Olá"),
        ("{Oi|Olá}}", "{Oi|Olá}}"),
        (":{", "{"),
        ("{Oi {{name}}}", "{Oi {{name}}}"),
        ("{Oi {{name}}|Olá", "{Oi {{name}}|Olá"),
        ("{a|" + "b" * 100, "{a|" + "b" * 37 + "'"),
    ],
)
def test_a_choice_in_a_choice_or_left_open_is_refused_with_the_way_to_write_it(template: str, shown: str) -> None:
    with pytest.raises(InvalidPayload) as caught:
        placeholders(template)

    assert caught.value.field == "template"
    assert caught.value.problem.startswith(f"'{shown}")
    assert "is not a choice of texts; write {Oi|Olá}" in caught.value.problem
    assert "a choice cannot hold another" in caught.value.problem


@settings(max_examples=40)
@given(value=st.text(), other=NAMES)
def test_a_value_is_never_looked_at_again(value: str, other: str) -> None:
    """A customer called {{secret}} is greeted as such."""
    value = f"{value}{{{{{other}}}}}"

    assert render("<{{name}}>", {other: "SECRET", "name": value}) == f"<{value}>"


@settings(max_examples=40)
@given(st.lists(st.tuples(st.text(st.characters(exclude_characters="{}")), NAMES)), st.data())
def test_rendering_is_the_literal_texts_with_the_values_between(
    parts: list[tuple[str, str]], data: st.DataObject
) -> None:
    variables = {name: data.draw(st.text()) for _, name in parts}

    template = "".join(f"{literal}{{{{{name}}}}}" for literal, name in parts)

    assert render(template, variables) == "".join(literal + variables[name] for literal, name in parts)


@settings(max_examples=300)
@given(st.lists(st.sampled_from(["{{", "}}", "{a", "|b}", *"{}a_1 .|%\n"]), max_size=30).map("".join))
def test_any_template_either_renders_or_is_refused_politely(template: str) -> None:
    try:
        names = placeholders(template)
    except InvalidPayload as error:
        assert error.field == "template"
    else:
        text = render(template, dict.fromkeys(names, "v"))
        assert "{" not in text
        assert "}}" not in text


@pytest.mark.parametrize(
    "template",
    [
        "{{x}}" * 10_000,
        "{" * 1_000_000,
        "{ " * 500_000,
        "{{" + " " * 1_000_000,
        "{a" * 500_000,
        "{{a" * 300_000,
        "}" * 1_000_000,
        "a" * 1_000_000,
        "{" * 100_000,
        "|" * 1_000_000,
        "{" + "|" * 1_000_000 + "}",
        "{a|" * 300_000,
        "{{x|" * 250_000,
        "{{x|" + "y" * 1_000_000,
        "{{x" + " " * 1_000_000,
        "{" + "{{x}}" * 200_000,
        "{" + "{{x}}" * 200_000 + "}}",
        "{ {{x}}" * 140_000,
        "{{x}}}" * 160_000,
        "{a|b}" * 50_000,
        "{a|b}}" * 160_000,
        "{|{{é}}}" * 100_000,
    ],
    ids=lambda template: f"{template[:10]}…",
)
def test_a_hostile_template_takes_linear_time(template: str) -> None:
    """A quadratic pattern would need minutes for these."""
    started = time.process_time()  # of this process alone: a busy machine makes no pattern quadratic

    try:
        render(template, {"x": "value"})
    except InvalidPayload as error:
        assert len(str(error)) < 500

    assert time.process_time() - started < 2.0
