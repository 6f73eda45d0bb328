// SPDX-License-Identifier: GPL-2.0-only
/* On an SMMU an interrupt passes the same tables as all DMA. */

static void msi_up_stage2(struct __test_metadata *_metadata, struct host *host,
			  struct vm *vm)
{
	msi_up(_metadata, host, IOMMU_HWPT_ALLOC_NEST_PARENT);
}

static void msi_up_unmapped(struct __test_metadata *_metadata,
			    struct host *host, struct vm *vm)
{
	nest_up(_metadata, host, vm);
	if (_metadata->exit_code)
		return;
	ASSERT_EQ(0, vm_attach(vm));
}

static void msi_up_nested(struct __test_metadata *_metadata, struct host *host,
			  struct vm *vm)
{
	msi_up_unmapped(_metadata, host, vm);
	if (_metadata->exit_code)
		return;
	ASSERT_EQ(0, s1_map(&vm->s1, MSI_WINDOW, MSI_WINDOW));
}

FIXTURE_VARIANT_ADD(msi, stage1)
{
	.up = msi_up_plain,
};

FIXTURE_VARIANT_ADD(msi, stage2)
{
	.up = msi_up_stage2,
};

FIXTURE_VARIANT_ADD(msi, nested)
{
	.up = msi_up_nested,
};

/* A guest that does not map the doorbell gets no interrupts, as on hardware. */
FIXTURE_VARIANT_ADD(msi, nested_unmapped)
{
	.up = msi_up_unmapped,
	.silent = true,
};
