"""Campaign texts: flat, single pass, linear, and never evaluated."""

import time

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
        ("{{x|attr}}", "{{x|attr}}"),
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


@given(st.text(st.sampled_from("{}a_1 .|%\n"), max_size=40))
def test_any_template_either_renders_or_is_refused_politely(template: str) -> None:
    try:
        names = placeholders(template)
    except InvalidPayload as error:
        assert error.field == "template"
    else:
        assert "{{" not in render(template, dict.fromkeys(names, "v"))


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
    ],
    ids=["10k placeholders", "{{{…", "{ { {…", "{{ …", "{a{a…", "{{a{{a…", "}}}…", "aaa…"],
)
def test_a_hostile_template_takes_linear_time(template: str) -> None:
    """A quadratic pattern would need minutes for these."""
    started = time.perf_counter()

    try:
        render(template, {"x": "value"})
    except InvalidPayload as error:
        assert len(str(error)) < 500

    assert time.perf_counter() - started < 1.0
