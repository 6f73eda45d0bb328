// SPDX-License-Identifier: GPL-2.0-only
/* A container with devices behind two units: one guest to its user. */

FIXTURE(vtd_units_container)
{
	struct host host;
	__u64 *root;
};

FIXTURE_SETUP(vtd_units_container)
{
	struct host *host = &self->host;

	container_up_nth(_metadata, host, VFIO_TYPE1_NESTING_IOMMU, 1, 2);
	if (_metadata->exit_code)
		return;
	if (same_unit(&host->edu[0], &host->edu[1]))
		SKIP(return, ONE_UNIT);
	self->root = guest_alloc(&host->ram, GUEST_PAGE);
	ASSERT_NE(NULL, self->root);
	ENTRY(IOVA, 0) = GPA(PAGE_A) | FL_PAGE;
}

FIXTURE_TEARDOWN(vtd_units_container)
{
	host_down(&self->host);
}

static void expect_both(struct __test_metadata *_metadata, struct host *host,
			unsigned long page, __u64 iova)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		EXPECT_EQ(page, hits(_metadata, host, &host->edu[i], iova)) {
			TH_LOG("device %u, %#llx", i, iova);
		}
}

#define EXPECT_BOTH(page, iova) \
	expect_both(_metadata, &self->host, page, iova)

/* Invalidations and memory go for all. */
TEST_F(vtd_units_container, one_guest)
{
	struct vfio_nested_bind_guest_pgtbl cmd;
	struct host *host = &self->host;
	unsigned int i;

	EXPECT_BOTH(PAGE_B, GPA(PAGE_B));
	for (i = 0; i < 2; i++) {
		cmd = fl_bind(host, self->root);
		cmd.target = device_of(&host->edu[i]);
		ASSERT_EQ(0, vfio_bind_pgtbl(host->fd, &cmd));
	}
	EXPECT_BOTH(PAGE_A, IOVA);
	ENTRY(IOVA, 0) = GPA(PAGE_C) | FL_PAGE;
	EXPECT_BOTH(PAGE_A, IOVA);
	ASSERT_EQ(0, fl_flush(host, IOVA));
	EXPECT_BOTH(PAGE_C, IOVA);

	ASSERT_EQ(0, vfio_map(host->fd, host->page[3], GUEST_PAGE, FREE_GPA));
	ENTRY(IOVA, 0) = FREE_GPA | FL_PAGE;
	ASSERT_EQ(0, fl_flush(host, IOVA));
	EXPECT_BOTH(PAGE_D, IOVA);
	ASSERT_EQ(0, vfio_unmap(host->fd, FREE_GPA, GUEST_PAGE, NULL));
	EXPECT_BOTH(NOWHERE, IOVA);

	/* One device goes back, the other stays. */
	ENTRY(IOVA, 0) = GPA(PAGE_A) | FL_PAGE;
	ASSERT_EQ(0, fl_flush(host, IOVA));
	ASSERT_EQ(0, vfio_unbind_pgtbl(host->fd, device_of(&host->edu[0])));
	EXPECT_EQ(PAGE_B, hits(_metadata, host, &host->edu[0], GPA(PAGE_B)));
	EXPECT_EQ(PAGE_A, hits(_metadata, host, &host->edu[1], IOVA));
}
