// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernel-managed page tables: what DMA reaches through one stage. The variants,
 * one for each kind of table, are with what the IOMMU has of its own.
 */

FIXTURE(hwpt)
{
	struct host host;
	__u32 id;
};

FIXTURE_VARIANT(hwpt)
{
	__u32 flags;
};

FIXTURE_SETUP(hwpt)
{
	struct host *host = &self->host;

	host_up(_metadata, host, 2);
	if (_metadata->exit_code)
		return;
	ASSERT_EQ(0, iommufd_hwpt_alloc(host->fd, host->edu[0].dev, host->ioas,
					variant->flags, &self->id));
	ASSERT_EQ(0, edu_attach(&host->edu[0], self->id));
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
	ASSERT_EQ(0, load(&host->edu[0], page_gpa(host, PAGE_A), GUEST_PAGE));
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

/* A page goes, and its neighbours on both sides stay. */
TEST_F(hwpt, unmap_is_exact)
{
	struct host *host = &self->host;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, iommufd_ioas_map(host->fd, host->ioas,
					      host->page[i], GUEST_PAGE,
					      IOVA + i * GUEST_PAGE));
		ASSERT_EQ(BIT(i), hits(_metadata, host, &host->edu[0],
				       IOVA + i * GUEST_PAGE));
	}
	ASSERT_EQ(0, iommufd_ioas_unmap(host->fd, host->ioas, IOVA + GUEST_PAGE,
					GUEST_PAGE));
	EXPECT_EQ(PAGE_A, hits(_metadata, host, &host->edu[0], IOVA));
	EXPECT_EQ(NOWHERE, hits(_metadata, host, &host->edu[0],
				IOVA + GUEST_PAGE));
	EXPECT_EQ(PAGE_C, hits(_metadata, host, &host->edu[0],
			       IOVA + 2 * GUEST_PAGE));
}

TEST_F(hwpt, read_only_mapping)
{
	struct host *host = &self->host;
	unsigned int i;

	for (i = 0; i < PAGE_WORDS; i++)
		host->page[0][i] = ~marker(i);
	ASSERT_EQ(0, iommufd_ioas_map_prot(host->fd, host->ioas, host->page[0],
					   GUEST_PAGE, IOVA,
					   IOMMU_IOAS_MAP_READABLE));
	ASSERT_EQ(0, load(&host->edu[0], IOVA, GUEST_PAGE));
	ASSERT_EQ(0, edu_store(&host->edu[0], page_gpa(host, PAGE_B), 0,
			       GUEST_PAGE));
	EXPECT_EQ(0, memcmp(host->page[0], host->page[1], GUEST_PAGE));
	ASSERT_EQ(0, edu_store(&host->edu[0], IOVA, 8, 8));
	EXPECT_EQ(~marker(0), host->page[0][0]);
}

/* Store at the start, in the middle and at the end of the huge pages. */
static void check_large(struct __test_metadata *_metadata, struct host *host,
			__u32 ioas, __u64 iova)
{
	const size_t size = GUEST_SIZE / 2;
	unsigned char *va = host->ram.ram + size;
	const size_t at[] = { 0, size / 2 - 8, size / 2, size - 8 };
	unsigned int i;

	ASSERT_EQ(0, iommufd_ioas_map(host->fd, ioas, va, size, iova));
	for (i = 0; i < ARRAY_SIZE(at); i++) {
		__u64 *word = (__u64 *)(va + at[i]);

		*word = 0;
		ASSERT_EQ(0, edu_store(&host->edu[0], iova + at[i], i * 8, 8));
		EXPECT_EQ(marker(i), *word) {
			TH_LOG("offset %#zx of %#zx", at[i], size);
		}
	}
	ASSERT_EQ(0, iommufd_ioas_unmap(host->fd, ioas, iova, size));
	for (i = 0; i < ARRAY_SIZE(at); i++) {
		__u64 *word = (__u64 *)(va + at[i]);

		*word = 0;
		ASSERT_EQ(0, edu_store(&host->edu[0], iova + at[i], i * 8, 8));
		EXPECT_EQ(0ULL, *word) {
			TH_LOG("offset %#zx of %#zx after unmap", at[i], size);
		}
	}
}

#define LARGE_IOVA	0x1240000000ULL

/* Aligned to 2 MiB on both sides: the driver may use blocks. */
TEST_F(hwpt, large_aligned)
{
	check_large(_metadata, &self->host, self->host.ioas, LARGE_IOVA);
}

/* The same memory, one page off: no block fits anywhere. */
TEST_F(hwpt, large_misaligned)
{
	check_large(_metadata, &self->host, self->host.ioas,
		    LARGE_IOVA + GUEST_PAGE);
}

TEST_F(hwpt, large_without_huge_pages)
{
	struct host *host = &self->host;
	struct iommu_option cmd = {
		.size = sizeof(cmd),
		.option_id = IOMMU_OPTION_HUGE_PAGES,
		.op = IOMMU_OPTION_OP_SET,
		.val64 = 0,
	};
	__u32 ioas, hwpt;

	ASSERT_EQ(0, iommufd_ioas_alloc(host->fd, &ioas));
	cmd.object_id = ioas;
	ASSERT_EQ(0, ioctl(host->fd, IOMMU_OPTION, &cmd));
	ASSERT_EQ(0, iommufd_hwpt_alloc(host->fd, host->edu[0].dev, ioas,
					variant->flags, &hwpt));
	ASSERT_EQ(0, edu_attach(&host->edu[0], hwpt));
	check_large(_metadata, host, ioas, LARGE_IOVA);
}

/* The last page of the input range. */
TEST_F(hwpt, highest_iova)
{
	struct host *host = &self->host;
	struct iommu_iova_range ranges[16];
	__u32 num = ARRAY_SIZE(ranges);
	__u64 align, iova;

	ASSERT_EQ(0, iommufd_ioas_ranges(host->fd, host->ioas, ranges, &num,
					 &align));
	ASSERT_LT(0U, num);
	iova = ranges[num - 1].last + 1 - GUEST_PAGE;
	ASSERT_EQ(0, iommufd_ioas_map(host->fd, host->ioas, host->page[2],
				      GUEST_PAGE, iova));
	EXPECT_EQ(PAGE_C, hits(_metadata, host, &host->edu[0], iova));
}

TEST_F(hwpt, two_devices)
{
	struct host *host = &self->host;

	ASSERT_EQ(0, edu_attach(&host->edu[1], self->id));
	EXPECT_EQ(PAGE_A, hits(_metadata, host, &host->edu[0],
			       page_gpa(host, PAGE_A)));
	EXPECT_EQ(PAGE_A, hits(_metadata, host, &host->edu[1],
			       page_gpa(host, PAGE_A)));
	ASSERT_EQ(0, edu_detach(&host->edu[0]));
	EXPECT_EQ(NOWHERE, hits(_metadata, host, &host->edu[0],
				page_gpa(host, PAGE_A)));
	EXPECT_EQ(PAGE_A, hits(_metadata, host, &host->edu[1],
			       page_gpa(host, PAGE_A)));
	ASSERT_EQ(0, iommufd_ioas_unmap(host->fd, host->ioas, GUEST_GPA,
					GUEST_SIZE));
	EXPECT_EQ(NOWHERE, hits(_metadata, host, &host->edu[1],
				page_gpa(host, PAGE_A)));
}

/* Another address space takes over, and the first one is really gone. */
TEST_F(hwpt, replace)
{
	struct host *host = &self->host;
	__u32 ioas, hwpt;

	ASSERT_EQ(0, iommufd_ioas_alloc(host->fd, &ioas));
	ASSERT_EQ(0, iommufd_ioas_map(host->fd, ioas, host->page[1], GUEST_PAGE,
				      page_gpa(host, PAGE_A)));
	ASSERT_EQ(0, iommufd_hwpt_alloc(host->fd, host->edu[0].dev, ioas,
					variant->flags, &hwpt));
	ASSERT_EQ(PAGE_A, hits(_metadata, host, &host->edu[0],
			       page_gpa(host, PAGE_A)));
	ASSERT_EQ(0, edu_attach(&host->edu[0], hwpt));
	EXPECT_EQ(PAGE_B, hits(_metadata, host, &host->edu[0],
			       page_gpa(host, PAGE_A)));
	EXPECT_EQ(NOWHERE, hits(_metadata, host, &host->edu[0],
				page_gpa(host, PAGE_B)));
	EXPECT_EQ(0, iommufd_destroy(host->fd, self->id));
	EXPECT_EQ(-EBUSY, iommufd_destroy(host->fd, hwpt));
}

/* A device that is closed in mid-transfer is of no use until it is attached again. */
TEST_F(hwpt, closed_in_transfer)
{
	struct host *host = &self->host;
	struct edu *edu = &host->edu[0];

	edu_store_start(edu, page_gpa(host, PAGE_A), 0, 8);
	edu_close(edu);
	ASSERT_EQ(0, edu_open(edu, 0, host->fd));
	EXPECT_EQ(NOWHERE, hits(_metadata, host, edu, page_gpa(host, PAGE_A)));
	ASSERT_EQ(0, edu_attach(edu, self->id));
	EXPECT_EQ(PAGE_A, hits(_metadata, host, edu, page_gpa(host, PAGE_A)));
}

/* Also the one behind a bridge */
TEST(each_device)
{
	unsigned int num = edu_count();
	struct host host;
	unsigned int nth;

	for (nth = 0; nth < num; nth++) {
		host_up_nth(_metadata, &host, nth, 1);
		ASSERT_EQ(0, _metadata->exit_code);
		EXPECT_EQ(PAGE_C, hits(_metadata, &host, &host.edu[0],
				       page_gpa(&host, PAGE_C))) {
			TH_LOG("%s", host.edu[0].bdf);
		}
		EXPECT_EQ(NOWHERE, hits(_metadata, &host, &host.edu[0], IOVA));
		host_down(&host);
	}
}
