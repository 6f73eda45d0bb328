// SPDX-License-Identifier: GPL-2.0-only
/* Software nesting: processes that end, and files that are closed. */

enum shadow_life {
	SHADOW_BOUND, SHADOW_BLOCKED, SHADOW_EVENTS, SHADOW_INTERRUPT,
	SHADOW_TRANSFER,
	/* Killed at any time in between */
	SHADOW_BINDING, SHADOW_INVALIDATING, SHADOW_MAPPING, SHADOW_IN_A_MAZE,
};

FIXTURE(shadow_killed)
{
	struct before before;
};

FIXTURE_VARIANT(shadow_killed)
{
	enum shadow_life life;
	unsigned int times;
};

FIXTURE_VARIANT_ADD(shadow_killed, bound)
{
	.life = SHADOW_BOUND, .times = 1,
};

FIXTURE_VARIANT_ADD(shadow_killed, blocked)
{
	.life = SHADOW_BLOCKED, .times = 1,
};

FIXTURE_VARIANT_ADD(shadow_killed, events)
{
	.life = SHADOW_EVENTS, .times = 1,
};

FIXTURE_VARIANT_ADD(shadow_killed, interrupt)
{
	.life = SHADOW_INTERRUPT, .times = 1,
};

FIXTURE_VARIANT_ADD(shadow_killed, transfer)
{
	.life = SHADOW_TRANSFER, .times = 2,
};

FIXTURE_VARIANT_ADD(shadow_killed, binding)
{
	.life = SHADOW_BINDING, .times = 5,
};

FIXTURE_VARIANT_ADD(shadow_killed, invalidating)
{
	.life = SHADOW_INVALIDATING, .times = 5,
};

FIXTURE_VARIANT_ADD(shadow_killed, mapping)
{
	.life = SHADOW_MAPPING, .times = 5,
};

FIXTURE_VARIANT_ADD(shadow_killed, in_a_maze)
{
	.life = SHADOW_IN_A_MAZE, .times = 5,
};

FIXTURE_SETUP(shadow_killed)
{
	struct host host;
	struct vm vm;

	/* Once as it should end: what a first use allocates stays. */
	shadow_up(_metadata, &host, &vm);
	host_down(&host);
	if (_metadata->exit_code)
		return;
	look_before(_metadata, &self->before);
}

FIXTURE_TEARDOWN(shadow_killed)
{
}

/* A bound guest whose data pages are the shared ones. */
static void shadow_live(struct __test_metadata *_metadata,
			struct before *before, struct host *host, struct vm *vm)
{
	shadow_up(_metadata, host, vm);
	ASSERT_EQ(0, _metadata->exit_code);
	ASSERT_EQ(0, vfio_map(host->fd, before->pages.page[0], LIFE_SIZE,
			      LIFE_PAGES));
	memcpy(host->page, before->pages.page, sizeof(host->page));
	ASSERT_EQ(0, s1_map(&vm->s1, IOVA, LIFE_PAGES));
	ASSERT_EQ(0, shadow_bind(vm));
	ASSERT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
}

static void shadow_state(struct __test_metadata *_metadata, struct vm *vm,
			 enum shadow_life life)
{
	struct vfio_nested_bind_guest_pgtbl block = no_pgtbl(vm);
	struct host *host = vm->host;
	__u64 *tables[3];
	unsigned int i;
	int event;

	switch (life) {
	case SHADOW_BLOCKED:
		block.flags |= VFIO_NESTED_PGTBL_REPLACE;
		ASSERT_EQ(0, vfio_bind_pgtbl(host->fd, &block));
		break;
	case SHADOW_EVENTS:
		ASSERT_LE(0, vfio_event_fd(host->fd, EVENT_DEPTH));
		fault_at(_metadata, vm, IOVA + GUEST_PAGE);
		break;
	case SHADOW_INTERRUPT:
		event = eventfd(0, EFD_CLOEXEC);
		ASSERT_LE(0, event);
		ASSERT_EQ(0, edu_set_irq(vm->edu, event));
		EXPECT_IRQ(vm->edu, event);
		edu_raise_irq(vm->edu);
		break;
	case SHADOW_TRANSFER:
		edu_store_start(vm->edu, IOVA, 0, 8);
		break;
	case SHADOW_IN_A_MAZE:
		tables[0] = guest_va(&host->ram, vm->s1.ttb);
		tables[1] = guest_alloc(&host->ram, GUEST_PAGE);
		tables[2] = guest_alloc(&host->ram, GUEST_PAGE);
		ASSERT_NE(NULL, tables[1]);
		ASSERT_NE(NULL, tables[2]);
		for (i = 0; i < 1024; i++)
			tables[i / 512][i % 512] =
				guest_gpa(&host->ram, tables[i / 512 + 1]) |
				S1_VALID | S1_TABLE;
		break;
	default:
		break;
	}
}

static void shadow_go_on(struct __test_metadata *_metadata, struct vm *vm,
			 enum shadow_life life)
{
	struct host *host = vm->host;

	for (;;) {
		switch (life) {
		case SHADOW_BINDING:
			ASSERT_EQ(0, shadow_unbind(vm));
			ASSERT_EQ(0, shadow_bind(vm));
			break;
		case SHADOW_INVALIDATING:
			s1_unmap(&vm->s1, IOVA);
			ASSERT_EQ(0, shadow_flush(vm, IOVA, 1));
			ASSERT_EQ(0, s1_map(&vm->s1, IOVA, LIFE_PAGES));
			ASSERT_EQ(0, shadow_flush_all(vm));
			break;
		case SHADOW_MAPPING:
			ASSERT_EQ(0, vfio_unmap(host->fd, LIFE_PAGES, LIFE_SIZE,
						NULL));
			ASSERT_EQ(0, vfio_map(host->fd, host->page[0],
					      LIFE_SIZE, LIFE_PAGES));
			break;
		case SHADOW_IN_A_MAZE:
			ASSERT_EQ(-ENOSPC, shadow_flush_all(vm));
			break;
		default:
			pause();
		}
	}
}

static void shadow_until_killed(struct __test_metadata *_metadata,
				struct before *before, int life, int ready)
{
	struct host host;
	struct vm vm;

	shadow_live(_metadata, before, &host, &vm);
	shadow_state(_metadata, &vm, life);
	ASSERT_EQ(1, write(ready, "r", 1));
	shadow_go_on(_metadata, &vm, life);
}

static void next_shadow(struct __test_metadata *_metadata, struct before *before)
{
	struct host host;
	struct vm vm;

	if (_metadata->exit_code)
		return;
	shadow_up(_metadata, &host, &vm);
	ASSERT_EQ(0, _metadata->exit_code);
	EXPECT_EQ(NOWHERE, hits(_metadata, &before->pages, vm.edu, IOVA));
	EXPECT_EQ(NOWHERE, hits(_metadata, &before->pages, vm.edu, LIFE_PAGES));
	EXPECT_EQ(-ENOENT, shadow_unbind(&vm));
	vm_map(_metadata, &vm, IOVA, PAGE_C);
	ASSERT_EQ(0, shadow_bind(&vm));
	EXPECT_EQ(PAGE_C, vm_hits(_metadata, &vm, IOVA));
	host_down(&host);
}

TEST_F(shadow_killed, leaves_nothing)
{
	kill_processes(_metadata, &self->before, variant->times,
		       shadow_until_killed, variant->life);
	next_shadow(_metadata, &self->before);
}

FIXTURE(shadow_closed)
{
	struct before before;
	struct host host;
	struct vm vm;
};

FIXTURE_VARIANT(shadow_closed)
{
	const char *order;
};

FIXTURE_VARIANT_ADD(shadow_closed, device_first)
{
	.order = "DGC",
};

FIXTURE_VARIANT_ADD(shadow_closed, group_first)
{
	.order = "GDC",
};

FIXTURE_VARIANT_ADD(shadow_closed, container_first)
{
	.order = "CDG",
};

FIXTURE_SETUP(shadow_closed)
{
	shadow_up(_metadata, &self->host, &self->vm);
	host_down(&self->host);
	if (_metadata->exit_code)
		return;
	look_before(_metadata, &self->before);
	shadow_live(_metadata, &self->before, &self->host, &self->vm);
	EXPECT_LT(self->before.pinned, pinned_pages(_metadata));
	EXPECT_LT(self->before.tables, table_pages(_metadata));
	edu_store_start(self->vm.edu, IOVA, 0, 8);
}

FIXTURE_TEARDOWN(shadow_closed)
{
	host_down(&self->host);
}

TEST_F(shadow_closed, leaves_nothing)
{
	close_in_order(_metadata, &self->before, &self->host, NULL,
		       variant->order);
	next_shadow(_metadata, &self->before);
}

/* The same over and over: nothing grows. */
TEST(shadow_again_and_again)
{
	struct host host = { 0 };
	struct vm vm;
	unsigned int i;
	long tables = 0;

	shadow_up(_metadata, &host, &vm);
	if (_metadata->exit_code)
		return;
	vm_map(_metadata, &vm, IOVA, PAGE_A);
	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, shadow_bind(&vm));
		ASSERT_EQ(0, shadow_rebind(&vm));
		ASSERT_EQ(0, shadow_unbind(&vm));
		if (i == 5)
			tables = table_pages(_metadata);
	}
	EXPECT_EQ(tables, table_pages(_metadata));
	ASSERT_EQ(0, shadow_bind(&vm));
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, &vm, IOVA));
	host_down(&host);
}
