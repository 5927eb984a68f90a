"""`oxyq contacts`: one record per person, by whatever form of the number."""

import json

from tests.command_line import CommandLine

NUMBER = "5511999990001"


def test_who_opts_out_is_shown_until_he_opts_in_again(oxyq: CommandLine) -> None:
    oxyq("orgs", "set", "-", stdin=json.dumps({"id": "org_1", "name": "Pet Shop"}))
    before = oxyq("contacts", "show", "org_1", NUMBER, "--json").json()
    out = oxyq("contacts", "opt-out", "org_1", "+55 (11) 99999-0001")
    shown = oxyq("contacts", "show", "org_1", NUMBER, "--json").json()
    words = oxyq("contacts", "show", "org_1", NUMBER).out
    back = oxyq("contacts", "opt-in", "org_1", NUMBER)
    again = oxyq("contacts", "show", "org_1", NUMBER, "--json").json()

    assert before == {"optedOut": False, "at": None, "source": None, "words": None}
    assert (out.code, out.out) == (0, "+55 (11) 99999-0001: no more campaigns\n")
    assert (shown["optedOut"], shown["source"]) == (True, "cli")
    assert words.startswith(f"{NUMBER}: no campaigns since 20")
    assert back.out == f"{NUMBER}: campaigns may reach this person again\n"
    assert again["optedOut"] is False


def test_wrong_numbers_and_unknown_organizations_are_refused(oxyq: CommandLine) -> None:
    oxyq("orgs", "set", "-", stdin=json.dumps({"id": "org_1", "name": "Pet Shop"}))
    number = oxyq("contacts", "opt-out", "org_1", "nobody")
    organization = oxyq("contacts", "show", "org_2", NUMBER)

    assert number.code == 1
    assert "number" in number.err
    assert organization.code == 1
    assert "there is no organization 'org_2'; list them with: oxyq orgs list" in organization.err
