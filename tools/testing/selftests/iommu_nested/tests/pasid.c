// SPDX-License-Identifier: GPL-2.0-only
/* PASIDs: edu has none, and must not be given any. */

FIXTURE(pasid)
{
	struct host host;
};

FIXTURE_SETUP(pasid)
{
	host_up(_metadata, &self->host, 1);
}

FIXTURE_TEARDOWN(pasid)
{
	host_down(&self->host);
}

TEST_F(pasid, refused_for_a_device_without)
{
	struct host *host = &self->host;
	__u32 hwpt;

	ASSERT_EQ(0, iommufd_hwpt_alloc(host->fd, host->edu[0].dev, host->ioas,
					0, &hwpt));
	EXPECT_NE(0, edu_attach_pasid(&host->edu[0], 1, hwpt));
	EXPECT_EQ(PAGE_A, hits(_metadata, host, &host->edu[0],
			       page_gpa(host, PAGE_A)));
}
