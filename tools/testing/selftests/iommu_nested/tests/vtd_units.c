// SPDX-License-Identifier: GPL-2.0-only
/* Two units: what is of one is not for devices of the other. */

FIXTURE(vtd_units)
{
	struct host host;
	struct edu *one, *other;
	__u64 *root;
};

FIXTURE_SETUP(vtd_units)
{
	struct host *host = &self->host;

	/* The last device is the second unit's. */
	host_up_nth(_metadata, host, 1, 2);
	if (_metadata->exit_code)
		return;
	self->one = &host->edu[0];
	self->other = &host->edu[1];
	if (same_unit(self->one, self->other))
		SKIP(return, ONE_UNIT);
}

FIXTURE_TEARDOWN(vtd_units)
{
	host_down(&self->host);
}

#define HITS_OF(edu, iova)	hits(_metadata, &self->host, edu, iova)

/* Each has a domain of its own below an IOAS. */
TEST_F(vtd_units, one_ioas)
{
	struct host *host = &self->host;

	EXPECT_EQ(PAGE_A, HITS_OF(self->one, GPA(PAGE_A)));
	EXPECT_EQ(PAGE_A, HITS_OF(self->other, GPA(PAGE_A)));
	ASSERT_EQ(0, iommufd_ioas_map(host->fd, host->ioas, host->page[1],
				      GUEST_PAGE, IOVA));
	EXPECT_EQ(PAGE_B, HITS_OF(self->one, IOVA));
	EXPECT_EQ(PAGE_B, HITS_OF(self->other, IOVA));
	ASSERT_EQ(0, iommufd_ioas_unmap(host->fd, host->ioas, IOVA, GUEST_PAGE));
	EXPECT_EQ(NOWHERE, HITS_OF(self->one, IOVA));
	EXPECT_EQ(NOWHERE, HITS_OF(self->other, IOVA));
}

TEST_F(vtd_units, not_for_the_other)
{
	struct host *host = &self->host;
	__u32 hwpt;

	ASSERT_EQ(0, iommufd_hwpt_alloc(host->fd, self->one->dev, host->ioas, 0,
					&hwpt));
	EXPECT_EQ(-EINVAL, edu_attach(self->other, hwpt));
	EXPECT_EQ(PAGE_C, HITS_OF(self->other, GPA(PAGE_C)));
	ASSERT_EQ(0, edu_attach(self->one, hwpt));
	EXPECT_EQ(PAGE_C, HITS_OF(self->one, GPA(PAGE_C)));
}

/* A guest with devices behind both: a second stage for each, and its table on both. */
TEST_F(vtd_units, nested)
{
	struct iommu_hwpt_vtd_s1 data = { .addr_width = 48 };
	struct host *host = &self->host;
	__u32 parent, nested[2];

	host_make_s2(_metadata, host, 0);
	if (_metadata->exit_code)
		return;
	self->root = new_table(_metadata, host);
	ENTRY(IOVA, 0) = GPA(PAGE_A) | FL_PAGE;
	data.pgtbl_addr = guest_gpa(&host->ram, self->root);
	EXPECT_EQ(-EINVAL,
		  iommufd_hwpt_alloc_data(host->fd, self->other->dev, host->s2, 0,
					  IOMMU_HWPT_DATA_VTD_S1, &data,
					  sizeof(data), &nested[1]));
	ASSERT_EQ(0, s1_alloc(host, self->root, &nested[0]));
	EXPECT_EQ(-EINVAL, edu_attach(self->other, nested[0]));
	ASSERT_EQ(0, iommufd_hwpt_alloc(host->fd, self->other->dev, host->ioas,
					IOMMU_HWPT_ALLOC_NEST_PARENT, &parent));
	ASSERT_EQ(0, iommufd_hwpt_alloc_data(host->fd, self->other->dev, parent, 0,
					     IOMMU_HWPT_DATA_VTD_S1, &data,
					     sizeof(data), &nested[1]));
	ASSERT_EQ(0, edu_attach(self->one, nested[0]));
	ASSERT_EQ(0, edu_attach(self->other, nested[1]));
	EXPECT_EQ(PAGE_A, HITS_OF(self->one, IOVA));
	EXPECT_EQ(PAGE_A, HITS_OF(self->other, IOVA));

	ENTRY(IOVA, 0) = GPA(PAGE_B) | FL_PAGE;
	ASSERT_EQ(0, s1_flush(host, nested[1], IOVA, 1, 0));
	EXPECT_EQ(PAGE_A, HITS_OF(self->one, IOVA));
	EXPECT_EQ(PAGE_B, HITS_OF(self->other, IOVA));
	ASSERT_EQ(0, s1_flush(host, nested[0], IOVA, 1, 0));
	EXPECT_EQ(PAGE_B, HITS_OF(self->one, IOVA));

	ASSERT_EQ(0, iommufd_ioas_unmap(host->fd, host->ioas, GUEST_GPA,
					GUEST_SIZE));
	EXPECT_EQ(NOWHERE, HITS_OF(self->one, IOVA));
	EXPECT_EQ(NOWHERE, HITS_OF(self->other, IOVA));
}
