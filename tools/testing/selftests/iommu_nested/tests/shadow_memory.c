// SPDX-License-Identifier: GPL-2.0-only
/*
 * Software nesting: the guest's memory comes and goes. What has gone is in no
 * shadow when UNMAP_DMA returns, whether it was data or the guest's tables.
 */

FIXTURE(shadow_memory)
{
	struct host host;
	struct vm vm;
	struct host shared;		/* its pages are at FREE_GPA, too */
};

FIXTURE_SETUP(shadow_memory)
{
	struct host *host = &self->host;
	unsigned char *pages;
	unsigned int i;

	shadow_up(_metadata, host, &self->vm);
	if (_metadata->exit_code)
		return;
	pages = mmap(NULL, NUM_PAGES * GUEST_PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, pages);
	for (i = 0; i < NUM_PAGES; i++)
		self->shared.page[i] = (void *)(pages + i * GUEST_PAGE);
}

FIXTURE_TEARDOWN(shadow_memory)
{
	host_down(&self->host);
}

static int map_shared(struct host *host, struct host *shared)
{
	return vfio_map(host->fd, shared->page[0], NUM_PAGES * GUEST_PAGE,
			FREE_GPA);
}

static int unmap_shared(struct host *host)
{
	return vfio_unmap(host->fd, FREE_GPA, NUM_PAGES * GUEST_PAGE, NULL);
}

TEST_F(shadow_memory, data_goes)
{
	struct host *host = &self->host, *shared = &self->shared;
	struct vm *vm = &self->vm;
	long pinned = pinned_pages(_metadata);

	ASSERT_EQ(0, map_shared(host, shared));
	ASSERT_EQ(0, s1_map(&vm->s1, IOVA, FREE_GPA + GUEST_PAGE));
	vm_map(_metadata, vm, IOVA + GUEST_PAGE, PAGE_C);
	ASSERT_EQ(0, shadow_bind(vm));
	EXPECT_EQ(PAGE_B, hits(_metadata, shared, vm->edu, IOVA));
	EXPECT_EQ(PAGE_C, vm_hits(_metadata, vm, IOVA + GUEST_PAGE));

	ASSERT_EQ(0, unmap_shared(host));
	EXPECT_EQ(pinned, pinned_pages(_metadata));
	EXPECT_EQ(NOWHERE, hits(_metadata, shared, vm->edu, IOVA));
	EXPECT_EQ(PAGE_C, vm_hits(_metadata, vm, IOVA + GUEST_PAGE));
	ASSERT_EQ(0, shadow_flush_all(vm));
	EXPECT_EQ(NOWHERE, hits(_metadata, shared, vm->edu, IOVA));

	/* It comes back, elsewhere in the process; nobody has to say so. */
	ASSERT_EQ(0, vfio_map(host->fd, host->page[3], GUEST_PAGE,
			      FREE_GPA + GUEST_PAGE));
	EXPECT_EQ(PAGE_D, vm_hits(_metadata, vm, IOVA));
}

/* The table is gone with the memory, and what it led to is still there. */
TEST_F(shadow_memory, tables_go)
{
	struct host *host = &self->host, *shared = &self->shared;
	struct vm *vm = &self->vm;

	ASSERT_EQ(0, map_shared(host, shared));
	ASSERT_EQ(0, s1_map(&vm->s1, IOVA, FREE_GPA));
	ASSERT_EQ(0, shadow_bind(vm));
	EXPECT_EQ(PAGE_A, hits(_metadata, shared, vm->edu, IOVA));

	ASSERT_EQ(0, vfio_unmap(host->fd, GUEST_GPA, GUEST_SIZE, NULL));
	EXPECT_EQ(NOWHERE, hits(_metadata, shared, vm->edu, IOVA));
	ASSERT_EQ(0, shadow_flush_all(vm));
	EXPECT_EQ(NOWHERE, hits(_metadata, shared, vm->edu, IOVA));
	EXPECT_EQ(NOWHERE, hits(_metadata, shared, vm->edu, FREE_GPA));

	ASSERT_EQ(0, vfio_map(host->fd, host->ram.ram, GUEST_SIZE, GUEST_GPA));
	EXPECT_EQ(PAGE_A, hits(_metadata, shared, vm->edu, IOVA));
	ASSERT_EQ(0, vfio_unmap_flags(host->fd, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL,
				      NULL));
	EXPECT_EQ(NOWHERE, hits(_metadata, shared, vm->edu, IOVA));
}

/* Only the last table of the way is gone, with the data in place. */
TEST_F(shadow_memory, one_table_goes)
{
	struct host *host = &self->host, *shared = &self->shared;
	struct vm *vm = &self->vm;
	__u64 *entry;

	/* The shared page D is the last table. */
	ASSERT_EQ(0, map_shared(host, shared));
	vm_map(_metadata, vm, IOVA + MIB(2), PAGE_B);
	entry = s1_entry(&vm->s1, IOVA, 2, true);
	ASSERT_NE(NULL, entry);
	*entry = (FREE_GPA + 3 * GUEST_PAGE) | S1_VALID | S1_TABLE;
	memset(shared->page[3], 0, GUEST_PAGE);
	shared->page[3][IOVA >> 12 & 511] = page_gpa(host, PAGE_A) | S1_LEAF |
					    S1_TABLE;
	ASSERT_EQ(0, shadow_bind(vm));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, vm, IOVA + MIB(2)));
	ASSERT_EQ(0, unmap_shared(host));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm, IOVA));
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, vm, IOVA + MIB(2)));
	ASSERT_EQ(0, map_shared(host, shared));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
}

/* What is not to be written in the container is not by way of a shadow. */
TEST_F(shadow_memory, access_of_the_container)
{
	struct host *host = &self->host, *shared = &self->shared;
	struct vm *vm = &self->vm;

	ASSERT_EQ(0, vfio_map_flags(host->fd, shared->page[0],
				    NUM_PAGES * GUEST_PAGE, FREE_GPA,
				    VFIO_DMA_MAP_FLAG_READ));
	ASSERT_EQ(0, s1_map(&vm->s1, IOVA, FREE_GPA));
	ASSERT_EQ(0, shadow_bind(vm));
	EXPECT_EQ(NOWHERE, hits(_metadata, shared, vm->edu, IOVA));
}

/* A block over memory of two mappings with a hole between them. */
TEST_F(shadow_memory, block_over_a_hole)
{
	struct host *host = &self->host, *shared = &self->shared;
	struct vm *vm = &self->vm;
	unsigned int i;
	__u64 *entry;

	entry = s1_entry(&vm->s1, BLOCK_IOVA, 2, true);
	ASSERT_NE(NULL, entry);
	*entry = FREE_GPA | S1_LEAF;
	ASSERT_EQ(0, vfio_map(host->fd, shared->page[0], GUEST_PAGE, FREE_GPA));
	ASSERT_EQ(0, vfio_map(host->fd, shared->page[3], GUEST_PAGE,
			      FREE_GPA + 3 * GUEST_PAGE));
	ASSERT_EQ(0, shadow_bind(vm));
	for (i = 0; i < NUM_PAGES; i++)
		EXPECT_EQ(i == 0 || i == 3 ? BIT(i) : NOWHERE,
			  hits(_metadata, shared, vm->edu,
			       BLOCK_IOVA + i * GUEST_PAGE));
	ASSERT_EQ(0, vfio_unmap(host->fd, FREE_GPA, GUEST_PAGE, NULL));
	ASSERT_EQ(0, vfio_map(host->fd, shared->page[1], GUEST_PAGE,
			      FREE_GPA + GUEST_PAGE));
	for (i = 0; i < NUM_PAGES; i++)
		EXPECT_EQ(i == 1 || i == 3 ? BIT(i) : NOWHERE,
			  hits(_metadata, shared, vm->edu,
			       BLOCK_IOVA + i * GUEST_PAGE));
}

/* The host's window stays the host's in a block that has it inside. */
TEST_F(shadow_memory, block_over_the_window)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	__u64 window = MSI_WINDOW & ~(MIB(2) - 1);

	ASSERT_EQ(0, s1_map_at(&vm->s1, window, GUEST_GPA, 2, S1_LEAF));
	ASSERT_EQ(0, shadow_bind(vm));
	EXPECT_EQ(NOWHERE, vm_hits(_metadata, vm,
				   window + in_block(host, PAGE_A)));
	ASSERT_EQ(0, s1_map_at(&vm->s1, window, GUEST_GPA - MIB(1), 2, S1_LEAF));
	ASSERT_EQ(0, s1_map_at(&vm->s1, window - MIB(2), GUEST_GPA, 2, S1_LEAF));
	ASSERT_EQ(0, shadow_flush_all(vm));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm,
				  window - MIB(2) + in_block(host, PAGE_A)));
}

/* The guest's tables change while the host's memory does. */
static void *shake_tables(void *arg)
{
	struct vm *vm = arg;
	unsigned int i;

	for (i = 0; i < 100; i++) {
		s1_map(&vm->s1, IOVA + (i % 16) * GUEST_PAGE,
		       FREE_GPA + (i % NUM_PAGES) * GUEST_PAGE);
		if (shadow_flush(vm, IOVA, 16))
			return (void *)1;
	}
	return NULL;
}

TEST_F(shadow_memory, at_the_same_time)
{
	struct host *host = &self->host, *shared = &self->shared;
	struct vm *vm = &self->vm;
	pthread_t thread;
	unsigned int i;
	void *result;

	for (i = 0; i < 16; i++)
		ASSERT_NE(NULL, s1_entry(&vm->s1, IOVA + i * GUEST_PAGE,
					 S1_LAST_LEVEL, true));
	ASSERT_EQ(0, shadow_bind(vm));
	ASSERT_EQ(0, pthread_create(&thread, NULL, shake_tables, vm));
	for (i = 0; i < 30; i++) {
		ASSERT_EQ(0, map_shared(host, shared));
		ASSERT_EQ(0, unmap_shared(host));
		EXPECT_EQ(NOWHERE, hits(_metadata, shared, vm->edu,
					IOVA + (i % 16) * GUEST_PAGE));
	}
	ASSERT_EQ(0, pthread_join(thread, &result));
	EXPECT_EQ(NULL, result);
}
