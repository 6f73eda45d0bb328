// SPDX-License-Identifier: GPL-2.0-only
/* Devices that device scopes name do DMA through the unit that they name. */

/* Of the machine's: behind a bridge, and one that no scope names. */
#define BEHIND_BRIDGE	3
#define UNNAMED		2

FIXTURE(scope)
{
	struct host host;
};

FIXTURE_SETUP(scope)
{
	host_up_nth(_metadata, &self->host, BEHIND_BRIDGE, 1);
}

FIXTURE_TEARDOWN(scope)
{
	host_down(&self->host);
}

TEST_F(scope, device_behind_a_bridge)
{
	struct host *host = &self->host;
	struct edu *edu = &host->edu[0];

	EXPECT_EQ(PAGE_A, hits(_metadata, host, edu, page_gpa(host, PAGE_A)));
	EXPECT_EQ(NOWHERE, hits(_metadata, host, edu, IOVA));
	ASSERT_EQ(0, iommufd_ioas_map(host->fd, host->ioas, host->page[2],
				      GUEST_PAGE, IOVA));
	EXPECT_EQ(PAGE_C, hits(_metadata, host, edu, IOVA));
}

/* What has no unit has no group, and is given to nobody. */
TEST_F(scope, others_are_not_given_away)
{
	struct edu edu;

	EXPECT_GT(0, edu_open(&edu, UNNAMED, self->host.fd));
	EXPECT_EQ(-ENOENT, pci_iommu_group(edu.bdf));
}
