// SPDX-License-Identifier: GPL-2.0-only
/* The shapes that a guest may give its stage 1: granules, levels, blocks. */

/* A multiple of every block size below, the largest being 1 GiB. */
#define BLOCK_IOVA	0x1240000000ULL

FIXTURE(stage1)
{
	struct host host;
	struct vm vm;
	__u64 iova;			/* translates to page C */
};

FIXTURE_VARIANT(stage1)
{
	unsigned int granule;
	unsigned int va_bits;
	unsigned int level;		/* of the leaf */
	unsigned int levels;		/* in all */
};

FIXTURE_VARIANT_ADD(stage1, page_4k_3_levels)
{
	.granule = 12, .va_bits = 39, .level = 3, .levels = 3,
};

FIXTURE_VARIANT_ADD(stage1, page_4k_4_levels)
{
	.granule = 12, .va_bits = 48, .level = 3, .levels = 4,
};

FIXTURE_VARIANT_ADD(stage1, block_2m)
{
	.granule = 12, .va_bits = 48, .level = 2, .levels = 4,
};

FIXTURE_VARIANT_ADD(stage1, block_1g)
{
	.granule = 12, .va_bits = 39, .level = 1, .levels = 3,
};

FIXTURE_VARIANT_ADD(stage1, page_16k_3_levels)
{
	.granule = 14, .va_bits = 47, .level = 3, .levels = 3,
};

FIXTURE_VARIANT_ADD(stage1, page_16k_4_levels)
{
	.granule = 14, .va_bits = 48, .level = 3, .levels = 4,
};

FIXTURE_VARIANT_ADD(stage1, block_32m)
{
	.granule = 14, .va_bits = 47, .level = 2, .levels = 3,
};

FIXTURE_VARIANT_ADD(stage1, page_64k_2_levels)
{
	.granule = 16, .va_bits = 42, .level = 3, .levels = 2,
};

FIXTURE_VARIANT_ADD(stage1, page_64k_3_levels)
{
	.granule = 16, .va_bits = 48, .level = 3, .levels = 3,
};

FIXTURE_VARIANT_ADD(stage1, block_512m)
{
	.granule = 16, .va_bits = 42, .level = 2, .levels = 2,
};

static bool has_granule(const struct host *host, unsigned int granule)
{
	__u32 idr5 = host->smmu.idr[5];

	return granule == 12 ? IDR5_GRAN4K(idr5) :
	       granule == 14 ? IDR5_GRAN16K(idr5) : IDR5_GRAN64K(idr5);
}

FIXTURE_SETUP(stage1)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	__u64 size, gpa;

	nest_up(_metadata, host, vm);
	if (_metadata->exit_code)
		return;
	if (!has_granule(host, variant->granule))
		SKIP(return, "IDR5: this SMMU has no granule of %u KiB",
		     1 << (variant->granule - 10));

	/*
	 * QEMU translates the base of a table through stage 2 and takes the
	 * rest of the table to follow it in host memory.
	 */
	if (variant->granule > 12 && !host->ram.huge)
		SKIP(return, "no huge pages to hold tables of %u KiB",
		     1 << (variant->granule - 10));

	host->ram.used = host->ram.size / 2;
	ASSERT_EQ(0, s1_init(&vm->s1, &host->ram, variant->granule,
			     variant->va_bits));
	ASSERT_EQ(variant->levels, S1_LAST_LEVEL + 1 - vm->s1.start_level);
	cd_write(vm->cd, &vm->s1, ASID, IDR5_OAS(host->smmu.idr[5]));
	/* The leaf that holds page C covers a good deal more than that page. */
	size = s1_block_size(&vm->s1, variant->level);
	gpa = page_gpa(host, PAGE_C);
	ASSERT_EQ(0, s1_map_at(&vm->s1, BLOCK_IOVA, gpa & ~(size - 1),
			       variant->level, S1_LEAF));
	self->iova = BLOCK_IOVA + (gpa & (size - 1));
	ASSERT_EQ(0, vm_attach(vm));
}

FIXTURE_TEARDOWN(stage1)
{
	host_down(&self->host);
}

TEST_F(stage1, translate)
{
	EXPECT_EQ(PAGE_C, vm_hits(_metadata, &self->vm, self->iova));
}

TEST_F(stage1, invalidate_the_leaf)
{
	struct vm *vm = &self->vm;

	ASSERT_EQ(PAGE_C, vm_hits(_metadata, vm, self->iova));
	*s1_entry(&vm->s1, BLOCK_IOVA, variant->level, false) = 0;
	ASSERT_EQ(PAGE_C, vm_hits(_metadata, vm, self->iova)) {
		TH_LOG("the translation was not cached: there is nothing to prove");
	}
	vm_invalidate(_metadata, vm, smmu_tlbi_va(ASID, self->iova));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, self->iova));
}
