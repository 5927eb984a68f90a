"""What a filter takes, and which jobs fit it."""

import pytest

from oxyq.engine.record import JobRecord
from oxyq.engine.scripts import Glimpse
from oxyq.errors import InvalidPayload
from oxyq.operating.search.columns import Columns
from oxyq.operating.search.job_filter import JobFilter, Traits, read_filter, traits_of, traits_of_record

ANA = Traits("org_1", "spring", "send", "timeout", "5511988887777", 1000)
RUI = Traits("org_2", "", "inbound", "", "5511977776666", 2000)


def test_everything_that_is_given_must_fit() -> None:
    assert JobFilter().fits(ANA)
    assert JobFilter(organization_id="org_1", campaign_id="spring", error="timeout").fits(ANA)
    assert not JobFilter(organization_id="org_1", name="inbound").fits(ANA)
    assert [JobFilter(since_ms=1000, until_ms=2000).fits(one) for one in (ANA, RUI)] == [True, False]


@pytest.mark.parametrize("written", ["(11) 98888-7777", "5511988887777", "+55 11 8888-7777", "5511988887777@c.us"])
def test_a_person_is_found_however_the_number_is_written(written: str) -> None:
    assert read_filter({"contact": written}).fits(ANA)
    assert not read_filter({"contact": written}).fits(RUI)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("contact", "somebody"),
        ("error", "bad luck"),
        ("since", "yesterday"),
        ("since", -1),
        ("until", True),
        ("text", "ab"),
        ("name", "x" * 201),
        ("organizationId", 5),
        ("phone", "1"),
    ],
)
def test_what_is_no_filter_is_refused_by_its_name(field: str, value: object) -> None:
    with pytest.raises(InvalidPayload) as refused:
        read_filter({field: value})
    assert refused.value.field == field


@pytest.mark.parametrize(
    "written", ["+4722864400", "+14155552671", "(11) 98888-7777", "123456789@lid", "+5511900030999"]
)
def test_a_filter_survives_the_wire(written: str) -> None:
    given = {"contact": written, "organizationId": "org_1", "since": 5, "text": "olá"}
    wanted = read_filter(given)
    assert read_filter(wanted.to_json()) == wanted
    assert read_filter({"name": "", "text": None}).is_empty


def test_columns_find_what_fits_one_by_one() -> None:
    """The index may tell of no job that does not fit, but for a collision, and must miss none."""
    traits = [
        Traits(f"org_{n % 3}", f"c{n % 5}" if n % 2 else "", f"n{n % 2}", "timeout" if n % 7 else "", f"55{n % 4}", n)
        for n in range(100)
    ]
    columns = Columns([f"job-{n}" for n in range(100)], traits)
    for wanted in (
        JobFilter(),
        JobFilter(organization_id="org_1"),
        JobFilter(campaign_id="c3", name="n1"),
        JobFilter(error="timeout", since_ms=20, until_ms=60),
        JobFilter(contact="552", organization_id="org_0"),
        JobFilter(organization_id="nobody"),
    ):
        fitting = [f"job-{n}" for n, one in enumerate(traits) if wanted.fits(one)]
        assert columns.ids(columns.fitting(wanted)) == fitting


def test_a_job_has_the_same_traits_read_in_short_or_whole() -> None:
    data = {"organizationId": "org_1", "recipient": "+55 11 98888-7777", "campaignId": "spring", "n": 5}
    record = JobRecord("j", "send", data, timestamp_ms=5, finished_ms=1000, failed_reason="Timeout: not finished")
    glimpse = Glimpse("j", "send", "Timeout: not finished", 1000, ("org_1", "spring", "+55 11 98888-7777"))
    assert traits_of(glimpse) == traits_of_record(record) == ANA
    assert traits_of_record(JobRecord("broken", data=None)) == Traits("", "", "", "", "", 0)
