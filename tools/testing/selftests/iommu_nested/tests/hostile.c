// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that means harm, or is merely broken. Whatever it builds and sends,
 * its DMA stays in its own memory, and the device serves the next owner.
 */

#define NUM_RANDOM_VSTES	200
#define NUM_RANDOM_CMDS		20000
#define BATCH_RANDOM		100

FIXTURE(hostile)
{
	struct host host;
	struct vm vm;
};

FIXTURE_SETUP(hostile)
{
	nest_up(_metadata, &self->host, &self->vm);
}

FIXTURE_TEARDOWN(hostile)
{
	host_down(&self->host);
}

/* The host takes the device back, and DMA works as on the first day. */
static void expect_usable(struct __test_metadata *_metadata, struct vm *vm)
{
	struct host *host = vm->host;

	ASSERT_EQ(0, edu_attach(vm->edu, host->ioas));
	EXPECT_EQ(PAGE_C, vm_hits(_metadata, vm, page_gpa(host, PAGE_C)));
	ASSERT_EQ(0, edu_attach(vm->edu, host->s2));
	EXPECT_EQ(PAGE_D, vm_hits(_metadata, vm, page_gpa(host, PAGE_D)));
}

/* Attach @ste where the driver takes it, and see its DMA go nowhere. */
static void expect_harmless(struct __test_metadata *_metadata, struct vm *vm,
			    __u64 word0, __u64 word1)
{
	__u64 ste[2] = { word0, word1 };
	__u32 hwpt;
	int rc;

	rc = iommufd_hwpt_alloc_ste(vm->host->fd, vm->edu->dev, vm->viommu, ste,
				    &hwpt);
	if (rc) {
		EXPECT_EQ(-EIO, rc);
		return;
	}
	ASSERT_EQ(0, edu_attach(vm->edu, hwpt));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA));
	ASSERT_EQ(0, edu_attach(vm->edu, vm->host->s2));
	ASSERT_EQ(0, iommufd_destroy(vm->host->fd, hwpt));
}

TEST_F(hostile, descriptors_outside_of_memory)
{
	const __u64 at[] = {
		0, GUEST_GPA - 64, GUEST_GPA + GUEST_SIZE, BIT_ULL(40),
		STE0_S1CONTEXTPTR, STE0_S1CONTEXTPTR & ~(BIT_ULL(44) - 1),
	};
	struct vm *vm = &self->vm;
	__u64 word0 = STE0_V | STE0_CONFIG(STE_CONFIG_S1);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(at); i++)
		expect_harmless(_metadata, vm, word0 | at[i], vm->ste[1]);
	expect_usable(_metadata, vm);
}

/* More substreams than the SMMU has; formats that do not exist. */
TEST_F(hostile, descriptor_table_shapes)
{
	struct vm *vm = &self->vm;
	unsigned int max = IDR1_SSIDSIZE(self->host.smmu.idr[1]);
	unsigned int fmt;

	for (fmt = 0; fmt < 4; fmt++)
		expect_harmless(_metadata, vm, vm->ste[0] | STE0_S1FMT(fmt) |
				STE0_S1CDMAX(max + 1), vm->ste[1]);
	expect_harmless(_metadata, vm, vm->ste[0] | STE0_S1FMT(3) |
			STE0_S1CDMAX(31), vm->ste[1] | STE1_S1DSS(3));
	expect_usable(_metadata, vm);
}

TEST_F(hostile, tables_that_loop)
{
	struct vm *vm = &self->vm;
	__u64 *table = guest_va(&self->host.ram, vm->s1.ttb);
	unsigned int i;

	/* Each level leads back to the first; the last one maps it as a page. */
	for (i = 0; i < GUEST_PAGE / sizeof(*table); i++)
		table[i] = vm->s1.ttb | S1_LEAF | S1_TABLE;
	ASSERT_EQ(0, edu_attach(vm->edu, vm->hwpt));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA));
	expect_usable(_metadata, vm);
}

static __u64 random64(void)
{
	return (__u64)random() << 42 ^ (__u64)random() << 21 ^ random();
}

TEST_F(hostile, descriptor_of_noise)
{
	struct vm *vm = &self->vm;
	unsigned int seed, i;

	for (seed = 1; seed < 9; seed++) {
		srandom(seed);
		for (i = 0; i < CD_WORDS; i++)
			vm->cd[i] = random64();
		ASSERT_EQ(0, edu_attach(vm->edu, vm->hwpt));
		EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA));
		ASSERT_EQ(0, edu_attach(vm->edu, self->host.s2));
	}
	expect_usable(_metadata, vm);
}

/* Only two answers exist: it is a vSTE, or -EIO. */
TEST_F(hostile, random_vstes)
{
	struct vm *vm = &self->vm;
	unsigned int taken = 0;
	unsigned int i;

	srandom(1);
	for (i = 0; i < NUM_RANDOM_VSTES; i++) {
		/* Flip a few bits of a good one; noise alone never gets far. */
		__u64 ste[2] = { vm->ste[0] ^ (random64() & random64() &
					       random64() & random64()),
				 vm->ste[1] ^ (i % 2 ? BIT_ULL(i % 32) : 0) };
		__u32 hwpt;
		int rc;

		rc = iommufd_hwpt_alloc_ste(self->host.fd, vm->edu->dev,
					    vm->viommu, ste, &hwpt);
		if (rc) {
			ASSERT_EQ(-EIO, rc);
			continue;
		}
		taken++;
		ASSERT_EQ(0, edu_attach(vm->edu, hwpt));
		ASSERT_EQ(0, edu_attach(vm->edu, self->host.s2));
		ASSERT_EQ(0, iommufd_destroy(self->host.fd, hwpt));
	}
	EXPECT_LT(0U, taken);
	expect_usable(_metadata, vm);
}

/* The same for commands; a refused one stops its batch, and no more. */
TEST_F(hostile, random_commands)
{
	static const unsigned char opcodes[] = {
		CMD_CFGI_CD, CMD_CFGI_CD_ALL, CMD_TLBI_NH_ALL, CMD_TLBI_NH_ASID,
		CMD_TLBI_NH_VA, CMD_TLBI_NH_VAA, CMD_TLBI_NSNH_ALL, CMD_ATC_INV,
	};
	struct vm *vm = &self->vm;
	struct smmu_cmd cmds[BATCH_RANDOM];
	unsigned int sent, i;
	__u32 done;
	int rc;

	srandom(2);
	for (sent = 0; sent < NUM_RANDOM_CMDS; sent += BATCH_RANDOM) {
		for (i = 0; i < BATCH_RANDOM; i++) {
			cmds[i] = smmu_cmd(opcodes[random() %
						   ARRAY_SIZE(opcodes)]);
			/* Every fourth one is left as it is, and is good. */
			if (i % 4)
				cmds[i].w[i % 2] |= random64() & ~0xffULL;
			if (cmds[i].w[0] == CMD_CFGI_CD ||
			    cmds[i].w[0] == CMD_CFGI_CD_ALL)
				cmds[i].w[0] |= CMD0_SID(vm->vsid);
		}
		/* Begin behind the refused one until none is left. */
		for (i = 0; i < BATCH_RANDOM; i += done + 1) {
			rc = vm_invalidate_n(vm, &cmds[i], BATCH_RANDOM - i,
					     &done);
			if (!rc)
				break;
			ASSERT_EQ(-EIO, rc);
			ASSERT_GT(BATCH_RANDOM - i, done);
		}
	}
	vm_map(_metadata, vm, IOVA, PAGE_A);
	ASSERT_EQ(0, edu_attach(vm->edu, vm->hwpt));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
	expect_usable(_metadata, vm);
}

/*
 * A transfer of a page without any translation faults 1024 times at once. The
 * event queue may overflow; the driver has to come back from it.
 */
TEST_F(hostile, storm_of_faults)
{
	struct vm *vm = &self->vm;
	struct vevent event;
	__u32 queue;
	int fd, i;

	ASSERT_EQ(0, edu_attach(vm->edu, vm->hwpt));
	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, edu_store(vm->edu, IOVA, 0, GUEST_PAGE));

	ASSERT_EQ(0, iommufd_veventq_alloc(self->host.fd, vm->viommu,
					   IOMMU_VEVENTQ_TYPE_ARM_SMMUV3, 16,
					   &queue, &fd));
	while (vevent_next(_metadata, fd, VEVENT_QUIET_MS, &event))
		;
	fault(_metadata, vm, IOVA + GUEST_PAGE);
	expect_event(_metadata, fd, vm, EVT_F_TRANSLATION, &event);
	close(fd);
	expect_usable(_metadata, vm);
}

/* As many commands in one call as a small kernel buffer will not hold. */
TEST_F(hostile, large_batch)
{
	const unsigned int num = 20000;
	struct vm *vm = &self->vm;
	struct smmu_cmd *cmds;
	unsigned int i;
	__u32 done;

	cmds = calloc(num, sizeof(*cmds));
	ASSERT_NE(NULL, cmds);
	for (i = 0; i < num; i++)
		cmds[i] = smmu_tlbi_va(ASID, IOVA + i * GUEST_PAGE);
	EXPECT_EQ(0, vm_invalidate_n(vm, cmds, num, &done));
	EXPECT_EQ(num, done);
	free(cmds);
}
