// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's commands take effect.
 *
 * QEMU's SMMU caches translations and configurations for as long as it may, so
 * a translation that the guest changed stays as it was until the right command
 * arrives. The tests insist on that: a change that shows at once would make the
 * command's success prove nothing.
 */

FIXTURE(invalidate)
{
	struct host host;
	struct vm vm;
};

FIXTURE_SETUP(invalidate)
{
	nest_up_cached(_metadata, &self->host, &self->vm);
}

FIXTURE_TEARDOWN(invalidate)
{
	host_down(&self->host);
}

/* Move @iova from page A to page B behind the SMMU's back. */
static void make_stale(struct __test_metadata *_metadata, struct vm *vm,
		       __u64 iova)
{
	vm_map(_metadata, vm, iova, PAGE_B);
	ASSERT_EQ(PAGE_A, vm_hits(_metadata, vm, iova)) {
		TH_LOG("%#llx was not cached: there is nothing to prove", iova);
	}
}

static void check_tlbi(struct __test_metadata *_metadata, struct vm *vm,
		       struct smmu_cmd cmd)
{
	make_stale(_metadata, vm, IOVA);
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

/* A guest knows no VMID: whatever it writes there, its own is meant. */
TEST_F(invalidate, vmid_of_the_guest_is_ignored)
{
	struct smmu_cmd cmd = smmu_tlbi_va(ASID, IOVA);

	cmd.w[0] |= CMD0_VMID(0xffff);
	check_tlbi(_metadata, &self->vm, cmd);
}

TEST_F(invalidate, tlbi_is_for_its_asid)
{
	struct vm *vm = &self->vm;

	make_stale(_metadata, vm, IOVA);
	vm_invalidate(_metadata, vm, smmu_tlbi_asid(ASID + 1));
	vm_invalidate(_metadata, vm, smmu_tlbi_va(ASID + 1, IOVA));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
	vm_invalidate(_metadata, vm, smmu_tlbi_va(ASID, IOVA));
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, vm, IOVA));
}

TEST_F(invalidate, tlbi_is_for_its_address)
{
	struct vm *vm = &self->vm;

	make_stale(_metadata, vm, IOVA);
	vm_invalidate(_metadata, vm, smmu_tlbi_va(ASID, IOVA + GUEST_PAGE));
	vm_invalidate(_metadata, vm, smmu_tlbi_vaa(IOVA - GUEST_PAGE));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
	vm_invalidate(_metadata, vm, smmu_tlbi_vaa(IOVA));
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, vm, IOVA));
}

TEST_F(invalidate, unmap_then_tlbi_stops_dma)
{
	struct vm *vm = &self->vm;

	s1_unmap(&vm->s1, IOVA);
	ASSERT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
	vm_invalidate(_metadata, vm, smmu_tlbi_va(ASID, IOVA));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA));
}

/* One command for a range: base + (NUM + 1) * 2^SCALE pages of TG's size. */
static void check_range(struct __test_metadata *_metadata, struct vm *vm,
			unsigned int num, unsigned int scale)
{
	struct smmu_cmd cmd = smmu_tlbi_va(ASID, IOVA);
	const __u64 beyond = IOVA + ((num + 1) << scale) * GUEST_PAGE;
	const __u64 last = beyond - GUEST_PAGE;

	vm_map(_metadata, vm, last, PAGE_A);
	vm_map(_metadata, vm, beyond, PAGE_A);
	ASSERT_EQ(PAGE_A, vm_hits(_metadata, vm, last));
	ASSERT_EQ(PAGE_A, vm_hits(_metadata, vm, beyond));
	make_stale(_metadata, vm, IOVA);
	make_stale(_metadata, vm, last);
	make_stale(_metadata, vm, beyond);

	cmd.w[0] |= CMD0_NUM(num) | CMD0_SCALE(scale);
	cmd.w[1] |= CMD1_TG(1);
	vm_invalidate(_metadata, vm, cmd);
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, vm, IOVA));
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, vm, last));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, beyond));
}

#define NO_RANGES	"IDR3.RIL is 0: this SMMU has no range invalidation"

TEST_F(invalidate, tlbi_range)
{
	if (!IDR3_RIL(self->host.smmu.idr[3]))
		SKIP(return, NO_RANGES);
	check_range(_metadata, &self->vm, 3, 0);
}

TEST_F(invalidate, tlbi_range_with_scale)
{
	if (!IDR3_RIL(self->host.smmu.idr[3]))
		SKIP(return, NO_RANGES);
	check_range(_metadata, &self->vm, 2, 2);
}

/* A hint of the level that the leaf is at; NUM and SCALE 0 are one page. */
TEST_F(invalidate, tlbi_with_level_hint)
{
	struct smmu_cmd cmd = smmu_tlbi_va(ASID, IOVA);

	if (!IDR3_RIL(self->host.smmu.idr[3]))
		SKIP(return, NO_RANGES);
	cmd.w[1] |= CMD1_TG(1) | CMD1_TTL(3);
	check_tlbi(_metadata, &self->vm, cmd);
}

/* The guest gives its device another address space: other tables, other ASID. */
static void check_cfgi(struct __test_metadata *_metadata, struct vm *vm,
		       struct smmu_cmd cmd)
{
	struct host *host = vm->host;
	struct s1 other;

	ASSERT_EQ(0, s1_init(&other, &host->ram, 12, S1_VA_BITS));
	ASSERT_EQ(0, s1_map(&other, IOVA, page_gpa(host, PAGE_C)));
	cd_write(vm->cd, &other, ASID + 1, IDR5_OAS(host->smmu.idr[5]));
	ASSERT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA)) {
		TH_LOG("the descriptor was not cached: there is nothing to prove");
	}
	vm_invalidate(_metadata, vm, cmd);
	EXPECT_EQ(PAGE_C, vm_hits(_metadata, vm, IOVA));
}

TEST_F(invalidate, cfgi_cd)
{
	check_cfgi(_metadata, &self->vm, smmu_cfgi_cd(self->vm.vsid, 0));
}

TEST_F(invalidate, cfgi_cd_all)
{
	check_cfgi(_metadata, &self->vm, smmu_cfgi_cd_all(self->vm.vsid));
}

/* Leaf only tells whether an intermediate descriptor may stay cached. */
TEST_F(invalidate, cfgi_cd_not_only_the_leaf)
{
	struct smmu_cmd cmd = smmu_cfgi_cd(self->vm.vsid, 0);

	cmd.w[1] &= ~CMD1_LEAF;
	check_cfgi(_metadata, &self->vm, cmd);
}

/* A descriptor that the guest takes away stops the device. */
TEST_F(invalidate, cfgi_cd_of_a_removed_cd)
{
	struct vm *vm = &self->vm;

	vm->cd[0] = 0;
	ASSERT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
	vm_invalidate(_metadata, vm, smmu_cfgi_cd(vm->vsid, 0));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA));
}
