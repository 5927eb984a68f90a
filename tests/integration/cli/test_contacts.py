"""`oxyq contacts`: one record per person, by whatever form of the number."""

import json
import stat

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

    assert before == {"optedOut": False, "at": None, "source": None, "words": None, "held": {}}
    assert (out.code, out.out) == (0, "+55 (11) 99999-0001: no more campaigns\n")
    assert (shown["optedOut"], shown["source"], shown["held"]) == (True, "cli", {"wishes about campaigns": 2})
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


def test_who_is_erased_leaves_a_receipt_that_can_be_checked(oxyq: CommandLine) -> None:
    oxyq("orgs", "set", "-", stdin=json.dumps({"id": "org_1", "name": "Pet Shop"}))
    oxyq("contacts", "opt-out", "org_1", NUMBER)
    file, receipt = oxyq.folder / "person.json", oxyq.folder / "receipt.json"

    asked = oxyq("contacts", "erase", "org_1", NUMBER)
    dry = oxyq("contacts", "erase", "org_1", NUMBER, "--dry-run")
    exported = oxyq("contacts", "export", "org_1", NUMBER, "--output", str(file))
    done = oxyq("contacts", "erase", "org_1", NUMBER, "--yes")
    receipt.write_text(done.out)
    genuine = oxyq("contacts", "verify-receipt", str(receipt))
    receipt.write_text(done.out.replace('"optOut": "kept', '"optOut": "not kept').replace('"kept', '"not kept'))
    forged = oxyq("contacts", "verify-receipt", str(receipt))
    after = oxyq("contacts", "show", "org_1", NUMBER, "--json").json()

    assert asked.code == 2 and "add --yes if you mean it" in asked.err
    assert dry.rows() == [["wishes", "about", "campaigns", "2"]]
    assert exported.code == 0 and json.loads(file.read_text())["addresses"] == [NUMBER]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert done.json()["erased"] == {"wishes about campaigns": 2} and NUMBER not in done.out
    assert genuine.out.startswith("genuine: hmac-sha256:") and "was erased at org_1" in genuine.out
    assert (forged.code, "receipt: is no receipt" in forged.err) == (1, True)
    assert (after["optedOut"], after["source"], after["held"]) == (True, "erased", {})
    audit = oxyq("audit", "list", "--org", "org_1", "--json").out
    assert "hmac-sha256:" in audit and "contact.export" in audit and NUMBER not in audit
