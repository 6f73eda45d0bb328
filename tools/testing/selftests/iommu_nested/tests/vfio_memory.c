// SPDX-License-Identifier: GPL-2.0-only
/*
 * MAP_DMA and UNMAP_DMA. The ABI is that of type1, so the kernel's type1 backend
 * answers the same questions beside ours (vfio_memory_own.c).
 */

#define FREE_GPA	0x80000000ULL	/* where nothing is mapped */
#define BAD_VA		((void *)GUEST_PAGE)

FIXTURE(memory)
{
	struct host host;
	int fd;
};

FIXTURE_VARIANT(memory)
{
	unsigned long type;
};

FIXTURE_VARIANT_ADD(memory, type1v2)
{
	.type = VFIO_TYPE1v2_IOMMU,
};

FIXTURE_SETUP(memory)
{
	container_up_nth(_metadata, &self->host, variant->type, 0, 1);
	self->fd = self->host.fd;
}

FIXTURE_TEARDOWN(memory)
{
	host_down(&self->host);
}

static unsigned long dma_hits(struct __test_metadata *_metadata,
			      struct host *host, __u64 iova)
{
	return hits(_metadata, host, &host->edu[0], iova);
}

/* The page as it is in the process, at another GPA. */
static int map_page(struct host *host, unsigned long page, __u64 gpa)
{
	return vfio_map(host->fd, host->page[__builtin_ctzl(page)], GUEST_PAGE,
			gpa);
}

TEST_F(memory, dma_both_ways)
{
	struct host *host = &self->host;
	unsigned int i;

	for (i = 0; i < PAGE_WORDS; i++)
		host->page[2][i] = ~marker(i);
	memset(host->page[3], 0, GUEST_PAGE);
	ASSERT_EQ(0, load(&host->edu[0], page_gpa(host, PAGE_C), GUEST_PAGE));
	ASSERT_EQ(0, edu_store(&host->edu[0], page_gpa(host, PAGE_D), 0,
			       GUEST_PAGE));
	EXPECT_EQ(0, memcmp(host->page[2], host->page[3], GUEST_PAGE));
}

TEST_F(memory, mapped_where_asked_for)
{
	struct host *host = &self->host;

	ASSERT_EQ(NOWHERE, dma_hits(_metadata, host, FREE_GPA));
	ASSERT_EQ(0, map_page(host, PAGE_B, FREE_GPA));
	ASSERT_EQ(0, map_page(host, PAGE_A, FREE_GPA + GUEST_PAGE));
	EXPECT_EQ(PAGE_B, dma_hits(_metadata, host, FREE_GPA));
	EXPECT_EQ(PAGE_A, dma_hits(_metadata, host, FREE_GPA + GUEST_PAGE));
	EXPECT_EQ(NOWHERE, dma_hits(_metadata, host, FREE_GPA - GUEST_PAGE));
	EXPECT_EQ(NOWHERE, dma_hits(_metadata, host, FREE_GPA + 2 * GUEST_PAGE));
	/* What was there before is so still. */
	EXPECT_EQ(PAGE_B, dma_hits(_metadata, host, page_gpa(host, PAGE_B)));
}

/* What the device has in its buffer after a load from @iova, in page D. */
static void load_to_page_d(struct __test_metadata *_metadata, struct host *host,
			   __u64 iova)
{
	memset(host->page[3], 0, GUEST_PAGE);
	ASSERT_EQ(0, load(&host->edu[0], iova, GUEST_PAGE));
	ASSERT_EQ(0, edu_store(&host->edu[0], page_gpa(host, PAGE_D), 0,
			       GUEST_PAGE));
}

TEST_F(memory, access_flags)
{
	struct host *host = &self->host;
	const __u64 read = FREE_GPA, write = FREE_GPA + GUEST_PAGE;

	ASSERT_EQ(0, vfio_map_flags(self->fd, host->page[0], GUEST_PAGE, read,
				    VFIO_DMA_MAP_FLAG_READ));
	ASSERT_EQ(0, vfio_map_flags(self->fd, host->page[1], GUEST_PAGE, write,
				    VFIO_DMA_MAP_FLAG_WRITE));
	EXPECT_EQ(NOWHERE, dma_hits(_metadata, host, read));
	EXPECT_EQ(PAGE_B, dma_hits(_metadata, host, write));

	memset(host->page[0], 0xa5, GUEST_PAGE);
	memset(host->page[1], 0x5a, GUEST_PAGE);
	load_to_page_d(_metadata, host, read);
	EXPECT_EQ(0, memcmp(host->page[0], host->page[3], GUEST_PAGE));
	if (variant->type != VFIO_TYPE1_NESTING_IOMMU ||
	    shadowing(_metadata, host))
		return;
	/* A stage 1 can't express this: only stage 2 does. */
	load_to_page_d(_metadata, host, write);
	EXPECT_NE(0, memcmp(host->page[1], host->page[3], GUEST_PAGE));
}

TEST_F(memory, unmap_stops_dma)
{
	struct host *host = &self->host;
	__u64 unmapped;

	ASSERT_EQ(0, map_page(host, PAGE_A, FREE_GPA));
	ASSERT_EQ(0, map_page(host, PAGE_B, FREE_GPA + GUEST_PAGE));
	ASSERT_EQ(0, map_page(host, PAGE_C, FREE_GPA + 2 * GUEST_PAGE));
	ASSERT_EQ(PAGE_B, dma_hits(_metadata, host, FREE_GPA + GUEST_PAGE));
	ASSERT_EQ(0, vfio_unmap(self->fd, FREE_GPA + GUEST_PAGE, GUEST_PAGE,
				&unmapped));
	EXPECT_EQ(GUEST_PAGE, unmapped);
	EXPECT_EQ(PAGE_A, dma_hits(_metadata, host, FREE_GPA));
	EXPECT_EQ(NOWHERE, dma_hits(_metadata, host, FREE_GPA + GUEST_PAGE));
	EXPECT_EQ(PAGE_C, dma_hits(_metadata, host, FREE_GPA + 2 * GUEST_PAGE));

	ASSERT_EQ(0, map_page(host, PAGE_D, FREE_GPA + GUEST_PAGE));
	EXPECT_EQ(PAGE_D, dma_hits(_metadata, host, FREE_GPA + GUEST_PAGE));
}

/* Several mappings with holes between them go at once. */
TEST_F(memory, unmap_tells_how_much)
{
	struct host *host = &self->host;
	__u64 unmapped;

	ASSERT_EQ(0, vfio_map(self->fd, host->ram.ram, MIB(1), FREE_GPA));
	ASSERT_EQ(0, map_page(host, PAGE_A, FREE_GPA + MIB(2)));
	ASSERT_EQ(0, vfio_unmap(self->fd, FREE_GPA - MIB(1), MIB(8), &unmapped));
	EXPECT_EQ(MIB(1) + GUEST_PAGE, unmapped);
	EXPECT_EQ(NOWHERE, dma_hits(_metadata, host, FREE_GPA + MIB(2)));

	ASSERT_EQ(0, vfio_unmap(self->fd, FREE_GPA, MIB(8), &unmapped));
	EXPECT_EQ(0ULL, unmapped);
}

TEST_F(memory, unmap_all)
{
	struct host *host = &self->host;
	__u64 unmapped;

	EXPECT_EQ(1, vfio_extension(self->fd, VFIO_UNMAP_ALL));
	ASSERT_EQ(0, vfio_map(self->fd, host->ram.ram, MIB(1), FREE_GPA));
	EXPECT_EQ(-EINVAL, vfio_unmap_flags(self->fd, FREE_GPA, 0,
					    VFIO_DMA_UNMAP_FLAG_ALL, NULL));
	EXPECT_EQ(-EINVAL, vfio_unmap_flags(self->fd, 0, GUEST_PAGE,
					    VFIO_DMA_UNMAP_FLAG_ALL, NULL));
	ASSERT_EQ(PAGE_A, dma_hits(_metadata, host, page_gpa(host, PAGE_A)));
	ASSERT_EQ(0, vfio_unmap_flags(self->fd, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL,
				      &unmapped));
	EXPECT_EQ(GUEST_SIZE + MIB(1), unmapped);
	EXPECT_EQ(NOWHERE, dma_hits(_metadata, host, page_gpa(host, PAGE_A)));
	EXPECT_EQ(NOWHERE, dma_hits(_metadata, host, FREE_GPA));
	EXPECT_EQ(0L, locked_kib(_metadata));
	ASSERT_EQ(0, vfio_unmap_flags(self->fd, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL,
				      &unmapped));
	EXPECT_EQ(0ULL, unmapped);
}

/* A mapping goes as a whole or not at all. */
TEST_F(memory, unmap_of_a_part_is_refused)
{
	const __u64 end = FREE_GPA + MIB(1), last = end - GUEST_PAGE;
	struct host *host = &self->host;

	ASSERT_EQ(0, vfio_map(self->fd, host->ram.ram, MIB(1), FREE_GPA));
	EXPECT_EQ(-EINVAL, vfio_unmap(self->fd, FREE_GPA, GUEST_PAGE, NULL));
	EXPECT_EQ(-EINVAL, vfio_unmap(self->fd, last, GUEST_PAGE, NULL));
	EXPECT_EQ(-EINVAL, vfio_unmap(self->fd, FREE_GPA + GUEST_PAGE,
				      GUEST_PAGE, NULL));
	EXPECT_EQ(-EINVAL, vfio_unmap(self->fd, FREE_GPA - GUEST_PAGE,
				      2 * GUEST_PAGE, NULL));
	EXPECT_EQ(-EINVAL, vfio_unmap(self->fd, last, 2 * GUEST_PAGE, NULL));
	/* Of two, one whole and one in part: none */
	ASSERT_EQ(0, map_page(host, PAGE_C, end));
	EXPECT_EQ(-EINVAL, vfio_unmap(self->fd, last, MIB(1), NULL));
	EXPECT_EQ(PAGE_C, dma_hits(_metadata, host, end));
	EXPECT_EQ(PAGE_A, dma_hits(_metadata, host, FREE_GPA +
				   page_gpa(host, PAGE_A) - GUEST_GPA));
}

TEST_F(memory, unmap_refusals)
{
	struct vfio_iommu_type1_dma_unmap cmd = {
		.argsz = sizeof(cmd) - 1,
		.iova = GUEST_GPA,
		.size = GUEST_SIZE,
	};
	struct host *host = &self->host;

	EXPECT_EQ(-EINVAL, vfio_ioctl(self->fd, VFIO_IOMMU_UNMAP_DMA, &cmd));
	EXPECT_EQ(-EFAULT, vfio_ioctl(self->fd, VFIO_IOMMU_UNMAP_DMA, BAD_VA));
	EXPECT_EQ(-EINVAL, vfio_unmap(self->fd, GUEST_GPA, 0, NULL));
	EXPECT_EQ(-EINVAL, vfio_unmap(self->fd, GUEST_GPA + 8, GUEST_SIZE, NULL));
	EXPECT_EQ(-EINVAL, vfio_unmap(self->fd, GUEST_GPA, GUEST_SIZE + 8, NULL));
	EXPECT_EQ(-EOVERFLOW, vfio_unmap(self->fd, GUEST_GPA, -GUEST_PAGE, NULL));
	EXPECT_EQ(-EINVAL, vfio_unmap_flags(self->fd, GUEST_GPA, GUEST_SIZE,
					    BIT(3), NULL));
	EXPECT_EQ(-EINVAL, vfio_unmap_flags(self->fd, GUEST_GPA, GUEST_SIZE,
					    VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP,
					    NULL));
	EXPECT_EQ(PAGE_A, dma_hits(_metadata, host, page_gpa(host, PAGE_A)));
}

TEST_F(memory, map_refusals)
{
	struct host *host = &self->host;
	void *va = host->ram.ram;
	struct vfio_iommu_type1_dma_map cmd = {
		.argsz = sizeof(cmd) - 1,
		.flags = VFIO_MAP_RW,
		.vaddr = (uintptr_t)va,
		.iova = FREE_GPA,
		.size = GUEST_PAGE,
	};
	long locked = locked_kib(_metadata);

	EXPECT_EQ(-EINVAL, vfio_ioctl(self->fd, VFIO_IOMMU_MAP_DMA, &cmd));
	EXPECT_EQ(-EFAULT, vfio_ioctl(self->fd, VFIO_IOMMU_MAP_DMA, BAD_VA));
	EXPECT_EQ(-EINVAL, vfio_map_flags(self->fd, va, GUEST_PAGE, FREE_GPA, 0));
	EXPECT_EQ(-EINVAL, vfio_map_flags(self->fd, va, GUEST_PAGE, FREE_GPA,
					  VFIO_MAP_RW | BIT(3)));
	EXPECT_EQ(-EINVAL, vfio_map(self->fd, va, 0, FREE_GPA));
	EXPECT_EQ(-EINVAL, vfio_map(self->fd, va, GUEST_PAGE + 8, FREE_GPA));
	EXPECT_EQ(-EINVAL, vfio_map(self->fd, va, GUEST_PAGE, FREE_GPA + 8));
	EXPECT_EQ(-EINVAL, vfio_map(self->fd, va + 8, GUEST_PAGE, FREE_GPA));
	/* Around the end of all addresses */
	EXPECT_EQ(-EOVERFLOW, vfio_map(self->fd, va, 2 * GUEST_PAGE, -GUEST_PAGE));
	EXPECT_EQ(-EOVERFLOW, vfio_map(self->fd, (void *)-GUEST_PAGE,
				       2 * GUEST_PAGE, FREE_GPA));
	/* Beyond what the tables have room for */
	EXPECT_EQ(-EINVAL, vfio_map(self->fd, va, GUEST_PAGE, -GUEST_PAGE));
	/* Not memory, or not to be written */
	EXPECT_EQ(-EFAULT, vfio_map(self->fd, BAD_VA, GUEST_PAGE, FREE_GPA));
	EXPECT_EQ(locked, locked_kib(_metadata));
	EXPECT_EQ(NOWHERE, dma_hits(_metadata, host, FREE_GPA));
}

/* Of a later user, what is behind the structure is nobody's business. */
TEST_F(memory, longer_arguments)
{
	struct {
		struct vfio_iommu_type1_dma_map map;
		__u64 more;
	} map = {
		.map = {
			.argsz = sizeof(map),
			.flags = VFIO_MAP_RW,
			.vaddr = (uintptr_t)self->host.page[0],
			.iova = FREE_GPA,
			.size = GUEST_PAGE,
		},
		.more = ~0ULL,
	};
	struct {
		struct vfio_iommu_type1_dma_unmap unmap;
		__u64 more;
	} unmap = {
		.unmap = {
			.argsz = sizeof(unmap),
			.iova = FREE_GPA,
			.size = GUEST_PAGE,
		},
		.more = ~0ULL,
	};

	EXPECT_EQ(0, vfio_ioctl(self->fd, VFIO_IOMMU_MAP_DMA, &map));
	EXPECT_EQ(PAGE_A, dma_hits(_metadata, &self->host, FREE_GPA));
	EXPECT_EQ(0, vfio_ioctl(self->fd, VFIO_IOMMU_UNMAP_DMA, &unmap));
	EXPECT_EQ(GUEST_PAGE, unmap.unmap.size);
	EXPECT_EQ(~0ULL, unmap.more);
}

TEST_F(memory, overlap_is_refused)
{
	const __u64 last = FREE_GPA + MIB(1) - GUEST_PAGE;
	struct host *host = &self->host;
	void *va = host->ram.ram;

	ASSERT_EQ(0, vfio_map(self->fd, va, MIB(1), FREE_GPA));
	EXPECT_EQ(-EEXIST, vfio_map(self->fd, va, MIB(1), FREE_GPA));
	EXPECT_EQ(-EEXIST, vfio_map(self->fd, va, GUEST_PAGE, FREE_GPA));
	EXPECT_EQ(-EEXIST, vfio_map(self->fd, va, GUEST_PAGE, last));
	EXPECT_EQ(-EEXIST, vfio_map(self->fd, va, GUEST_PAGE, FREE_GPA + KIB(512)));
	EXPECT_EQ(-EEXIST, vfio_map(self->fd, va, 2 * GUEST_PAGE, last));
	EXPECT_EQ(-EEXIST, vfio_map(self->fd, va, 2 * GUEST_PAGE,
				    FREE_GPA - GUEST_PAGE));
	EXPECT_EQ(-EEXIST, vfio_map(self->fd, va, MIB(3), FREE_GPA - MIB(1)));
	/* The neighbours are free. */
	EXPECT_EQ(0, vfio_map(self->fd, va, GUEST_PAGE, FREE_GPA - GUEST_PAGE));
	EXPECT_EQ(0, vfio_map(self->fd, va, GUEST_PAGE, last + GUEST_PAGE));
}

TEST_F(memory, host_window_is_refused)
{
	void *va = self->host.ram.ram;

	EXPECT_EQ(-EINVAL, vfio_map(self->fd, va, GUEST_PAGE, MSI_WINDOW));
	EXPECT_EQ(-EINVAL, vfio_map(self->fd, va, GUEST_PAGE,
				    MSI_WINDOW_END + 1 - GUEST_PAGE));
	EXPECT_EQ(-EINVAL, vfio_map(self->fd, va, MIB(2), MSI_WINDOW - GUEST_PAGE));
	EXPECT_EQ(0, vfio_map(self->fd, va, GUEST_PAGE, MSI_WINDOW - GUEST_PAGE));
	EXPECT_EQ(0, vfio_map(self->fd, va, GUEST_PAGE, MSI_WINDOW_END + 1));
}

TEST_F(memory, read_only_memory)
{
	struct host *host = &self->host;
	void *va;

	va = mmap(NULL, GUEST_PAGE, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, va);
	memset(va, 0x3c, GUEST_PAGE);
	ASSERT_EQ(0, mprotect(va, GUEST_PAGE, PROT_READ));
	EXPECT_EQ(-EFAULT, vfio_map(self->fd, va, GUEST_PAGE, FREE_GPA));
	ASSERT_EQ(0, vfio_map_flags(self->fd, va, GUEST_PAGE, FREE_GPA,
				    VFIO_DMA_MAP_FLAG_READ));
	load_to_page_d(_metadata, host, FREE_GPA);
	EXPECT_EQ(0, memcmp(va, host->page[3], GUEST_PAGE));
}

/* The memory ends half way: nothing stays mapped, pinned or accounted. */
TEST_F(memory, failed_map_is_undone)
{
	struct host *host = &self->host;
	long locked, pinned;
	void *va;

	va = mmap(NULL, MIB(2), PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, va);
	ASSERT_EQ(0, munmap(va + MIB(1), MIB(1)));
	locked = locked_kib(_metadata);
	pinned = pinned_pages(_metadata);
	EXPECT_EQ(-EFAULT, vfio_map(self->fd, va, MIB(2), FREE_GPA));
	EXPECT_EQ(locked, locked_kib(_metadata));
	EXPECT_EQ(pinned, pinned_pages(_metadata));
	memset(va, 0, MIB(1));
	EXPECT_EQ(NOWHERE, dma_hits(_metadata, host, FREE_GPA));
	EXPECT_EQ(0ULL, *(__u64 *)va);
	/* The place is free. */
	ASSERT_EQ(0, map_page(host, PAGE_C, FREE_GPA));
	EXPECT_EQ(PAGE_C, dma_hits(_metadata, host, FREE_GPA));
}

TEST_F(memory, pinned_and_accounted)
{
	struct host *host = &self->host;
	long locked = locked_kib(_metadata);
	long pinned = pinned_pages(_metadata);

	EXPECT_EQ((long)(GUEST_SIZE / KIB(1)), locked);
	ASSERT_EQ(0, vfio_map(self->fd, host->ram.ram, MIB(1), FREE_GPA));
	EXPECT_EQ(locked + 1024, locked_kib(_metadata));
	EXPECT_EQ(pinned + 256, pinned_pages(_metadata));
	/* Twice the same memory is twice as much. */
	ASSERT_EQ(0, vfio_map(self->fd, host->ram.ram, MIB(1), FREE_GPA + MIB(1)));
	EXPECT_EQ(locked + 2048, locked_kib(_metadata));
	EXPECT_EQ(pinned + 512, pinned_pages(_metadata));
	ASSERT_EQ(0, vfio_unmap(self->fd, FREE_GPA, MIB(2), NULL));
	EXPECT_EQ(locked, locked_kib(_metadata));
	EXPECT_EQ(pinned, pinned_pages(_metadata));
}

TEST_F(memory, closing_unpins)
{
	struct host *host = &self->host;
	long pinned = pinned_pages(_metadata);

	EXPECT_LT(0L, locked_kib(_metadata));
	edu_close(&host->edu[0]);
	close(host->fd);
	host->num_edu = 0;
	host->fd = -1;
	EXPECT_EQ(0L, locked_kib(_metadata));
	EXPECT_EQ(pinned - (long)(GUEST_SIZE / GUEST_PAGE),
		  pinned_pages(_metadata));
}

/* Without CAP_IPC_LOCK a process has what RLIMIT_MEMLOCK says. */
TEST_F(memory, memlock_limit)
{
	const struct rlimit limit = { GUEST_SIZE + MIB(1), GUEST_SIZE + MIB(1) };
	struct host *host = &self->host;
	long pinned;

	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	ASSERT_EQ(0, drop_ipc_lock());
	pinned = pinned_pages(_metadata);
	EXPECT_EQ(-ENOMEM, vfio_map(self->fd, host->ram.ram, MIB(1) + GUEST_PAGE,
				    FREE_GPA));
	EXPECT_EQ((long)(GUEST_SIZE / KIB(1)), locked_kib(_metadata));
	EXPECT_EQ(pinned, pinned_pages(_metadata));
	EXPECT_EQ(NOWHERE, dma_hits(_metadata, host, FREE_GPA));
	ASSERT_EQ(0, vfio_map(self->fd, host->ram.ram, MIB(1), FREE_GPA));
	EXPECT_EQ(-ENOMEM, vfio_map(self->fd, host->ram.ram, GUEST_PAGE,
				    FREE_GPA + MIB(1)));
	ASSERT_EQ(0, vfio_unmap(self->fd, FREE_GPA, MIB(1), NULL));
	EXPECT_EQ(0, vfio_map(self->fd, host->ram.ram, GUEST_PAGE,
			      FREE_GPA + MIB(1)));
}

/*
 * Memory that is contiguous and aligned alike in both spaces is mapped with
 * blocks: that takes fewer tables than if it is one page off.
 */
TEST_F(memory, large_pages)
{
	struct host *host = &self->host;
	const size_t half = GUEST_SIZE / 2;
	void *huge = host->ram.ram + half;
	const __u64 off = FREE_GPA + GUEST_PAGE;
	long before, blocks, pages;
	__u64 at;

	if (!host->ram.huge)
		SKIP(return, "no huge pages");
	host->page[0] = huge + half - GUEST_PAGE;
	host->page[1] = huge;
	ASSERT_EQ(0, vfio_unmap(self->fd, GUEST_GPA, GUEST_SIZE, NULL));
	before = table_pages(_metadata);
	ASSERT_EQ(0, vfio_map(self->fd, huge, half, FREE_GPA));
	blocks = table_pages(_metadata) - before;
	at = FREE_GPA + half - GUEST_PAGE;
	EXPECT_EQ(PAGE_A, dma_hits(_metadata, host, at));
	EXPECT_EQ(PAGE_B, dma_hits(_metadata, host, FREE_GPA));
	EXPECT_EQ(NOWHERE, dma_hits(_metadata, host, at + GUEST_PAGE));
	ASSERT_EQ(0, vfio_unmap(self->fd, FREE_GPA, half, NULL));
	EXPECT_EQ(NOWHERE, dma_hits(_metadata, host, at));
	EXPECT_EQ(NOWHERE, dma_hits(_metadata, host, FREE_GPA));

	/* The level above stays, so it does not count again. */
	before = table_pages(_metadata);
	ASSERT_EQ(0, vfio_map(self->fd, huge, half, off));
	pages = table_pages(_metadata) - before;
	EXPECT_EQ(PAGE_A, dma_hits(_metadata, host, at + GUEST_PAGE));
	EXPECT_EQ(PAGE_B, dma_hits(_metadata, host, off));
	EXPECT_EQ(NOWHERE, dma_hits(_metadata, host, FREE_GPA));
	EXPECT_EQ(2L, pages) {
		TH_LOG("tables: %ld for blocks, %ld for pages", blocks, pages);
	}
	EXPECT_GE(1L, blocks) {
		TH_LOG("tables: %ld for blocks, %ld for pages", blocks, pages);
	}
}
