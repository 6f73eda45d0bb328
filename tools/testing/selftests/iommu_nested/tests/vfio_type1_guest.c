// SPDX-License-Identifier: GPL-2.0-only
/* Containers of both kinds. */

/* One of each, at the same time; then they change places. */
TEST_F(type1, beside_a_nesting_container)
{
	struct host *host = &self->host;
	struct host other;
	struct vm vm;

	container_up_nth(_metadata, &other, VFIO_TYPE1_NESTING_IOMMU, 1, 1);
	if (_metadata->exit_code)
		return;
	guest_up(_metadata, &other, &vm, &other.edu[0], VSID);
	vm_map(_metadata, &vm, IOVA, PAGE_C);
	ASSERT_EQ(0, vm_bind(&vm));
	EXPECT_EQ(PAGE_C, vm_hits(_metadata, &vm, IOVA));
	EXPECT_EQ(PAGE_A, dma_hits(_metadata, host, page_gpa(host, PAGE_A)));
	EXPECT_EQ(NOWHERE, dma_hits(_metadata, host, IOVA));
	host_down(&other);
	host_down(host);

	nest_up(_metadata, &other, &vm);
	container_up_nth(_metadata, host, variant->type, 1, 1);
	ASSERT_EQ(0, _metadata->exit_code);
	vm_map(_metadata, &vm, IOVA, PAGE_D);
	ASSERT_EQ(0, vm_bind(&vm));
	EXPECT_EQ(PAGE_D, vm_hits(_metadata, &vm, IOVA));
	EXPECT_EQ(PAGE_B, dma_hits(_metadata, host, page_gpa(host, PAGE_B)));
	host_down(&other);
}
