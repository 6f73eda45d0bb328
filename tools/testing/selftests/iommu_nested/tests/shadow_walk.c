// SPDX-License-Identifier: GPL-2.0-only
/* Software nesting: what is made of the guest's tables, whatever they are. */

FIXTURE(shadow_walk)
{
	struct host host;
	struct vm vm;
};

FIXTURE_SETUP(shadow_walk)
{
	shadow_up(_metadata, &self->host, &self->vm);
}

FIXTURE_TEARDOWN(shadow_walk)
{
	host_down(&self->host);
}

/* Where a data page is in a block that begins with the guest's RAM. */
static __u64 in_block(const struct host *host, unsigned long page)
{
	return page_gpa(host, page) - GUEST_GPA;
}

/* Blocks of each size; any page of one has all of it invalidated. */
TEST_F(shadow_walk, blocks)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	unsigned int level;

	ASSERT_EQ(0, shadow_bind(vm));
	for (level = 1; level <= 2; level++) {
		size_t size = s1_block_size(&vm->s1, level);
		__u64 *entry = s1_entry(&vm->s1, BLOCK_IOVA, level, true);

		ASSERT_NE(NULL, entry);
		*entry = GUEST_GPA | S1_LEAF;
		ASSERT_EQ(0, shadow_flush(vm, BLOCK_IOVA + size / 2, 1));
		EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm,
					  BLOCK_IOVA + in_block(host, PAGE_A)));
		EXPECT_EQ(PAGE_D, vm_hits(_metadata, vm,
					  BLOCK_IOVA + in_block(host, PAGE_D)));
		EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, BLOCK_IOVA + size));
		/* A gigabyte is more than there is memory. */
		EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm,
					   BLOCK_IOVA + GUEST_SIZE));
		*entry = 0;
		ASSERT_EQ(0, shadow_flush(vm, BLOCK_IOVA + size / 4, 1));
		EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm,
					   BLOCK_IOVA + in_block(host, PAGE_A)));
	}
}

/* A block becomes a table, and a table a block, when a page of it is invalidated. */
TEST_F(shadow_walk, block_and_table)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	__u64 *entry, table, *pages;
	unsigned int i;

	pages = guest_alloc(&host->ram, GUEST_PAGE);
	ASSERT_NE(NULL, pages);
	for (i = 0; i < 512; i++)
		pages[i] = page_gpa(host, BIT(i % NUM_PAGES)) | S1_LEAF | S1_TABLE;
	table = guest_gpa(&host->ram, pages) | S1_VALID | S1_TABLE;
	entry = s1_entry(&vm->s1, BLOCK_IOVA, 2, true);
	ASSERT_NE(NULL, entry);
	*entry = GUEST_GPA | S1_LEAF;
	ASSERT_EQ(0, shadow_bind(vm));
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, vm,
				  BLOCK_IOVA + in_block(host, PAGE_B)));

	*entry = table;
	ASSERT_EQ(0, shadow_flush(vm, BLOCK_IOVA + 77 * GUEST_PAGE, 1));
	for (i = 0; i < 512; i += 51)
		EXPECT_EQ(BIT(i % NUM_PAGES),
			  vm_hits(_metadata, vm, BLOCK_IOVA + i * GUEST_PAGE));

	*entry = GUEST_GPA | S1_LEAF;
	ASSERT_EQ(0, shadow_flush(vm, BLOCK_IOVA, 512));
	EXPECT_EQ(PAGE_C, vm_hits(_metadata, vm,
				  BLOCK_IOVA + in_block(host, PAGE_C)));
}

/* One page of a block of the host's is the guest's own page. */
TEST_F(shadow_walk, every_permission)
{
	static const struct {
		__u64 attributes;
		unsigned long write;
		bool read;
	} pages[] = {
		{ S1_LEAF, PAGE_A, true },
		{ S1_LEAF | S1_READ_ONLY, NOWHERE, true },
		{ S1_LEAF & ~S1_ACCESSED, NOWHERE, false },
		{ S1_LEAF & ~S1_UNPRIVILEGED, NOWHERE, false },
		{ S1_LEAF & ~S1_VALID, NOWHERE, false },
		/* Execute never, contiguous, software's: nothing of the device's */
		{ S1_LEAF | BIT_ULL(54) | BIT_ULL(52) | BIT_ULL(55), PAGE_A, true },
	};
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	unsigned int i;

	ASSERT_EQ(0, shadow_bind(vm));
	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		ASSERT_EQ(0, s1_map_at(&vm->s1, IOVA, page_gpa(host, PAGE_A),
				       S1_LAST_LEVEL, pages[i].attributes));
		ASSERT_EQ(0, shadow_flush(vm, IOVA, 1));
		/* The device's buffer has the markers ... */
		EXPECT_EQ(pages[i].write, vm_hits(_metadata, vm, IOVA)) {
			TH_LOG("page %u", i);
		}
		/* ... and then what it could read. */
		host->page[0][0] = ~marker(0);
		ASSERT_EQ(0, edu_load(vm->edu, IOVA, 0, 8));
		ASSERT_EQ(0, shadow_unbind(vm));
		ASSERT_EQ(0, edu_store(vm->edu, page_gpa(host, PAGE_B), 0, 8));
		EXPECT_EQ(pages[i].read, host->page[1][0] == ~marker(0)) {
			TH_LOG("page %u", i);
		}
		host->page[0][0] = marker(0);
		ASSERT_EQ(0, edu_load(vm->edu, page_gpa(host, PAGE_A), 0, 8));
		ASSERT_EQ(0, shadow_bind(vm));
	}
}

/* What tables on the way take away. */
TEST_F(shadow_walk, limits_of_tables)
{
	struct vm *vm = &self->vm;
	__u64 *entry;

	vm_map(_metadata, vm, IOVA, PAGE_A);
	ASSERT_EQ(0, shadow_bind(vm));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
	entry = s1_entry(&vm->s1, IOVA, 1, false);
	ASSERT_NE(NULL, entry);
	*entry |= BIT_ULL(62);		/* read-only below */
	ASSERT_EQ(0, shadow_flush(vm, IOVA, 1));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA));
	*entry &= ~BIT_ULL(62);
	ASSERT_EQ(0, shadow_flush(vm, IOVA, 1));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
	*entry |= BIT_ULL(61);		/* nothing unprivileged below */
	ASSERT_EQ(0, shadow_flush(vm, IOVA, 1));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA));
}

FIXTURE(shadow_granule)
{
	struct host host;
	struct vm vm;
};

FIXTURE_VARIANT(shadow_granule)
{
	unsigned int granule;
	unsigned int va_bits;
};

FIXTURE_VARIANT_ADD(shadow_granule, 4k_39)
{
	.granule = 12, .va_bits = 39,
};

FIXTURE_VARIANT_ADD(shadow_granule, 4k_44)
{
	.granule = 12, .va_bits = 44,
};

FIXTURE_VARIANT_ADD(shadow_granule, 16k_40)
{
	.granule = 14, .va_bits = 40,
};

FIXTURE_VARIANT_ADD(shadow_granule, 64k_42)
{
	.granule = 16, .va_bits = 42,
};

FIXTURE_SETUP(shadow_granule)
{
	shadow_up(_metadata, &self->host, &self->vm);
}

FIXTURE_TEARDOWN(shadow_granule)
{
	host_down(&self->host);
}

TEST_F(shadow_granule, translates)
{
	size_t page = (size_t)1 << variant->granule;
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	__u64 gpa = page_gpa(host, PAGE_B);
	__u64 iova = (1ULL << (variant->va_bits - 1)) + 0x40000000ULL;

	ASSERT_EQ(0, s1_init(&vm->s1, &host->ram, variant->granule,
			     variant->va_bits));
	cd_write(vm->cd, &vm->s1, ASID, IDR5_OAS(host->smmu.idr[5]));
	ASSERT_EQ(0, s1_map(&vm->s1, iova, gpa & ~(page - 1)));
	ASSERT_EQ(0, shadow_bind(vm));
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, vm, iova + (gpa & (page - 1))));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm,
				   iova + page + (gpa & (page - 1))));
	s1_unmap(&vm->s1, iova);
	ASSERT_EQ(0, shadow_flush_all(vm));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, iova + (gpa & (page - 1))));
}

/* Pages here and there, compared one by one after each invalidation. */
#define RANDOM_PAGES	30
#define RANDOM_ROUNDS	6

static __u64 random_iova(unsigned int i)
{
	/* In three tables, and at their ends */
	static const __u64 base[] = {
		0, IOVA & ~(MIB(2) - 1), (IOVA & ~(MIB(2) - 1)) + MIB(4),
	};

	return base[i % 3] + (i < RANDOM_PAGES / 2 ? i : 511 - i) * GUEST_PAGE;
}

TEST_F_TIMEOUT(shadow_walk, random_pages, 120)
{
	unsigned long now[RANDOM_PAGES] = { 0 }, told[RANDOM_PAGES] = { 0 };
	struct vm *vm = &self->vm;
	unsigned int round, i;

	srand(0x5eed);
	ASSERT_EQ(0, shadow_bind(vm));
	for (round = 0; round < RANDOM_ROUNDS; round++) {
		for (i = 0; i < RANDOM_PAGES; i++) {
			__u64 iova = random_iova(i);

			if (rand() % 3 == 0)
				continue;
			now[i] = rand() % 3 ? BIT(rand() % NUM_PAGES) : NOWHERE;
			if (now[i])
				vm_map(_metadata, vm, iova, now[i]);
			else
				s1_unmap(&vm->s1, iova);
			/* Most are told. */
			if (rand() % 4) {
				ASSERT_EQ(0, shadow_flush(vm, iova, 1));
				told[i] = now[i];
			}
		}
		for (i = 0; i < RANDOM_PAGES; i++)
			ASSERT_EQ(told[i], vm_hits(_metadata, vm,
						   random_iova(i))) {
				TH_LOG("round %u, page %u", round, i);
			}
	}
	ASSERT_EQ(0, shadow_flush_all(vm));
	for (i = 0; i < RANDOM_PAGES; i++)
		EXPECT_EQ(now[i], vm_hits(_metadata, vm, random_iova(i)));
}

/* IOVAs all over the place, one after the other: no more tables than for one. */
TEST_F(shadow_walk, tables_are_given_back)
{
	struct vm *vm = &self->vm;
	__u64 gpa = page_gpa(vm->host, PAGE_A);
	unsigned int i;
	__u64 *l1, *l2, *l3;
	long before;

	ASSERT_EQ(0, shadow_bind(vm));
	l1 = guest_va(&vm->host->ram, vm->s1.ttb);
	l2 = guest_alloc(&vm->host->ram, GUEST_PAGE);
	l3 = guest_alloc(&vm->host->ram, GUEST_PAGE);
	ASSERT_NE(NULL, l2);
	ASSERT_NE(NULL, l3);
	before = table_pages(_metadata);
	for (i = 0; i < 300; i++) {
		__u64 iova = (__u64)i << 30 | (__u64)(i % 511) << 21 | i << 12;

		l1[i] = guest_gpa(&vm->host->ram, l2) | S1_VALID | S1_TABLE;
		l2[i % 511] = guest_gpa(&vm->host->ram, l3) | S1_VALID | S1_TABLE;
		l3[i] = gpa | S1_LEAF | S1_TABLE;
		ASSERT_EQ(0, shadow_flush(vm, iova, 1));
		if (i % 50 == 0)
			ASSERT_EQ(PAGE_A, vm_hits(_metadata, vm, iova));
		l1[i] = 0;
		l2[i % 511] = 0;
		l3[i] = 0;
		ASSERT_EQ(0, shadow_flush(vm, iova, 1));
	}
	EXPECT_GE(before + 4, table_pages(_metadata));
}

/* Tables that are too much. */
FIXTURE(shadow_limits)
{
	struct host host;
	struct vm vm;
};

FIXTURE_SETUP(shadow_limits)
{
	shadow_up(_metadata, &self->host, &self->vm);
}

FIXTURE_TEARDOWN(shadow_limits)
{
	host_down(&self->host);
}

/* Whatever is in the tables: no call takes for ever, and the next one is fine. */
TEST_F_TIMEOUT(shadow_limits, random_tables, 120)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	__u64 *tables[8], *root = guest_va(&host->ram, vm->s1.ttb);
	unsigned int round, i;

	srand(0xbad);
	tables[0] = root;
	for (i = 1; i < ARRAY_SIZE(tables); i++) {
		tables[i] = guest_alloc(&host->ram, GUEST_PAGE);
		ASSERT_NE(NULL, tables[i]);
	}
	ASSERT_EQ(0, shadow_bind(vm));
	for (round = 0; round < 5; round++) {
		for (i = 0; i < 300; i++) {
			__u64 *table = tables[rand() % ARRAY_SIZE(tables)];
			__u64 entry = (__u64)rand() << 33 ^ (__u64)rand() << 11 ^
				      rand();

			if (rand() % 4)
				entry = guest_gpa(&host->ram,
						  tables[rand() % ARRAY_SIZE(tables)]) |
					S1_LEAF | S1_TABLE;
			table[rand() % 512] = entry;
		}
		i = shadow_flush_all(vm);
		ASSERT_TRUE(!i || (int)i == -ENOSPC);
	}
	memset(root, 0, GUEST_PAGE);
	vm_map(_metadata, vm, IOVA, PAGE_C);
	ASSERT_EQ(0, shadow_flush_all(vm));
	EXPECT_EQ(PAGE_C, vm_hits(_metadata, vm, IOVA));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, page_gpa(host, PAGE_A)));
}

/* A table that is its own table, and page, at each level. */
TEST_F_TIMEOUT(shadow_limits, table_in_itself, 120)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	__u64 *root = guest_va(&host->ram, vm->s1.ttb);
	unsigned int i;

	vm_map(_metadata, vm, IOVA, PAGE_A);
	for (i = 0; i < 512; i++)
		root[i] = vm->s1.ttb | S1_LEAF | S1_TABLE;
	EXPECT_EQ(-ENOSPC, shadow_bind(vm));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, page_gpa(host, PAGE_A)));

	/* Bound before: what there was no room for is not there. */
	memset(root, 0, GUEST_PAGE);
	ASSERT_EQ(0, shadow_bind(vm));
	for (i = 0; i < 512; i++)
		root[i] = vm->s1.ttb | S1_LEAF | S1_TABLE;
	EXPECT_EQ(-ENOSPC, shadow_flush_all(vm));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA));
	memset(root, 0, GUEST_PAGE);
	vm_map(_metadata, vm, IOVA, PAGE_B);
	ASSERT_EQ(0, shadow_flush_all(vm));
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, vm, IOVA));
}

/* Tables without end that hold nothing. */
TEST_F_TIMEOUT(shadow_limits, maze, 120)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	__u64 *root = guest_va(&host->ram, vm->s1.ttb);
	__u64 *middle = guest_alloc(&host->ram, GUEST_PAGE);
	__u64 *last = guest_alloc(&host->ram, GUEST_PAGE);
	unsigned int i;

	ASSERT_NE(NULL, middle);
	ASSERT_NE(NULL, last);
	for (i = 0; i < 512; i++) {
		root[i] = guest_gpa(&host->ram, middle) | S1_VALID | S1_TABLE;
		middle[i] = guest_gpa(&host->ram, last) | S1_VALID | S1_TABLE;
	}
	EXPECT_EQ(-ENOSPC, shadow_bind(vm));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, page_gpa(host, PAGE_A)));
}
