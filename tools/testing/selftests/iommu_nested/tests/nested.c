// SPDX-License-Identifier: GPL-2.0-only
/* Nested page tables: a guest's stage 1 over the host's stage 2. */

FIXTURE(nested)
{
	struct host host;
	struct vm vm;
};

FIXTURE_SETUP(nested)
{
	nest_up(_metadata, &self->host, &self->vm);
}

FIXTURE_TEARDOWN(nested)
{
	host_down(&self->host);
}

/* A nested HWPT of a vSTE that holds no more than V and Config. */
static __u32 simple_hwpt(struct __test_metadata *_metadata, struct vm *vm,
			 __u64 word0)
{
	__u64 ste[2] = { word0, 0 };
	__u32 hwpt;

	ASSERT_EQ(0, iommufd_hwpt_alloc_ste(vm->host->fd, vm->edu->dev,
					    vm->viommu, ste, &hwpt));
	return hwpt;
}

static __u32 bypass_hwpt(struct __test_metadata *_metadata, struct vm *vm)
{
	return simple_hwpt(_metadata, vm,
			   STE0_V | STE0_CONFIG(STE_CONFIG_BYPASS));
}

static __u32 abort_hwpt(struct __test_metadata *_metadata, struct vm *vm)
{
	return simple_hwpt(_metadata, vm,
			   STE0_V | STE0_CONFIG(STE_CONFIG_ABORT));
}

static __u32 invalid_hwpt(struct __test_metadata *_metadata, struct vm *vm)
{
	/* With V clear all other bits are the guest's own business. */
	return simple_hwpt(_metadata, vm, ~STE0_V);
}

TEST_F(nested, translate)
{
	check_both_ways(_metadata, &self->vm, vm_attach);
}

/* One transfer over four pages that are neither in order nor contiguous. */
TEST_F(nested, translate_scattered)
{
	static const unsigned long order[] = { PAGE_D, PAGE_A };
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	const unsigned int half = GUEST_PAGE / 2;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(order); i++)
		vm_map(_metadata, vm, IOVA + i * GUEST_PAGE, order[i]);
	ASSERT_EQ(0, edu_attach(vm->edu, vm->hwpt));
	for (i = 0; i < NUM_PAGES; i++)
		memset(host->page[i], 0, GUEST_PAGE);
	ASSERT_EQ(0, edu_store(vm->edu, IOVA + half, 0, GUEST_PAGE));
	for (i = 0; i < PAGE_WORDS / 2; i++) {
		ASSERT_EQ(0ULL, host->page[3][i]);
		ASSERT_EQ(marker(i), host->page[3][PAGE_WORDS / 2 + i]);
		ASSERT_EQ(marker(PAGE_WORDS / 2 + i), host->page[0][i]);
		ASSERT_EQ(0ULL, host->page[0][PAGE_WORDS / 2 + i]);
	}
}

/* The guest's addresses are its own: GPAs mean nothing to a translated DMA. */
TEST_F(nested, translate_only_what_stage_1_maps)
{
	struct vm *vm = &self->vm;

	ASSERT_EQ(0, edu_attach(vm->edu, vm->hwpt));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm,
				   page_gpa(&self->host, PAGE_A)));
}

/* ... nor do host addresses: what stage 1 yields goes through stage 2. */
TEST_F(nested, translate_stays_in_stage_2)
{
	struct vm *vm = &self->vm;

	ASSERT_EQ(0, s1_map(&vm->s1, IOVA, GUEST_GPA + GUEST_SIZE));
	ASSERT_EQ(0, s1_map(&vm->s1, IOVA + GUEST_PAGE, 0));
	ASSERT_EQ(0, edu_attach(vm->edu, vm->hwpt));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA + GUEST_PAGE));
}

TEST_F(nested, read_only_page)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	unsigned int i;

	for (i = 0; i < PAGE_WORDS; i++)
		host->page[0][i] = ~marker(i);
	ASSERT_EQ(0, s1_map_at(&vm->s1, IOVA, page_gpa(host, PAGE_A),
			       S1_LAST_LEVEL, S1_LEAF | S1_READ_ONLY));
	vm_map(_metadata, vm, IOVA + GUEST_PAGE, PAGE_B);
	ASSERT_EQ(0, edu_attach(vm->edu, vm->hwpt));

	ASSERT_EQ(0, load(vm->edu, IOVA, GUEST_PAGE));
	ASSERT_EQ(0, edu_store(vm->edu, IOVA + GUEST_PAGE, 0, GUEST_PAGE));
	EXPECT_EQ(0, memcmp(host->page[0], host->page[1], GUEST_PAGE));
	ASSERT_EQ(0, edu_store(vm->edu, IOVA, 8, 8));
	EXPECT_EQ(~marker(0), host->page[0][0]);
}

/* The guest's SMMU bypasses: the device sees guest-physical addresses. */
TEST_F(nested, bypass)
{
	struct vm *vm = &self->vm;

	vm_map(_metadata, vm, IOVA, PAGE_A);
	ASSERT_EQ(0, edu_attach(vm->edu, bypass_hwpt(_metadata, vm)));
	EXPECT_EQ(PAGE_C, vm_hits(_metadata, vm,
				  page_gpa(&self->host, PAGE_C)));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, GUEST_GPA + GUEST_SIZE));
}

TEST_F(nested, abort)
{
	struct vm *vm = &self->vm;

	vm_map(_metadata, vm, IOVA, PAGE_A);
	ASSERT_EQ(0, edu_attach(vm->edu, abort_hwpt(_metadata, vm)));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm,
				   page_gpa(&self->host, PAGE_A)));
}

TEST_F(nested, invalid_ste)
{
	struct vm *vm = &self->vm;

	vm_map(_metadata, vm, IOVA, PAGE_A);
	ASSERT_EQ(0, edu_attach(vm->edu, invalid_hwpt(_metadata, vm)));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm,
				   page_gpa(&self->host, PAGE_A)));
}

/* Translation needs a vDEVICE: faults and invalidations go by the vSID. */
TEST_F(nested, attach_needs_vdevice)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;

	vm_map(_metadata, vm, IOVA, PAGE_A);
	ASSERT_EQ(0, iommufd_destroy(host->fd, vm->vdevice));
	EXPECT_EQ(-ENOENT, edu_attach(vm->edu, vm->hwpt));
	/* The refused attach left the device where it was, in the IOAS. */
	EXPECT_EQ(PAGE_D, vm_hits(_metadata, vm, page_gpa(host, PAGE_D)));

	/* Before the guest turns its SMMU on there is no vSID to ask for. */
	EXPECT_EQ(0, edu_attach(vm->edu, bypass_hwpt(_metadata, vm)));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, page_gpa(host, PAGE_A)));
	EXPECT_EQ(0, edu_attach(vm->edu, abort_hwpt(_metadata, vm)));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, page_gpa(host, PAGE_A)));
}

enum config {
	TRANSLATE, TRANSLATE_OTHER, BYPASS, ABORT, INVALID, STAGE2, PLAIN_IOAS,
	NUM_CONFIGS
};

static const char * const config_names[] = {
	"translate", "translate (other CD)", "bypass", "abort", "V=0", "stage 2",
	"plain IOAS",
};

/*
 * Every configuration after every other one, and after itself. One address is
 * mapped by all that map anything, by each to another page.
 */
TEST_F_TIMEOUT(nested, switch_all_pairs, 120)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	const unsigned long expected[NUM_CONFIGS] = {
		[TRANSLATE] = PAGE_A, [TRANSLATE_OTHER] = PAGE_B,
		[BYPASS] = PAGE_C, [ABORT] = NOWHERE, [INVALID] = NOWHERE,
		[STAGE2] = PAGE_C, [PLAIN_IOAS] = PAGE_C,
	};
	__u64 at = page_gpa(host, PAGE_C);
	__u32 pt[NUM_CONFIGS];
	struct s1 other;
	__u64 ste[2];
	__u64 *cd;
	int from, to;

	vm_map(_metadata, vm, at, PAGE_A);
	ASSERT_EQ(0, s1_init(&other, &host->ram, 12, S1_VA_BITS));
	ASSERT_EQ(0, s1_map(&other, at, page_gpa(host, PAGE_B)));
	cd = guest_alloc(&host->ram, GUEST_PAGE);
	ASSERT_NE(NULL, cd);
	cd_write(cd, &other, ASID + 1, IDR5_OAS(host->smmu.idr[5]));
	ste_s1(ste, guest_gpa(&host->ram, cd), 0);

	pt[TRANSLATE] = vm->hwpt;
	ASSERT_EQ(0, iommufd_hwpt_alloc_ste(host->fd, vm->edu->dev, vm->viommu,
					    ste, &pt[TRANSLATE_OTHER]));
	pt[BYPASS] = bypass_hwpt(_metadata, vm);
	pt[ABORT] = abort_hwpt(_metadata, vm);
	pt[INVALID] = invalid_hwpt(_metadata, vm);
	pt[STAGE2] = host->s2;
	pt[PLAIN_IOAS] = host->ioas;

	for (from = 0; from < NUM_CONFIGS; from++) {
		for (to = 0; to < NUM_CONFIGS; to++) {
			ASSERT_EQ(0, edu_attach(vm->edu, pt[from]));
			ASSERT_EQ(0, edu_attach(vm->edu, pt[to]));
			EXPECT_EQ(expected[to], vm_hits(_metadata, vm, at)) {
				TH_LOG("%s after %s", config_names[to],
				       config_names[from]);
			}
		}
	}
}

/* Until the device is switched, the old configuration serves every DMA. */
TEST_F(nested, switch_between_two_dmas)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	__u32 bypass = bypass_hwpt(_metadata, vm);
	int i;

	/* Page A at its own GPA: both configurations translate alike. */
	vm_map(_metadata, vm, page_gpa(host, PAGE_A), PAGE_A);
	ASSERT_EQ(0, edu_attach(vm->edu, vm->hwpt));
	for (i = 0; i < 10; i++) {
		memset(host->page[0], 0, GUEST_PAGE);
		edu_store_start(vm->edu, page_gpa(host, PAGE_A), i * 8, 8);
		ASSERT_EQ(0, edu_attach(vm->edu, i % 2 ? vm->hwpt : bypass));
		ASSERT_EQ(0, edu_wait(vm->edu));
		EXPECT_EQ(marker(i), host->page[0][0]) {
			TH_LOG("a DMA across switch %d was lost", i);
		}
	}
}

TEST_F(nested, destroy_in_use)
{
	struct vm *vm = &self->vm;

	ASSERT_EQ(0, edu_attach(vm->edu, vm->hwpt));
	EXPECT_EQ(-EBUSY, iommufd_destroy(self->host.fd, vm->hwpt));
	ASSERT_EQ(0, edu_attach(vm->edu, self->host.ioas));
	EXPECT_EQ(0, iommufd_destroy(self->host.fd, vm->hwpt));
}

TEST_F(nested, detach_stops_dma)
{
	struct vm *vm = &self->vm;

	vm_map(_metadata, vm, IOVA, PAGE_A);
	ASSERT_EQ(0, edu_attach(vm->edu, vm->hwpt));
	ASSERT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
	ASSERT_EQ(0, edu_detach(vm->edu));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm,
				   page_gpa(&self->host, PAGE_A)));
}
