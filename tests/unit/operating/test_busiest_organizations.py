"""However many organizations there are, few are named."""

from oxyq.operating.busiest_organizations import OTHER, OrganizationJobs, busiest


def jobs(completed: int) -> OrganizationJobs:
    return OrganizationJobs(completed, failed=1 if completed else 0, retried=0)


def test_the_busiest_by_name_and_the_rest_together() -> None:
    found = busiest({f"org_{number}": jobs(number) for number in range(1, 100)}, most=2)

    assert found == {"org_99": jobs(99), "org_98": jobs(98), OTHER: OrganizationJobs(sum(range(1, 98)), 97, 0)}


def test_who_did_nothing_is_not_named() -> None:
    assert set(busiest({"quiet": jobs(0), "busy": jobs(3)}, most=5)) == {"busy", OTHER}


def test_an_organization_of_that_name_is_of_the_rest() -> None:
    assert busiest({OTHER: jobs(50), "busy": jobs(3)}, most=5) == {"busy": jobs(3), OTHER: OrganizationJobs(50, 1, 0)}
