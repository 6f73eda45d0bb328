// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host changes stage 2 below a live guest. The guest is not told and sends
 * no command; yet the SMMU must forget, at once, what it had combined of both
 * stages.
 */

#define EXTRA_GPA	(GUEST_GPA + GUEST_SIZE)

FIXTURE(stage2)
{
	struct host host;
	struct vm vm;
};

/* The guest maps IOVA to a page beside its RAM, which is page D at first. */
FIXTURE_SETUP(stage2)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;

	nest_up(_metadata, host, vm);
	if (_metadata->exit_code)
		return;
	ASSERT_EQ(0, iommufd_ioas_map(host->fd, host->ioas, host->page[3],
				      GUEST_PAGE, EXTRA_GPA));
	ASSERT_EQ(0, s1_map(&vm->s1, IOVA, EXTRA_GPA));
	ASSERT_EQ(0, edu_attach(vm->edu, vm->hwpt));
	ASSERT_EQ(PAGE_D, vm_hits(_metadata, vm, IOVA));
}

FIXTURE_TEARDOWN(stage2)
{
	host_down(&self->host);
}

TEST_F(stage2, unmap_stops_dma)
{
	struct host *host = &self->host;

	ASSERT_EQ(0, iommufd_ioas_unmap(host->fd, host->ioas, EXTRA_GPA,
					GUEST_PAGE));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, &self->vm, IOVA));
}

TEST_F(stage2, remap_moves_dma)
{
	struct host *host = &self->host;

	ASSERT_EQ(0, iommufd_ioas_unmap(host->fd, host->ioas, EXTRA_GPA,
					GUEST_PAGE));
	ASSERT_EQ(0, iommufd_ioas_map(host->fd, host->ioas, host->page[1],
				      GUEST_PAGE, EXTRA_GPA));
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, &self->vm, IOVA));
}

TEST_F(stage2, unmap_leaves_other_pages)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;

	vm_map(_metadata, vm, IOVA + GUEST_PAGE, PAGE_A);
	ASSERT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA + GUEST_PAGE));
	ASSERT_EQ(0, iommufd_ioas_unmap(host->fd, host->ioas, EXTRA_GPA,
					GUEST_PAGE));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA + GUEST_PAGE));
}

TEST_F(stage2, unmap_stops_a_bypassing_guest)
{
	__u64 ste[2] = { STE0_V | STE0_CONFIG(STE_CONFIG_BYPASS), 0 };
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	__u32 hwpt;

	ASSERT_EQ(0, iommufd_hwpt_alloc_ste(host->fd, vm->edu->dev, vm->viommu,
					    ste, &hwpt));
	ASSERT_EQ(0, edu_attach(vm->edu, hwpt));
	ASSERT_EQ(PAGE_D, vm_hits(_metadata, vm, EXTRA_GPA));
	ASSERT_EQ(0, iommufd_ioas_unmap(host->fd, host->ioas, EXTRA_GPA,
					GUEST_PAGE));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, EXTRA_GPA));
}

/* The guest's tables themselves are DMA to the SMMU, and go with the RAM. */
TEST_F(stage2, unmap_of_the_tables)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;

	ASSERT_EQ(0, iommufd_ioas_unmap(host->fd, host->ioas, GUEST_GPA,
					GUEST_SIZE));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA + GUEST_PAGE));
	vm_invalidate(_metadata, vm, smmu_cmd(CMD_TLBI_NH_ALL));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA));

	ASSERT_EQ(0, iommufd_ioas_map(host->fd, host->ioas, host->ram.ram,
				      GUEST_SIZE, GUEST_GPA));
	EXPECT_EQ(PAGE_D, vm_hits(_metadata, vm, IOVA));
}

/* A page that was not there when the guest attached. */
TEST_F(stage2, map_after_attach)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;

	ASSERT_EQ(0, s1_map(&vm->s1, IOVA + GUEST_PAGE,
			    EXTRA_GPA + GUEST_PAGE));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA + GUEST_PAGE));
	ASSERT_EQ(0, iommufd_ioas_map(host->fd, host->ioas, host->page[1],
				      GUEST_PAGE, EXTRA_GPA + GUEST_PAGE));
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, vm, IOVA + GUEST_PAGE));
}

TEST_F(stage2, read_only)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;

	ASSERT_EQ(0, iommufd_ioas_unmap(host->fd, host->ioas, EXTRA_GPA,
					GUEST_PAGE));
	ASSERT_EQ(0, iommufd_ioas_map_prot(host->fd, host->ioas, host->page[3],
					   GUEST_PAGE, EXTRA_GPA,
					   IOMMU_IOAS_MAP_READABLE));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA));
}
