// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two guests on one stage 2: two vIOMMUs, a device in each. Both use the same
 * ASID and the same IOVA, as guests will that know nothing of each other.
 */

FIXTURE(isolation)
{
	struct host host;
	struct vm vm[2];
};

FIXTURE_SETUP(isolation)
{
	struct host *host = &self->host;
	struct vm *vm = self->vm;
	unsigned int i;

	host_up(_metadata, host, 2);
	if (_metadata->exit_code)
		return;
	host_make_s2(_metadata, host);
	for (i = 0; i < 2; i++) {
		vm_up(_metadata, host, &vm[i], &host->edu[i], 0x100 + i);
		if (_metadata->exit_code)
			return;
		ASSERT_EQ(0, edu_attach(vm[i].edu, vm[i].hwpt));
	}
	vm_map(_metadata, &vm[0], IOVA, PAGE_A);
	vm_map(_metadata, &vm[1], IOVA, PAGE_C);
}

FIXTURE_TEARDOWN(isolation)
{
	host_down(&self->host);
}

TEST_F(isolation, no_hit_on_the_other_guests_translation)
{
	struct vm *vm = self->vm;

	EXPECT_EQ(PAGE_A, vm_hits(_metadata, &vm[0], IOVA));
	EXPECT_EQ(PAGE_C, vm_hits(_metadata, &vm[1], IOVA));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, &vm[0], IOVA));
}

/* Nothing that one guest sends reaches what is cached for the other. */
TEST_F(isolation, invalidation_is_for_its_own_guest)
{
	const struct smmu_cmd cmds[] = {
		smmu_cmd(CMD_TLBI_NSNH_ALL), smmu_cmd(CMD_TLBI_NH_ALL),
		smmu_tlbi_asid(ASID), smmu_tlbi_va(ASID, IOVA),
		smmu_tlbi_vaa(IOVA),
	};
	struct vm *vm = self->vm;
	unsigned int i;

	ASSERT_EQ(PAGE_A, vm_hits(_metadata, &vm[0], IOVA));
	ASSERT_EQ(PAGE_C, vm_hits(_metadata, &vm[1], IOVA));
	vm_map(_metadata, &vm[0], IOVA, PAGE_B);
	vm_map(_metadata, &vm[1], IOVA, PAGE_D);
	for (i = 0; i < ARRAY_SIZE(cmds); i++) {
		vm_invalidate(_metadata, &vm[0], cmds[i]);
		EXPECT_EQ(PAGE_C, vm_hits(_metadata, &vm[1], IOVA)) {
			TH_LOG("opcode %#llx of one guest hit the other one",
			       cmds[i].w[0] & 0xff);
		}
	}
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, &vm[0], IOVA));
	vm_invalidate(_metadata, &vm[1], smmu_tlbi_vaa(IOVA));
	EXPECT_EQ(PAGE_D, vm_hits(_metadata, &vm[1], IOVA));
}

/* Not even when it names the other guest's VMID, whichever that is. */
TEST_F(isolation, vmid_cannot_be_chosen)
{
	struct vm *vm = self->vm;
	struct smmu_cmd cmds[64];
	unsigned int i;
	__u32 done;

	ASSERT_EQ(PAGE_C, vm_hits(_metadata, &vm[1], IOVA));
	vm_map(_metadata, &vm[1], IOVA, PAGE_D);
	for (i = 0; i < ARRAY_SIZE(cmds); i++) {
		cmds[i] = smmu_cmd(CMD_TLBI_NH_ALL);
		cmds[i].w[0] |= CMD0_VMID(i);
	}
	ASSERT_EQ(0, vm_invalidate_n(&vm[0], cmds, ARRAY_SIZE(cmds), &done));
	ASSERT_EQ(ARRAY_SIZE(cmds), done);
	EXPECT_EQ(PAGE_C, vm_hits(_metadata, &vm[1], IOVA));
}

TEST_F(isolation, vsid_of_the_other_guest_is_unknown)
{
	struct smmu_cmd cmd = smmu_cfgi_cd(self->vm[1].vsid, 0);
	__u32 done;

	EXPECT_EQ(-EIO, vm_invalidate_n(&self->vm[0], &cmd, 1, &done));
	EXPECT_EQ(0U, done);
	EXPECT_EQ(0, vm_invalidate_n(&self->vm[1], &cmd, 1, &done));
}

/* What they share is the host's: a page taken from stage 2 is gone for both. */
TEST_F(isolation, stage_2_unmap_stops_both)
{
	struct host *host = &self->host;
	struct vm *vm = self->vm;
	unsigned int i;

	ASSERT_EQ(0, iommufd_ioas_map(host->fd, host->ioas, host->page[1],
				      GUEST_PAGE, EXTRA_GPA));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, s1_map(&vm[i].s1, IOVA + GUEST_PAGE, EXTRA_GPA));
		ASSERT_EQ(PAGE_B, vm_hits(_metadata, &vm[i],
					  IOVA + GUEST_PAGE));
	}
	ASSERT_EQ(0, iommufd_ioas_unmap(host->fd, host->ioas, EXTRA_GPA,
					GUEST_PAGE));
	for (i = 0; i < 2; i++)
		EXPECT_EQ(NOWHERE, vm_hits(_metadata, &vm[i],
					   IOVA + GUEST_PAGE));
}

TEST_F(isolation, end_of_one_guest)
{
	struct host *host = &self->host;
	struct vm *vm = self->vm;

	ASSERT_EQ(PAGE_A, vm_hits(_metadata, &vm[0], IOVA));
	ASSERT_EQ(PAGE_C, vm_hits(_metadata, &vm[1], IOVA));
	ASSERT_EQ(0, edu_detach(vm[0].edu));
	ASSERT_EQ(0, iommufd_destroy(host->fd, vm[0].hwpt));
	ASSERT_EQ(0, iommufd_destroy(host->fd, vm[0].vdevice));
	ASSERT_EQ(0, iommufd_destroy(host->fd, vm[0].viommu));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, &vm[0], IOVA));
	EXPECT_EQ(PAGE_C, vm_hits(_metadata, &vm[1], IOVA));
}

/*
 * A new guest may get the VMID of one that has gone: it must not get what the
 * SMMU still had cached for that one.
 */
TEST_F(isolation, new_guest_starts_clean)
{
	struct host *host = &self->host;
	struct vm *vm = self->vm;
	struct vm next;
	unsigned int i;

	ASSERT_EQ(PAGE_A, vm_hits(_metadata, &vm[0], IOVA));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, edu_detach(vm[0].edu));
		ASSERT_EQ(0, iommufd_destroy(host->fd, vm[0].hwpt));
		ASSERT_EQ(0, iommufd_destroy(host->fd, vm[0].vdevice));
		ASSERT_EQ(0, iommufd_destroy(host->fd, vm[0].viommu));

		vm_up(_metadata, host, &next, &host->edu[0], vm[0].vsid);
		ASSERT_EQ(0, edu_attach(next.edu, next.hwpt));
		EXPECT_EQ(NOWHERE, vm_hits(_metadata, &next, IOVA));
		vm_map(_metadata, &next, IOVA, PAGE_B);
		EXPECT_EQ(PAGE_B, vm_hits(_metadata, &next, IOVA));
		vm[0] = next;
	}
}

FIXTURE(shared_viommu)
{
	struct host host;
	struct vm vm;
};

/* One guest with two devices, both attached to the same nested HWPT. */
FIXTURE_SETUP(shared_viommu)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	__u32 vdevice;

	host_up(_metadata, host, 2);
	if (_metadata->exit_code)
		return;
	host_make_s2(_metadata, host);
	vm_up(_metadata, host, vm, &host->edu[0], 0x100);
	if (_metadata->exit_code)
		return;
	ASSERT_EQ(0, iommufd_vdevice_alloc(host->fd, vm->viommu,
					   host->edu[1].dev, vm->vsid + 1,
					   &vdevice));
	vm_map(_metadata, vm, IOVA, PAGE_A);
	ASSERT_EQ(0, edu_attach(&host->edu[0], vm->hwpt));
	ASSERT_EQ(0, edu_attach(&host->edu[1], vm->hwpt));
}

FIXTURE_TEARDOWN(shared_viommu)
{
	host_down(&self->host);
}

TEST_F(shared_viommu, both_translate)
{
	struct host *host = &self->host;

	EXPECT_EQ(PAGE_A, hits(_metadata, host, &host->edu[0], IOVA));
	EXPECT_EQ(PAGE_A, hits(_metadata, host, &host->edu[1], IOVA));
}

/* The TLB is the guest's, and one command serves both of its devices... */
TEST_F(shared_viommu, tlbi_is_for_both)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;

	ASSERT_EQ(PAGE_A, hits(_metadata, host, &host->edu[0], IOVA));
	vm_map(_metadata, vm, IOVA, PAGE_B);
	ASSERT_EQ(PAGE_A, hits(_metadata, host, &host->edu[1], IOVA));
	vm_invalidate(_metadata, vm, smmu_tlbi_va(ASID, IOVA));
	EXPECT_EQ(PAGE_B, hits(_metadata, host, &host->edu[0], IOVA));
	EXPECT_EQ(PAGE_B, hits(_metadata, host, &host->edu[1], IOVA));
}

/* ... the configuration is the device's, and goes by its vSID. */
TEST_F(shared_viommu, cfgi_is_for_one)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	struct s1 other;

	ASSERT_EQ(PAGE_A, hits(_metadata, host, &host->edu[0], IOVA));
	ASSERT_EQ(PAGE_A, hits(_metadata, host, &host->edu[1], IOVA));
	ASSERT_EQ(0, s1_init(&other, &host->ram, 12, S1_VA_BITS));
	ASSERT_EQ(0, s1_map(&other, IOVA, page_gpa(host, PAGE_C)));
	cd_write(vm->cd, &other, ASID + 1, IDR5_OAS(host->smmu.idr[5]));
	vm_invalidate(_metadata, vm, smmu_cfgi_cd(vm->vsid + 1, 0));
	EXPECT_EQ(PAGE_A, hits(_metadata, host, &host->edu[0], IOVA));
	EXPECT_EQ(PAGE_C, hits(_metadata, host, &host->edu[1], IOVA));
	vm_invalidate(_metadata, vm, smmu_cfgi_cd(vm->vsid, 0));
	EXPECT_EQ(PAGE_C, hits(_metadata, host, &host->edu[0], IOVA));
}
