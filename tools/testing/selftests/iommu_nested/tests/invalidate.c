// SPDX-License-Identifier: GPL-2.0-only
/* IOMMU_HWPT_INVALIDATE: the guest's commands, forwarded to its vIOMMU. */

FIXTURE(invalidate)
{
	struct host host;
	struct vm vm;
};

/* IOVA translates to page A and the SMMU has that cached. */
FIXTURE_SETUP(invalidate)
{
	struct vm *vm = &self->vm;

	nest_up(_metadata, &self->host, vm);
	if (_metadata->exit_code)
		return;
	vm_map(_metadata, vm, IOVA, PAGE_A);
	ASSERT_EQ(0, edu_attach(vm->edu, vm->hwpt));
	ASSERT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
}

FIXTURE_TEARDOWN(invalidate)
{
	host_down(&self->host);
}

/* Change a cached translation, see it stale, forward @cmd, see the new one. */
static void check_tlbi(struct __test_metadata *_metadata, struct vm *vm,
		       struct smmu_cmd cmd)
{
	vm_map(_metadata, vm, IOVA, PAGE_B);
	ASSERT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA)) {
		TH_LOG("the SMMU did not cache the translation: nothing to prove");
	}
	vm_invalidate(_metadata, vm, cmd);
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, vm, IOVA));
}

TEST_F(invalidate, tlbi_nsnh_all)
{
	check_tlbi(_metadata, &self->vm, smmu_cmd(CMD_TLBI_NSNH_ALL));
}

TEST_F(invalidate, tlbi_nh_all)
{
	check_tlbi(_metadata, &self->vm, smmu_cmd(CMD_TLBI_NH_ALL));
}

TEST_F(invalidate, tlbi_nh_asid)
{
	check_tlbi(_metadata, &self->vm, smmu_tlbi_asid(ASID));
}

TEST_F(invalidate, tlbi_nh_va)
{
	check_tlbi(_metadata, &self->vm, smmu_tlbi_va(ASID, IOVA));
}

TEST_F(invalidate, tlbi_nh_vaa)
{
	check_tlbi(_metadata, &self->vm, smmu_tlbi_vaa(IOVA));
}
