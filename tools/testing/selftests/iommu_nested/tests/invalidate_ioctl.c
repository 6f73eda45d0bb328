// SPDX-License-Identifier: GPL-2.0-only
/* What is IOMMU_HWPT_INVALIDATE's own, beyond the guest's commands in it. */

static int raw(struct vm *vm, __u32 id, __u32 type, __u32 len, __u32 num,
	       const void *data, __u32 *done)
{
	struct iommu_hwpt_invalidate cmd = {
		.hwpt_id = id,
		.data_uptr = (uintptr_t)data,
		.data_type = type,
		.entry_len = len,
		.entry_num = num,
	};
	int rc = iommufd_invalidate_raw(vm->host->fd, &cmd);

	*done = cmd.entry_num;
	return rc;
}

#define INV_SMMU	IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3

TEST_F(refusal, arguments)
{
	struct smmu_cmd cmds[2] = { smmu_cmd(CMD_TLBI_NH_ALL) };
	struct vm *vm = &self->vm;
	__u32 done;

	EXPECT_EQ(-EINVAL, raw(vm, vm->viommu, IOMMU_HWPT_INVALIDATE_DATA_VTD_S1,
			       16, 1, cmds, &done));
	EXPECT_EQ(0U, done);
	EXPECT_EQ(-EINVAL, raw(vm, vm->viommu, INV_SMMU, 0, 1, cmds, &done));
	EXPECT_EQ(0U, done);
	EXPECT_EQ(-EINVAL, raw(vm, vm->viommu, INV_SMMU, 16, 1, NULL, &done));
	EXPECT_EQ(0U, done);
	EXPECT_EQ(-EINVAL, raw(vm, vm->viommu, INV_SMMU, 16, ~0U, cmds, &done));
	EXPECT_EQ(0U, done);
	EXPECT_EQ(-EFAULT, raw(vm, vm->viommu, INV_SMMU, 16, 1, (void *)8,
			       &done));
	EXPECT_EQ(0U, done);
	EXPECT_EQ(-ENOENT, raw(vm, 0x7ffffff0, INV_SMMU, 16, 1, cmds, &done));
	EXPECT_EQ(0U, done);
	/* Commands go to a vIOMMU, not to one page table of it or below it. */
	EXPECT_EQ(-EOPNOTSUPP, raw(vm, vm->hwpt, INV_SMMU, 16, 1, cmds, &done));
	EXPECT_EQ(-EINVAL, raw(vm, vm->host->s2, INV_SMMU, 16, 1, cmds, &done));
}

/* A half of a command is none. The C driver takes the other half for zero. */
TEST_F(refusal, shorter_entries)
{
	struct smmu_cmd cmds[2] = { smmu_cmd(CMD_TLBI_NH_ALL) };
	struct vm *vm = &self->vm;
	__u32 done;

	if (!nesting_promised())
		SKIP(return, "another driver than ours");
	EXPECT_EQ(-EINVAL, raw(vm, vm->viommu, INV_SMMU, 8, 1, cmds, &done));
	EXPECT_EQ(0U, done);
}

/* A newer user's longer entries are fine as long as the rest is zero. */
TEST_F(refusal, longer_entries)
{
	struct smmu_cmd cmds[4] = { 0 };
	struct vm *vm = &self->vm;
	__u32 done;

	cmds[0] = smmu_cmd(CMD_TLBI_NH_ALL);
	cmds[2] = smmu_cmd(CMD_TLBI_NSNH_ALL);
	EXPECT_EQ(0, raw(vm, vm->viommu, INV_SMMU, 32, 2, cmds, &done));
	EXPECT_EQ(2U, done);
	cmds[3].w[1] = 1;
	EXPECT_EQ(-E2BIG, raw(vm, vm->viommu, INV_SMMU, 32, 2, cmds, &done));
}

/* "An empty invalidation request array [...] is allowed", to probe the type. */
TEST_F(refusal, no_entries)
{
	struct vm *vm = &self->vm;
	__u32 done;

	EXPECT_EQ(0, raw(vm, vm->viommu, INV_SMMU, 16, 0, NULL, &done));
	EXPECT_EQ(0U, done);
	EXPECT_EQ(-EINVAL, raw(vm, vm->viommu, IOMMU_HWPT_INVALIDATE_DATA_VTD_S1,
			       16, 0, NULL, &done));
	EXPECT_EQ(0U, done);
}

/* Attaching is the VMM's CFGI_STE: it alone must show a new CD table. */
TEST_F(invalidate, attach_of_a_changed_ste)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	struct s1 other;
	__u64 ste[2];
	__u64 *cd;
	__u32 hwpt;

	cd = guest_alloc(&host->ram, GUEST_PAGE);
	ASSERT_NE(NULL, cd);
	ASSERT_EQ(0, s1_init(&other, &host->ram, 12, S1_VA_BITS));
	ASSERT_EQ(0, s1_map(&other, IOVA, page_gpa(host, PAGE_C)));
	cd_write(cd, &other, ASID + 1, IDR5_OAS(host->smmu.idr[5]));
	ste_s1(ste, guest_gpa(&host->ram, cd), 0);
	ASSERT_EQ(0, iommufd_hwpt_alloc_ste(host->fd, vm->edu->dev, vm->viommu,
					    ste, &hwpt));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
	ASSERT_EQ(0, edu_attach(vm->edu, hwpt));
	EXPECT_EQ(PAGE_C, vm_hits(_metadata, vm, IOVA));
}
