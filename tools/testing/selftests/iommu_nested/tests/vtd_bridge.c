// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two devices behind one bridge to conventional PCI, which gives their DMA a
 * requester ID of its own making: hardware can't tell them apart.
 */

#define NO_PAIR		"no bridge here has two devices behind it"

FIXTURE(vtd_bridge)
{
	struct host host;
	struct edu *one, *other;
};

FIXTURE_SETUP(vtd_bridge)
{
	struct host *host = &self->host;

	/* They are the last ones. */
	host_up_nth(_metadata, host, edu_count() - 2, 2);
	if (_metadata->exit_code)
		return;
	self->one = &host->edu[0];
	self->other = &host->edu[1];
	if (pci_iommu_group(self->one->bdf) != pci_iommu_group(self->other->bdf))
		SKIP(return, NO_PAIR);
}

FIXTURE_TEARDOWN(vtd_bridge)
{
	host_down(&self->host);
}

/* Where a store of either goes: the same for both */
static unsigned long hits_of_both(struct __test_metadata *_metadata,
				  struct host *host, __u64 iova)
{
	unsigned long mask = hits(_metadata, host, &host->edu[0], iova);

	EXPECT_EQ(mask, hits(_metadata, host, &host->edu[1], iova));
	return mask;
}

#define HITS_OF_BOTH(iova)	hits_of_both(_metadata, &self->host, iova)

TEST_F(vtd_bridge, translated)
{
	struct host *host = &self->host;

	EXPECT_EQ(PAGE_A, HITS_OF_BOTH(GPA(PAGE_A)));
	EXPECT_EQ(NOWHERE, HITS_OF_BOTH(IOVA));
	ASSERT_EQ(0, iommufd_ioas_map(host->fd, host->ioas, host->page[2],
				      GUEST_PAGE, IOVA));
	EXPECT_EQ(PAGE_C, HITS_OF_BOTH(IOVA));
	ASSERT_EQ(0, iommufd_ioas_unmap(host->fd, host->ioas, IOVA, GUEST_PAGE));
	EXPECT_EQ(NOWHERE, HITS_OF_BOTH(IOVA));
}

/* What one is attached to the other is, until both are detached. */
TEST_F(vtd_bridge, attached_alike)
{
	struct host *host = &self->host;
	__u32 ioas;

	ASSERT_EQ(0, iommufd_ioas_alloc(host->fd, &ioas));
	ASSERT_EQ(0, iommufd_ioas_map(host->fd, ioas, host->page[1], GUEST_PAGE,
				      IOVA));
	EXPECT_EQ(NOWHERE, HITS_OF_BOTH(IOVA));
	ASSERT_EQ(0, edu_attach(self->other, ioas));
	EXPECT_EQ(PAGE_B, HITS_OF_BOTH(IOVA));
	EXPECT_EQ(NOWHERE, HITS_OF_BOTH(GPA(PAGE_A)));
	ASSERT_EQ(0, edu_detach(self->one));
	EXPECT_EQ(PAGE_B, HITS_OF_BOTH(IOVA));
	ASSERT_EQ(0, edu_detach(self->other));
	EXPECT_EQ(NOWHERE, HITS_OF_BOTH(IOVA));
}

/* Takes a device from the kernel and brings it back: the other goes on. */
static void leave_and_return(struct __test_metadata *_metadata,
			     struct host *host, struct edu *edu,
			     struct edu *stays)
{
	__u64 gpa = page_gpa(host, PAGE_A);
	unsigned int nth = edu->nth;

	edu_close(edu);
	ASSERT_EQ(0, pci_remove(edu->bdf));
	EXPECT_EQ(PAGE_A, hits(_metadata, host, stays, gpa));
	ASSERT_EQ(0, pci_rescan());
	EXPECT_EQ(PAGE_A, hits(_metadata, host, stays, gpa));
	ASSERT_EQ(0, edu_open(edu, nth, host->fd));
	ASSERT_EQ(0, edu_attach(edu, host->ioas));
	EXPECT_EQ(PAGE_A, hits(_metadata, host, edu, gpa));
	EXPECT_EQ(PAGE_A, hits(_metadata, host, stays, gpa));
}

TEST_F(vtd_bridge, one_goes)
{
	struct host *host = &self->host;

	leave_and_return(_metadata, host, self->one, self->other);
	leave_and_return(_metadata, host, self->other, self->one);
	leave_and_return(_metadata, host, self->one, self->other);
	ASSERT_EQ(0, edu_detach(self->one));
	ASSERT_EQ(0, edu_detach(self->other));
	EXPECT_EQ(NOWHERE, HITS_OF_BOTH(GPA(PAGE_A)));
}
