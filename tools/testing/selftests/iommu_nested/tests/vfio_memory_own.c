// SPDX-License-Identifier: GPL-2.0-only
/* Memory of a container that nests. */

FIXTURE_VARIANT_ADD(memory, nesting)
{
	.type = VFIO_TYPE1_NESTING_IOMMU,
};

/* What type1 has and nested translation does not. */
FIXTURE(memory_own)
{
	struct host host;
	int fd;
};

FIXTURE_SETUP(memory_own)
{
	container_up(_metadata, &self->host, 1);
	self->fd = self->host.fd;
}

FIXTURE_TEARDOWN(memory_own)
{
	host_down(&self->host);
}

TEST_F(memory_own, no_new_addresses_of_the_process)
{
	struct host *host = &self->host;

	EXPECT_EQ(0, vfio_extension(self->fd, VFIO_UPDATE_VADDR));
	EXPECT_EQ(-EINVAL, vfio_unmap_flags(self->fd, GUEST_GPA, GUEST_SIZE,
					    VFIO_DMA_UNMAP_FLAG_VADDR, NULL));
	EXPECT_EQ(-EINVAL, vfio_unmap_flags(self->fd, 0, 0,
					    VFIO_DMA_UNMAP_FLAG_VADDR |
					    VFIO_DMA_UNMAP_FLAG_ALL, NULL));
	EXPECT_EQ(-EINVAL, vfio_map_flags(self->fd, host->ram.ram, GUEST_SIZE,
					  GUEST_GPA, VFIO_DMA_MAP_FLAG_VADDR));
	EXPECT_EQ(-EINVAL, vfio_map_flags(self->fd, host->ram.ram, MIB(1), FREE_GPA,
					  VFIO_MAP_RW | VFIO_DMA_MAP_FLAG_VADDR));
	EXPECT_EQ(PAGE_A, dma_hits(_metadata, host, page_gpa(host, PAGE_A)));
}

TEST_F(memory_own, no_dirty_pages)
{
	struct {
		struct vfio_iommu_type1_dma_unmap unmap;
		struct vfio_bitmap bitmap;
	} unmap = {
		.unmap = {
			.argsz = sizeof(unmap),
			.flags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP,
			.iova = GUEST_GPA,
			.size = GUEST_SIZE,
		},
		.bitmap = { .pgsize = GUEST_PAGE, .size = KIB(4) },
	};
	struct vfio_iommu_type1_dirty_bitmap dirty = {
		.argsz = sizeof(dirty),
		.flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_START,
	};

	EXPECT_EQ(-EINVAL, vfio_ioctl(self->fd, VFIO_IOMMU_UNMAP_DMA, &unmap));
	EXPECT_EQ(-ENOTTY, vfio_ioctl(self->fd, VFIO_IOMMU_DIRTY_PAGES, &dirty));
	EXPECT_EQ(PAGE_A, dma_hits(_metadata, &self->host,
				   page_gpa(&self->host, PAGE_A)));
}

/* Registers are no memory: no DMA between devices. */
TEST_F(memory_own, device_registers_are_not_pinned)
{
	long locked = locked_kib(_metadata);

	EXPECT_EQ(-EFAULT, vfio_map(self->fd, self->host.edu[0].bar, GUEST_PAGE,
				    FREE_GPA));
	EXPECT_EQ(locked, locked_kib(_metadata));
}

/* Unmapping below a device with a stage 1 takes effect at once, too. */
TEST_F(memory_own, unmap_below_a_guest)
{
	struct host *host = &self->host;
	struct vm vm;

	guest_up(_metadata, host, &vm, &host->edu[0], VSID);
	ASSERT_EQ(0, map_page(host, PAGE_C, FREE_GPA));
	ASSERT_EQ(0, s1_map(&vm.s1, IOVA, FREE_GPA));
	ASSERT_EQ(0, vm_bind(&vm));
	ASSERT_EQ(PAGE_C, vm_hits(_metadata, &vm, IOVA));
	ASSERT_EQ(0, vfio_unmap(self->fd, FREE_GPA, GUEST_PAGE, NULL));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, &vm, IOVA));
	ASSERT_EQ(0, map_page(host, PAGE_D, FREE_GPA));
	EXPECT_EQ(PAGE_D, vm_hits(_metadata, &vm, IOVA));
}

FIXTURE(exhaustion)
{
	struct host host;
};

FIXTURE_SETUP(exhaustion)
{
	container_up(_metadata, &self->host, 1);
}

FIXTURE_TEARDOWN(exhaustion)
{
	host_down(&self->host);
}

/* As many mappings as GET_INFO says, and not one more. */
TEST_F_TIMEOUT(exhaustion, mappings, 300)
{
	struct host *host = &self->host;
	__u32 avail = dma_avail(_metadata, host->fd);
	long pinned = pinned_pages(_metadata);
	__u64 unmapped;
	__u32 i;

	for (i = 0; i < avail; i++)
		ASSERT_EQ(0, map_page(host, PAGE_B, FREE_GPA + i * 2 * GUEST_PAGE)) {
			TH_LOG("mapping %u of %u", i, avail);
		}
	EXPECT_EQ(0U, dma_avail(_metadata, host->fd));
	EXPECT_EQ(-ENOSPC, map_page(host, PAGE_B, FREE_GPA - GUEST_PAGE));
	EXPECT_EQ(pinned + avail, pinned_pages(_metadata));
	EXPECT_EQ(PAGE_B, dma_hits(_metadata, host,
				   FREE_GPA + (avail - 1) * 2 * GUEST_PAGE));
	ASSERT_EQ(0, vfio_unmap(host->fd, FREE_GPA, avail * 2 * GUEST_PAGE,
				&unmapped));
	EXPECT_EQ(avail * GUEST_PAGE, unmapped);
	EXPECT_EQ(avail, dma_avail(_metadata, host->fd));
	EXPECT_EQ(pinned, pinned_pages(_metadata));
}
