// SPDX-License-Identifier: GPL-2.0-only
/* Kernel-managed page tables: what DMA reaches through one stage. */

FIXTURE(hwpt)
{
	struct host host;
};

FIXTURE_VARIANT(hwpt)
{
	__u32 flags;
};

/* Stage 1, as a device gets it from an IOAS; stage 2, as it carries a guest. */
FIXTURE_VARIANT_ADD(hwpt, stage1)
{
	.flags = 0,
};

FIXTURE_VARIANT_ADD(hwpt, stage2)
{
	.flags = IOMMU_HWPT_ALLOC_NEST_PARENT,
};

FIXTURE_SETUP(hwpt)
{
	struct host *host = &self->host;
	__u32 id;

	host_up(_metadata, host, 1);
	if (_metadata->exit_code)
		return;
	ASSERT_EQ(0, iommufd_hwpt_alloc(host->fd, host->edu[0].dev, host->ioas,
					variant->flags, &id));
	ASSERT_EQ(0, edu_attach(&host->edu[0], id));
}

FIXTURE_TEARDOWN(hwpt)
{
	host_down(&self->host);
}

/* A page there and back through the device: reads and writes both translate. */
TEST_F(hwpt, dma_both_ways)
{
	struct host *host = &self->host;
	unsigned int i;

	for (i = 0; i < PAGE_WORDS; i++)
		host->page[0][i] = ~marker(i);
	memset(host->page[1], 0, GUEST_PAGE);
	ASSERT_EQ(0, edu_load(&host->edu[0], page_gpa(host, PAGE_A), 0,
			      GUEST_PAGE));
	ASSERT_EQ(0, edu_store(&host->edu[0], page_gpa(host, PAGE_B), 0,
			       GUEST_PAGE));
	EXPECT_EQ(0, memcmp(host->page[0], host->page[1], GUEST_PAGE));
}

TEST_F(hwpt, unmap_stops_dma)
{
	struct host *host = &self->host;

	ASSERT_EQ(PAGE_A, hits(_metadata, host, &host->edu[0],
			       page_gpa(host, PAGE_A)));
	ASSERT_EQ(0, iommufd_ioas_unmap(host->fd, host->ioas, GUEST_GPA,
					GUEST_SIZE));
	EXPECT_EQ(NOWHERE, hits(_metadata, host, &host->edu[0],
				page_gpa(host, PAGE_A)));
}

TEST_F(hwpt, remap_moves_dma)
{
	struct host *host = &self->host;

	ASSERT_EQ(0, iommufd_ioas_map(host->fd, host->ioas, host->page[0],
				      GUEST_PAGE, IOVA));
	ASSERT_EQ(PAGE_A, hits(_metadata, host, &host->edu[0], IOVA));
	ASSERT_EQ(0, iommufd_ioas_unmap(host->fd, host->ioas, IOVA, GUEST_PAGE));
	ASSERT_EQ(0, iommufd_ioas_map(host->fd, host->ioas, host->page[1],
				      GUEST_PAGE, IOVA));
	EXPECT_EQ(PAGE_B, hits(_metadata, host, &host->edu[0], IOVA));
}
