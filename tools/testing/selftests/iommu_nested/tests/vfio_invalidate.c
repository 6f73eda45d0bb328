// SPDX-License-Identifier: GPL-2.0-only
/*
 * CACHE_INVALIDATE with entries of any hardware. As of invalidate.c, which proves
 * the guest's own commands: what is stale must be seen before it may go.
 */

#define LEAF_OF(archid_, addr_) {					\
	.caches = VFIO_NESTED_INV_IOTLB,				\
	.granularity = VFIO_NESTED_INV_GRANU_ADDR,			\
	.flags = VFIO_NESTED_INV_HAS_ARCHID | VFIO_NESTED_INV_LEAF,	\
	.archid = (archid_),						\
	.addr = (addr_),						\
	.granule_size = GUEST_PAGE,					\
	.granule_count = 1,						\
}

FIXTURE(inv)
{
	struct host host;
	struct vm vm;
};

FIXTURE_SETUP(inv)
{
	nest_up_cached(_metadata, &self->host, &self->vm);
}

FIXTURE_TEARDOWN(inv)
{
	host_down(&self->host);
}

static void invalidate_one(struct __test_metadata *_metadata, struct vm *vm,
			   struct vfio_nested_inv inv)
{
	__u32 done = 1;

	ASSERT_EQ(0, vfio_invalidate(vm->host->fd, &inv, &done));
	ASSERT_EQ(1U, done);
}

/* The translation is new after @inv, whether or not it was to others before. */
static void check_inv(struct __test_metadata *_metadata, struct vm *vm,
		      struct vfio_nested_inv inv)
{
	make_stale(_metadata, vm, IOVA);
	invalidate_one(_metadata, vm, inv);
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, vm, IOVA));
}

TEST_F(inv, iotlb_domain)
{
	check_inv(_metadata, &self->vm, (struct vfio_nested_inv){
		.caches = VFIO_NESTED_INV_IOTLB,
		.granularity = VFIO_NESTED_INV_GRANU_DOMAIN,
	});
}

TEST_F(inv, iotlb_archid)
{
	check_inv(_metadata, &self->vm, (struct vfio_nested_inv){
		.caches = VFIO_NESTED_INV_IOTLB,
		.granularity = VFIO_NESTED_INV_GRANU_PASID,
		.flags = VFIO_NESTED_INV_HAS_ARCHID,
		.archid = ASID,
	});
}

TEST_F(inv, iotlb_addr_of_an_archid)
{
	struct vfio_nested_inv inv = LEAF_OF(ASID, IOVA);

	check_inv(_metadata, &self->vm, inv);
}

TEST_F(inv, iotlb_addr_not_only_leaves)
{
	struct vfio_nested_inv inv = LEAF_OF(ASID, IOVA);

	inv.flags &= ~VFIO_NESTED_INV_LEAF;
	check_inv(_metadata, &self->vm, inv);
}

/* Without a tag it is for all of them: an entry that is global. */
TEST_F(inv, iotlb_addr_of_all_archids)
{
	struct vfio_nested_inv inv = LEAF_OF(0, IOVA);

	inv.flags &= ~VFIO_NESTED_INV_HAS_ARCHID;
	check_inv(_metadata, &self->vm, inv);
}

/* A PASID and a device may be given where they are of no use. */
TEST_F(inv, iotlb_with_more_than_needed)
{
	struct vfio_nested_inv inv = LEAF_OF(ASID, IOVA);

	inv.flags |= VFIO_NESTED_INV_HAS_PASID | VFIO_NESTED_INV_HAS_DEVICE;
	inv.device_id = VSID;
	check_inv(_metadata, &self->vm, inv);
}

/* "More than what was asked for may be invalidated", but this hardware does not. */
TEST_F(inv, iotlb_is_for_its_archid)
{
	struct vfio_nested_inv inv = LEAF_OF(ASID + 1, IOVA);
	struct vm *vm = &self->vm;

	make_stale(_metadata, vm, IOVA);
	invalidate_one(_metadata, vm, inv);
	invalidate_one(_metadata, vm, (struct vfio_nested_inv){
		.caches = VFIO_NESTED_INV_IOTLB,
		.granularity = VFIO_NESTED_INV_GRANU_PASID,
		.flags = VFIO_NESTED_INV_HAS_ARCHID,
		.archid = ASID + 1,
	});
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
}

TEST_F(inv, iotlb_is_for_its_addresses)
{
	struct vfio_nested_inv inv = LEAF_OF(ASID, IOVA - GUEST_PAGE);
	struct vm *vm = &self->vm;

	make_stale(_metadata, vm, IOVA);
	invalidate_one(_metadata, vm, inv);
	inv.addr = IOVA + GUEST_PAGE;
	invalidate_one(_metadata, vm, inv);
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
}

FIXTURE(inv_range)
{
	struct host host;
	struct vm vm;
};

FIXTURE_VARIANT(inv_range)
{
	__u64 count;			/* of pages */
};

FIXTURE_VARIANT_ADD(inv_range, of_1)
{
	.count = 1,
};

FIXTURE_VARIANT_ADD(inv_range, of_2)
{
	.count = 2,
};

FIXTURE_VARIANT_ADD(inv_range, of_7)
{
	.count = 7,
};

FIXTURE_VARIANT_ADD(inv_range, of_33)
{
	.count = 33,
};

FIXTURE_VARIANT_ADD(inv_range, of_511)
{
	.count = 511,
};

FIXTURE_SETUP(inv_range)
{
	nest_up(_metadata, &self->host, &self->vm);
	if (_metadata->exit_code)
		return;
	ASSERT_EQ(0, vm_bind(&self->vm));
}

FIXTURE_TEARDOWN(inv_range)
{
	host_down(&self->host);
}

/* Both ends of the range are new, both neighbours stale. */
TEST_F(inv_range, exact)
{
	struct vfio_nested_inv inv = LEAF_OF(ASID, IOVA);
	const __u64 last = IOVA + (variant->count - 1) * GUEST_PAGE;
	const __u64 at[] = { IOVA - GUEST_PAGE, IOVA, last, last + GUEST_PAGE };
	struct vm *vm = &self->vm;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(at); i++)
		vm_map(_metadata, vm, at[i], PAGE_A);
	for (i = 0; i < ARRAY_SIZE(at); i++)
		ASSERT_EQ(PAGE_A, vm_hits(_metadata, vm, at[i]));
	for (i = 0; i < ARRAY_SIZE(at); i++)
		make_stale(_metadata, vm, at[i]);
	inv.granule_count = variant->count;
	invalidate_one(_metadata, vm, inv);
	for (i = 0; i < ARRAY_SIZE(at); i++)
		EXPECT_EQ(i % 3 ? PAGE_B : PAGE_A, vm_hits(_metadata, vm, at[i])) {
			TH_LOG("page %u", i);
		}
}

/* A block of 2 MiB that becomes a table of pages, and half of all addresses. */
TEST_F(inv, iotlb_blocks)
{
	const __u64 iova = 0x1240000000ULL;
	struct vm *vm = &self->vm;
	struct vfio_nested_inv inv = {
		.caches = VFIO_NESTED_INV_IOTLB,
		.granularity = VFIO_NESTED_INV_GRANU_ADDR,
		.flags = VFIO_NESTED_INV_HAS_ARCHID,
		.archid = ASID,
		.addr = iova,
		.granule_size = MIB(2),
		.granule_count = 1,
	};
	__u64 at = iova + page_gpa(&self->host, PAGE_C) - GUEST_GPA;
	__u64 *block;

	ASSERT_EQ(0, s1_map_at(&vm->s1, iova, GUEST_GPA, 2, S1_LEAF));
	ASSERT_EQ(PAGE_C, vm_hits(_metadata, vm, at));
	block = s1_entry(&vm->s1, iova, 2, false);
	*block = 0;
	ASSERT_EQ(PAGE_C, vm_hits(_metadata, vm, at)) {
		TH_LOG("the block was not cached: there is nothing to prove");
	}
	invalidate_one(_metadata, vm, inv);
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, at));

	vm_map(_metadata, vm, at, PAGE_D);
	ASSERT_EQ(PAGE_D, vm_hits(_metadata, vm, at));
	vm_map(_metadata, vm, at, PAGE_A);
	ASSERT_EQ(PAGE_D, vm_hits(_metadata, vm, at));
	inv.addr = 0;
	inv.granule_size = GUEST_PAGE;
	inv.granule_count = 1ULL << (S1_VA_BITS - 12);
	invalidate_one(_metadata, vm, inv);
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, at));
}

/* The device gets another address space: other tables, other tag. */
static void check_pasid(struct __test_metadata *_metadata, struct vm *vm,
			struct vfio_nested_inv inv)
{
	struct host *host = vm->host;
	struct s1 other;

	ASSERT_EQ(0, s1_init(&other, &host->ram, 12, S1_VA_BITS));
	ASSERT_EQ(0, s1_map(&other, IOVA, page_gpa(host, PAGE_C)));
	cd_write(vm->cd, &other, ASID + 1, IDR5_OAS(host->smmu.idr[5]));
	ASSERT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA)) {
		TH_LOG("the descriptor was not cached: there is nothing to prove");
	}
	invalidate_one(_metadata, vm, inv);
	EXPECT_EQ(PAGE_C, vm_hits(_metadata, vm, IOVA));
}

TEST_F(inv, pasid_domain)
{
	check_pasid(_metadata, &self->vm, (struct vfio_nested_inv){
		.caches = VFIO_NESTED_INV_PASID,
		.granularity = VFIO_NESTED_INV_GRANU_DOMAIN,
	});
}

TEST_F(inv, pasid_domain_of_a_device)
{
	check_pasid(_metadata, &self->vm, (struct vfio_nested_inv){
		.caches = VFIO_NESTED_INV_PASID,
		.granularity = VFIO_NESTED_INV_GRANU_DOMAIN,
		.flags = VFIO_NESTED_INV_HAS_DEVICE,
		.device_id = VSID,
	});
}

TEST_F(inv, pasid)
{
	check_pasid(_metadata, &self->vm, (struct vfio_nested_inv){
		.caches = VFIO_NESTED_INV_PASID,
		.granularity = VFIO_NESTED_INV_GRANU_PASID,
		.flags = VFIO_NESTED_INV_HAS_PASID,
	});
}

TEST_F(inv, pasid_leaf_of_a_device)
{
	check_pasid(_metadata, &self->vm, (struct vfio_nested_inv){
		.caches = VFIO_NESTED_INV_PASID,
		.granularity = VFIO_NESTED_INV_GRANU_PASID,
		.flags = VFIO_NESTED_INV_HAS_PASID | VFIO_NESTED_INV_HAS_DEVICE |
			 VFIO_NESTED_INV_LEAF,
		.device_id = VSID,
	});
}

/* The table's entry changes, but not its tag: both caches, in one call. */
static void check_both(struct __test_metadata *_metadata, struct vm *vm,
		       struct vfio_nested_inv inv)
{
	struct host *host = vm->host;
	struct s1 other;

	ASSERT_EQ(0, s1_init(&other, &host->ram, 12, S1_VA_BITS));
	ASSERT_EQ(0, s1_map(&other, IOVA, page_gpa(host, PAGE_C)));
	cd_write(vm->cd, &other, ASID, IDR5_OAS(host->smmu.idr[5]));
	ASSERT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));

	/* One of them is not enough, as there is still the other. */
	invalidate_one(_metadata, vm, (struct vfio_nested_inv){
		.caches = VFIO_NESTED_INV_PASID,
		.granularity = VFIO_NESTED_INV_GRANU_DOMAIN,
	});
	ASSERT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA)) {
		TH_LOG("the translation was not cached: there is nothing to prove");
	}
	/* Back, as if nothing had happened, then both. */
	cd_write(vm->cd, &vm->s1, ASID, IDR5_OAS(host->smmu.idr[5]));
	invalidate_one(_metadata, vm, (struct vfio_nested_inv){
		.caches = VFIO_NESTED_INV_PASID,
		.granularity = VFIO_NESTED_INV_GRANU_DOMAIN,
	});
	ASSERT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
	cd_write(vm->cd, &other, ASID, IDR5_OAS(host->smmu.idr[5]));
	invalidate_one(_metadata, vm, inv);
	EXPECT_EQ(PAGE_C, vm_hits(_metadata, vm, IOVA));
}

TEST_F(inv, all_caches_domain)
{
	check_both(_metadata, &self->vm, (struct vfio_nested_inv){
		.caches = VFIO_NESTED_INV_PASID | VFIO_NESTED_INV_IOTLB |
			  VFIO_NESTED_INV_DEV_IOTLB,
		.granularity = VFIO_NESTED_INV_GRANU_DOMAIN,
	});
}

TEST_F(inv, all_caches_pasid)
{
	check_both(_metadata, &self->vm, (struct vfio_nested_inv){
		.caches = VFIO_NESTED_INV_PASID | VFIO_NESTED_INV_IOTLB |
			  VFIO_NESTED_INV_DEV_IOTLB,
		.granularity = VFIO_NESTED_INV_GRANU_PASID,
		.flags = VFIO_NESTED_INV_HAS_PASID | VFIO_NESTED_INV_HAS_ARCHID |
			 VFIO_NESTED_INV_HAS_DEVICE,
		.archid = ASID,
		.device_id = VSID,
	});
}

/* A device without a cache of its own is passed over, the rest is done. */
TEST_F(inv, iotlb_and_dev_iotlb)
{
	struct vfio_nested_inv inv = LEAF_OF(ASID, IOVA);

	inv.caches |= VFIO_NESTED_INV_DEV_IOTLB;
	check_inv(_metadata, &self->vm, inv);
}

TEST_F(inv, dev_iotlb_alone)
{
	struct vm *vm = &self->vm;
	struct vfio_nested_inv inv = {
		.caches = VFIO_NESTED_INV_DEV_IOTLB,
		.granularity = VFIO_NESTED_INV_GRANU_DOMAIN,
	};

	make_stale(_metadata, vm, IOVA);
	invalidate_one(_metadata, vm, inv);
	inv.flags = VFIO_NESTED_INV_HAS_DEVICE;
	inv.device_id = VSID;
	invalidate_one(_metadata, vm, inv);
	inv.granularity = VFIO_NESTED_INV_GRANU_PASID;
	inv.flags |= VFIO_NESTED_INV_HAS_PASID;
	invalidate_one(_metadata, vm, inv);
	inv.flags &= ~VFIO_NESTED_INV_HAS_PASID;
	inv.granularity = VFIO_NESTED_INV_GRANU_ADDR;
	inv.addr = IOVA;
	inv.granule_size = GUEST_PAGE;
	inv.granule_count = 1;
	invalidate_one(_metadata, vm, inv);
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
}

/* Of several, those before the first bad one are done, and no other. */
TEST_F(inv, count_is_what_was_done)
{
	static const unsigned long after[] = { PAGE_B, PAGE_B, PAGE_A, PAGE_A };
	struct vfio_nested_inv entries[ARRAY_SIZE(after)];
	struct vm *vm = &self->vm;
	__u32 done = ARRAY_SIZE(entries);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(entries); i++) {
		vm_map(_metadata, vm, IOVA + i * GUEST_PAGE, PAGE_A);
		ASSERT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA + i * GUEST_PAGE));
		make_stale(_metadata, vm, IOVA + i * GUEST_PAGE);
		entries[i] = (struct vfio_nested_inv)
			LEAF_OF(ASID, IOVA + i * GUEST_PAGE);
	}
	entries[2].caches = 0;
	EXPECT_EQ(-EINVAL, vfio_invalidate(vm->host->fd, entries, &done));
	EXPECT_EQ(2U, done);
	for (i = 0; i < ARRAY_SIZE(entries); i++)
		EXPECT_EQ(after[i], vm_hits(_metadata, vm, IOVA + i * GUEST_PAGE)) {
			TH_LOG("entry %u", i);
		}
	entries[2].caches = VFIO_NESTED_INV_IOTLB;
	done = 2;
	EXPECT_EQ(0, vfio_invalidate(vm->host->fd, entries + 2, &done));
	EXPECT_EQ(2U, done);
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, vm, IOVA + 2 * GUEST_PAGE));
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, vm, IOVA + 3 * GUEST_PAGE));
}

/* An entry that is good for one cache and bad for another is not done at all. */
TEST_F(inv, checked_before_anything_is_done)
{
	struct vfio_nested_inv inv = LEAF_OF(ASID, IOVA);
	struct vm *vm = &self->vm;
	__u32 done = 1;

	make_stale(_metadata, vm, IOVA);
	inv.caches |= VFIO_NESTED_INV_PASID;
	EXPECT_EQ(-EINVAL, vfio_invalidate(vm->host->fd, &inv, &done));
	inv.caches = VFIO_NESTED_INV_IOTLB;
	inv.flags |= VFIO_NESTED_INV_HAS_DEVICE;
	inv.device_id = VSID + 1;
	done = 1;
	EXPECT_EQ(-ENOENT, vfio_invalidate(vm->host->fd, &inv, &done));
	EXPECT_EQ(0U, done);
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
}

static int try_inv(struct __test_metadata *_metadata, struct vm *vm,
		   struct vfio_nested_inv inv)
{
	__u32 done = 1;
	int rc = vfio_invalidate(vm->host->fd, &inv, &done);

	EXPECT_EQ(rc ? 0U : 1U, done);
	return rc;
}

#define REFUSE_INV(change) do {						\
	struct vfio_nested_inv inv = base;				\
									\
	inv.change;							\
	EXPECT_EQ(-EINVAL, try_inv(_metadata, vm, inv)) {		\
		TH_LOG("line %d: " #change, __LINE__);			\
	}								\
} while (0)

TEST_F(inv, refusals_of_addr)
{
	const struct vfio_nested_inv base = LEAF_OF(ASID, IOVA);
	struct vm *vm = &self->vm;
	unsigned int bit;

	ASSERT_EQ(0, try_inv(_metadata, vm, base));
	REFUSE_INV(caches = 0);
	for (bit = 3; bit < 32; bit++)
		REFUSE_INV(caches |= BIT(bit));
	for (bit = 4; bit < 32; bit++)
		REFUSE_INV(flags |= BIT(bit));
	REFUSE_INV(granularity = VFIO_NESTED_INV_GRANU_ADDR + 1);
	REFUSE_INV(granularity = ~0U);
	REFUSE_INV(reserved = 1);
	REFUSE_INV(reserved = 1U << 31);
	/* Fields that are not given */
	REFUSE_INV(device_id = VSID);
	REFUSE_INV(pasid = 1);
	REFUSE_INV(flags &= ~VFIO_NESTED_INV_HAS_ARCHID);
	/* PASID tables have no addresses. */
	REFUSE_INV(caches |= VFIO_NESTED_INV_PASID);
	REFUSE_INV(caches = VFIO_NESTED_INV_PASID);
	/* Devices' caches have no leaves. */
	REFUSE_INV(caches = VFIO_NESTED_INV_DEV_IOTLB);
	REFUSE_INV(addr += 8);
	REFUSE_INV(addr = -GUEST_PAGE + 8);
	REFUSE_INV(granule_size = 0);
	REFUSE_INV(granule_size = GUEST_PAGE + 8);
	REFUSE_INV(granule_size = KIB(2));
	REFUSE_INV(granule_size = KIB(8));
	REFUSE_INV(granule_size = 3 * GUEST_PAGE);
	REFUSE_INV(granule_size = 1ULL << 63);
	REFUSE_INV(granule_size = MIB(2));	/* IOVA is not aligned to it */
	REFUSE_INV(granule_count = 0);
	REFUSE_INV(granule_count = ~0ULL);
	REFUSE_INV(granule_count = 1ULL << 52);
	REFUSE_INV(archid = 0x10000);
	REFUSE_INV(archid = ~0U);
}

TEST_F(inv, refusals_of_domain_and_pasid)
{
	const struct vfio_nested_inv domain = {
		.caches = VFIO_NESTED_INV_IOTLB,
		.granularity = VFIO_NESTED_INV_GRANU_DOMAIN,
	};
	const struct vfio_nested_inv pasid = {
		.caches = VFIO_NESTED_INV_PASID,
		.granularity = VFIO_NESTED_INV_GRANU_PASID,
		.flags = VFIO_NESTED_INV_HAS_PASID,
	};
	struct vfio_nested_inv base = domain;
	struct vm *vm = &self->vm;

	REFUSE_INV(addr = IOVA);
	REFUSE_INV(granule_size = GUEST_PAGE);
	REFUSE_INV(granule_count = 1);
	REFUSE_INV(flags = VFIO_NESTED_INV_LEAF);
	REFUSE_INV(archid = ASID);
	/* A tag without saying so; nor is there one where the cache needs it */
	REFUSE_INV(granularity = VFIO_NESTED_INV_GRANU_PASID);

	base = pasid;
	ASSERT_EQ(0, try_inv(_metadata, vm, base));
	REFUSE_INV(addr = IOVA);
	REFUSE_INV(granule_size = GUEST_PAGE);
	REFUSE_INV(granule_count = 1);
	REFUSE_INV(flags = 0);
	REFUSE_INV(caches = VFIO_NESTED_INV_IOTLB);
	REFUSE_INV(caches |= VFIO_NESTED_INV_IOTLB);
	REFUSE_INV(caches = VFIO_NESTED_INV_DEV_IOTLB;
		   inv.flags = 0);
	/* Beyond what this hardware has */
	REFUSE_INV(pasid = 1U << IDR1_SSIDSIZE(self->host.smmu.idr[1]));
	REFUSE_INV(pasid = ~0U);
}

TEST_F(inv, unknown_device)
{
	struct vm *vm = &self->vm;
	struct vfio_nested_inv inv = {
		.caches = VFIO_NESTED_INV_PASID,
		.granularity = VFIO_NESTED_INV_GRANU_DOMAIN,
		.flags = VFIO_NESTED_INV_HAS_DEVICE,
		.device_id = VSID + 1,
	};

	EXPECT_EQ(-ENOENT, try_inv(_metadata, vm, inv));
	inv.caches = VFIO_NESTED_INV_DEV_IOTLB;
	EXPECT_EQ(-ENOENT, try_inv(_metadata, vm, inv));
	inv.device_id = VSID | 1ULL << 32;
	EXPECT_EQ(-ENOENT, try_inv(_metadata, vm, inv));
	inv.device_id = VSID;
	EXPECT_EQ(0, try_inv(_metadata, vm, inv));
	ASSERT_EQ(0, vm_unbind(vm));
	EXPECT_EQ(-ENOENT, try_inv(_metadata, vm, inv));
	/* All bound devices: none */
	inv.flags = 0;
	inv.device_id = 0;
	EXPECT_EQ(0, try_inv(_metadata, vm, inv));
}

/* Nothing stays when a device leaves and comes back. */
TEST_F(inv, not_needed_after_unbind)
{
	struct vm *vm = &self->vm;

	make_stale(_metadata, vm, IOVA);
	ASSERT_EQ(0, vm_unbind(vm));
	invalidate_one(_metadata, vm, (struct vfio_nested_inv){
		.caches = VFIO_NESTED_INV_IOTLB,
		.granularity = VFIO_NESTED_INV_GRANU_DOMAIN,
	});
	ASSERT_EQ(0, vm_bind(vm));
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, vm, IOVA));
}

static int try_raw(struct vm *vm, __u32 model, __u32 size, __u32 count,
		   const void *entries, __u32 *done)
{
	struct vfio_nested_cache_invalidate cmd = {
		.model = model,
		.entry_size = size,
		.entries = (uintptr_t)entries,
		.count = count,
	};
	int rc = vfio_invalidate_raw(vm->host->fd, &cmd);

	*done = cmd.count;
	return rc;
}

#define RAW(rc, done_, ...) do {					\
	__u32 done = 0xdead;						\
									\
	EXPECT_EQ(rc, try_raw(vm, __VA_ARGS__, &done));			\
	EXPECT_EQ(done_, done) {					\
		TH_LOG("line %d: " #__VA_ARGS__, __LINE__);		\
	}								\
} while (0)

TEST_F(inv, arguments)
{
	const __u32 any = VFIO_NESTED_MODEL_NONE;
	const __u32 smmu = VFIO_NESTED_MODEL_ARM_SMMUV3;
	const __u32 size = sizeof(struct vfio_nested_inv);
	const struct vfio_nested_inv inv[2] = {
		{ .caches = VFIO_NESTED_INV_IOTLB },
		{ .caches = VFIO_NESTED_INV_IOTLB },
	};
	const struct smmu_cmd cmds[2] = {
		smmu_cmd(CMD_TLBI_NH_ALL), smmu_cmd(CMD_TLBI_NH_ALL),
	};
	struct vm *vm = &self->vm;

	RAW(-EOPNOTSUPP, 0U, VFIO_NESTED_MODEL_INTEL_VTD, size, 1, inv);
	RAW(-EOPNOTSUPP, 0U, VFIO_NESTED_MODEL_INTEL_VTD, size, 0, NULL);
	RAW(-EOPNOTSUPP, 0U, ~0U, size, 1, inv);
	/* None: the rest is checked */
	RAW(0, 0U, any, size, 0, NULL);
	RAW(0, 0U, smmu, 16, 0, NULL);
	RAW(-EINVAL, 0U, any, size - 1, 0, NULL);
	RAW(-EINVAL, 0U, smmu, 15, 0, NULL);

	RAW(-EINVAL, 0U, any, size - 8, 1, inv);
	RAW(-EINVAL, 0U, any, 0, 1, inv);
	RAW(-EINVAL, 0U, smmu, 8, 1, cmds);
	RAW(-EINVAL, 0U, smmu, 0, 1, cmds);
	RAW(-EFAULT, 0U, any, size, 1, BAD_VA);
	RAW(-EFAULT, 0U, smmu, 16, 1, BAD_VA);
	RAW(-EFAULT, 0U, any, size, 1, (void *)~7UL);
	RAW(-EFAULT, 0U, smmu, 16, 1, (void *)~15UL);
	RAW(0, 2U, any, size, 2, inv);
	RAW(0, 2U, smmu, 16, 2, cmds);
}

/* Entries of a newer user: what is beyond must be zero. */
TEST_F(inv, longer_entries)
{
	struct {
		struct vfio_nested_inv inv;
		__u64 more;
	} inv[3] = {
		{ .inv.caches = VFIO_NESTED_INV_IOTLB },
		{ .inv.caches = VFIO_NESTED_INV_IOTLB },
		{ .inv.caches = VFIO_NESTED_INV_IOTLB },
	};
	struct {
		struct smmu_cmd cmd;
		__u64 more;
	} cmds[3] = {
		{ .cmd = smmu_cmd(CMD_TLBI_NH_ALL) },
		{ .cmd = smmu_cmd(CMD_TLBI_NH_ALL) },
		{ .cmd = smmu_cmd(CMD_TLBI_NH_ALL) },
	};
	struct vm *vm = &self->vm;
	__u32 done;

	RAW(0, 3U, VFIO_NESTED_MODEL_NONE, sizeof(inv[0]), 3, inv);
	RAW(0, 3U, VFIO_NESTED_MODEL_ARM_SMMUV3, sizeof(cmds[0]), 3, cmds);
	inv[2].more = 1;
	RAW(-E2BIG, 2U, VFIO_NESTED_MODEL_NONE, sizeof(inv[0]), 3, inv);
	cmds[2].more = 1ULL << 63;
	EXPECT_EQ(-E2BIG, try_raw(vm, VFIO_NESTED_MODEL_ARM_SMMUV3,
				  sizeof(cmds[0]), 3, cmds, &done));
	/* "The entries before done": a count of what is complete. */
	EXPECT_EQ(2U, done);
}

/* The array ends in the middle: those before are done, and counted. */
TEST_F(inv, array_that_ends)
{
	const size_t size = sizeof(struct vfio_nested_inv);
	struct vm *vm = &self->vm;
	struct vfio_nested_inv inv = LEAF_OF(ASID, IOVA);
	struct smmu_cmd cmd = smmu_tlbi_va(ASID, IOVA);
	unsigned char *va;

	va = mmap(NULL, 2 * GUEST_PAGE, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, va);
	ASSERT_EQ(0, munmap(va + GUEST_PAGE, GUEST_PAGE));
	va += GUEST_PAGE;

	make_stale(_metadata, vm, IOVA);
	memcpy(va - size, &inv, size);
	RAW(-EFAULT, 1U, VFIO_NESTED_MODEL_NONE, size, 2, va - size);
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, vm, IOVA));

	vm_map(_metadata, vm, IOVA, PAGE_A);
	ASSERT_EQ(PAGE_B, vm_hits(_metadata, vm, IOVA));
	memcpy(va - sizeof(cmd), &cmd, sizeof(cmd));
	RAW(-EFAULT, 1U, VFIO_NESTED_MODEL_ARM_SMMUV3, sizeof(cmd), 2,
	    va - sizeof(cmd));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
}
