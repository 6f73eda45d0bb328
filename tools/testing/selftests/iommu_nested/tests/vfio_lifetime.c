// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes that end, and files that are closed, in the middle. Afterwards no page
 * is pinned, no table is left, and the device's DMA goes nowhere: not to what it
 * was mapped to, nor to where that is.
 */

enum life {
	LIFE_MAPPED, LIFE_TRANSLATE, LIFE_BYPASS, LIFE_ABORT, LIFE_INTERRUPT,
	LIFE_EVENTS, LIFE_TRANSFER,
	/* Killed at any time in between */
	LIFE_MAPPING, LIFE_BINDING, LIFE_INVALIDATING, LIFE_BINDING_MSI,
	LIFE_OPENING,
};

#define LIFE_PAGES	FREE_GPA
#define LIFE_SIZE	(NUM_PAGES * GUEST_PAGE)
#define LIFE_SCRATCH	(FREE_GPA + MIB(64))

/* What there was before, and the pages that the other process has shared. */
struct before {
	struct host pages;
	long pinned;
	long tables;
	long module_users;
};

/* -1 if it is built in */
static long module_users(void)
{
	FILE *f = fopen("/sys/module/iommu_nested/refcnt", "re");
	long users = -1;

	if (f) {
		if (fscanf(f, "%ld", &users) != 1)
			users = -1;
		fclose(f);
	}
	return users;
}

static void look_before(struct __test_metadata *_metadata, struct before *before)
{
	unsigned int i;
	void *shared;

	memset(before, 0, sizeof(*before));
	shared = mmap(NULL, LIFE_SIZE, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, shared);
	memset(shared, 0, LIFE_SIZE);
	for (i = 0; i < NUM_PAGES; i++)
		before->pages.page[i] = shared + i * GUEST_PAGE;
	before->pinned = pinned_pages(_metadata);
	before->tables = table_pages(_metadata);
	before->module_users = module_users();
}

/* @nth is the device that was in use. */
static void nothing_is_left(struct __test_metadata *_metadata,
			    struct before *before, unsigned int nth)
{
	struct host *pages = &before->pages;
	struct edu edu;
	unsigned int i;

	EXPECT_EQ(before->pinned, pinned_pages(_metadata));
	EXPECT_EQ(before->tables, table_pages(_metadata));
	EXPECT_EQ(before->module_users, module_users());

	/* A transfer that is under way ends with the device enabled. */
	memset(pages->page[0], 0, LIFE_SIZE);
	ASSERT_EQ(0, edu_open_sysfs(&edu, nth));
	for (i = 0; i < LIFE_SIZE / sizeof(__u64); i++)
		ASSERT_EQ(0ULL, pages->page[0][i]);
	EXPECT_EQ(NOWHERE, hits(_metadata, pages, &edu, IOVA));
	EXPECT_EQ(NOWHERE, hits(_metadata, pages, &edu, LIFE_PAGES));
	ASSERT_NE(0ULL, host_address(pages->page[1]));
	EXPECT_EQ(NOWHERE, hits(_metadata, pages, &edu,
				host_address(pages->page[1])));
	edu_close(&edu);
}

/*
 * So many processes, one after the other, that do what @run makes of @life, and are
 * killed once they have written to @ready; when there are many, some time after it.
 */
static void kill_processes(struct __test_metadata *_metadata,
			   struct before *before, unsigned int times,
			   void (*run)(struct __test_metadata *_metadata,
				       struct before *before, int life,
				       int ready),
			   int life)
{
	unsigned int i;
	int status;
	int ready[2];
	pid_t pid;
	char c;

	for (i = 0; i < times && !_metadata->exit_code; i++) {
		ASSERT_EQ(0, pipe2(ready, O_CLOEXEC));
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			close(ready[0]);
			run(_metadata, before, life, ready[1]);
			_exit(KSFT_FAIL);
		}
		close(ready[1]);
		ASSERT_EQ(1, read(ready[0], &c, 1)) {
			TH_LOG("the process did not get there");
		}
		close(ready[0]);
		usleep(times > 2 ? 3700 + i * 5300 : 0);
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_TRUE(WIFSIGNALED(status)) {
			TH_LOG("the process ended by itself");
		}
		ASSERT_EQ(SIGKILL, WTERMSIG(status));
		nothing_is_left(_metadata, before, 0);
	}
}

/*
 * Files are closed one by one in the order of the letters: Device, Group,
 * Container, Events. Then there is nothing left.
 */
static void close_in_order(struct __test_metadata *_metadata,
			   struct before *before, struct host *host,
			   int *events, const char *order)
{
	struct edu *edu = &host->edu[0];
	const char *what;

	munmap(edu->bar, edu->bar_size);
	edu->bar = NULL;
	for (what = order; *what; what++) {
		int *fd = *what == 'D' ? &edu->fd : *what == 'G' ? &edu->group :
			  *what == 'C' ? &host->fd : events;

		close(*fd);
		*fd = -1;
	}
	EXPECT_EQ(0L, locked_kib(_metadata));
	nothing_is_left(_metadata, before, 0);
}

/* The next owner has the device for itself, and nothing of the one before. */
static void next_owner(struct __test_metadata *_metadata, struct before *before)
{
	struct host *pages = &before->pages;
	struct host host;
	struct vm vm;

	if (_metadata->exit_code)
		return;
	nest_up(_metadata, &host, &vm);
	ASSERT_EQ(0, _metadata->exit_code);
	EXPECT_EQ(NOWHERE, hits(_metadata, pages, vm.edu, IOVA));
	EXPECT_EQ(NOWHERE, hits(_metadata, pages, vm.edu, LIFE_PAGES));
	EXPECT_EQ(-ENOENT, vm_unbind(&vm));
	EXPECT_EQ(-ENOENT, unbind_msi(&vm));
	vm_map(_metadata, &vm, IOVA, PAGE_C);
	ASSERT_EQ(0, vm_bind(&vm));
	EXPECT_EQ(PAGE_C, vm_hits(_metadata, &vm, IOVA));
	EXPECT_EQ(NOWHERE, hits(_metadata, pages, vm.edu, IOVA));
	host_down(&host);
}

/* A container with a guest whose data pages are the shared ones. */
static void live(struct __test_metadata *_metadata, struct before *before,
		 struct host *host, struct vm *vm)
{
	nest_up(_metadata, host, vm);
	ASSERT_EQ(0, _metadata->exit_code);
	ASSERT_EQ(0, vfio_map(host->fd, before->pages.page[0], LIFE_SIZE,
			      LIFE_PAGES));
	memcpy(host->page, before->pages.page, sizeof(host->page));
	ASSERT_EQ(0, s1_map(&vm->s1, IOVA, LIFE_PAGES));
}

static void take_state(struct __test_metadata *_metadata, struct host *host,
		       struct vm *vm, enum life life)
{
	int event;

	ASSERT_EQ(PAGE_A, vm_hits(_metadata, vm, LIFE_PAGES));
	switch (life) {
	case LIFE_MAPPED:
		return;
	case LIFE_BYPASS:
		ASSERT_EQ(0, vm_bind_config(vm, VFIO_NESTED_CONFIG_BYPASS));
		ASSERT_EQ(PAGE_A, vm_hits(_metadata, vm, LIFE_PAGES));
		return;
	case LIFE_ABORT:
		ASSERT_EQ(0, vm_bind_config(vm, VFIO_NESTED_CONFIG_ABORT));
		return;
	default:
		break;
	}
	ASSERT_EQ(0, vm_bind(vm));
	ASSERT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
	switch (life) {
	case LIFE_INTERRUPT:
		event = eventfd(0, EFD_CLOEXEC);
		ASSERT_LE(0, event);
		ASSERT_EQ(0, bind_msi(vm, GIOVA, GDB, GUEST_PAGE));
		ASSERT_EQ(0, s1_map(&vm->s1, GIOVA, GDB));
		ASSERT_EQ(0, edu_set_irq(vm->edu, event));
		EXPECT_IRQ(vm->edu, event);
		/* Raised, and not acknowledged */
		edu_raise_irq(vm->edu);
		break;
	case LIFE_EVENTS:
		ASSERT_LE(0, vfio_event_fd(host->fd, EVENT_DEPTH));
		fault_at(_metadata, vm, IOVA + GUEST_PAGE);
		break;
	case LIFE_TRANSFER:
		edu_store_start(vm->edu, IOVA, 0, 8);
		break;
	default:
		break;
	}
}

/* What a process may be killed in. */
static void go_on(struct __test_metadata *_metadata, struct host *host,
		  struct vm *vm, enum life life)
{
	static struct smmu_cmd cmds[1000];
	unsigned int i;
	void *scratch;
	__u32 done;

	scratch = mmap(NULL, MIB(4), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, scratch);
	for (i = 0; i < ARRAY_SIZE(cmds); i++)
		cmds[i] = smmu_tlbi_va(ASID, IOVA + i * GUEST_PAGE);
	for (;;) {
		switch (life) {
		case LIFE_MAPPING:
			ASSERT_EQ(0, vfio_map(host->fd, scratch, MIB(4),
					      LIFE_SCRATCH));
			ASSERT_EQ(0, vfio_unmap(host->fd, LIFE_SCRATCH, MIB(4),
						NULL));
			break;
		case LIFE_BINDING:
			ASSERT_EQ(0, vm_unbind(vm));
			ASSERT_EQ(0, vm_bind(vm));
			break;
		case LIFE_INVALIDATING:
			ASSERT_EQ(0, vm_invalidate_n(vm, cmds, ARRAY_SIZE(cmds),
						     &done));
			break;
		case LIFE_BINDING_MSI:
			ASSERT_EQ(0, bind_msi(vm, GIOVA, GDB, GUEST_PAGE));
			ASSERT_EQ(0, unbind_msi(vm));
			break;
		case LIFE_OPENING:
			host_down(host);
			groups_up(_metadata, host, VFIO_TYPE1_NESTING_IOMMU,
				  0, 1);
			ASSERT_EQ(0, vfio_map(host->fd, scratch, MIB(4),
					      LIFE_SCRATCH));
			ASSERT_EQ(0, vm_bind_config(vm,
						    VFIO_NESTED_CONFIG_BYPASS));
			break;
		default:
			pause();
		}
	}
}

FIXTURE(killed)
{
	struct before before;
};

FIXTURE_VARIANT(killed)
{
	enum life life;
	unsigned int times;
};

FIXTURE_VARIANT_ADD(killed, mapped)
{
	.life = LIFE_MAPPED, .times = 1,
};

FIXTURE_VARIANT_ADD(killed, translate)
{
	.life = LIFE_TRANSLATE, .times = 1,
};

FIXTURE_VARIANT_ADD(killed, bypass)
{
	.life = LIFE_BYPASS, .times = 1,
};

FIXTURE_VARIANT_ADD(killed, abort)
{
	.life = LIFE_ABORT, .times = 1,
};

FIXTURE_VARIANT_ADD(killed, interrupt)
{
	.life = LIFE_INTERRUPT, .times = 1,
};

FIXTURE_VARIANT_ADD(killed, events)
{
	.life = LIFE_EVENTS, .times = 1,
};

FIXTURE_VARIANT_ADD(killed, transfer)
{
	.life = LIFE_TRANSFER, .times = 2,
};

FIXTURE_VARIANT_ADD(killed, mapping)
{
	.life = LIFE_MAPPING, .times = 5,
};

FIXTURE_VARIANT_ADD(killed, binding)
{
	.life = LIFE_BINDING, .times = 5,
};

FIXTURE_VARIANT_ADD(killed, invalidating)
{
	.life = LIFE_INVALIDATING, .times = 5,
};

FIXTURE_VARIANT_ADD(killed, binding_msi)
{
	.life = LIFE_BINDING_MSI, .times = 5,
};

FIXTURE_VARIANT_ADD(killed, opening)
{
	.life = LIFE_OPENING, .times = 5,
};

FIXTURE_SETUP(killed)
{
	struct host host;

	/* Once as it should end: what a first use allocates stays. */
	container_up(_metadata, &host, 1);
	host_down(&host);
	if (_metadata->exit_code)
		return;
	look_before(_metadata, &self->before);
}

FIXTURE_TEARDOWN(killed)
{
}

static void run_until_killed(struct __test_metadata *_metadata,
			     struct before *before, int life, int ready)
{
	struct host host;
	struct vm vm;

	live(_metadata, before, &host, &vm);
	take_state(_metadata, &host, &vm, life);
	ASSERT_EQ(1, write(ready, "r", 1));
	go_on(_metadata, &host, &vm, life);
}

TEST_F(killed, leaves_nothing)
{
	kill_processes(_metadata, &self->before, variant->times,
		       run_until_killed, variant->life);
	next_owner(_metadata, &self->before);
}

/* Everything live, then files are closed. */
FIXTURE(closed)
{
	struct before before;
	struct host host;
	struct vm vm;
	int event;
	int events;
};

FIXTURE_VARIANT(closed)
{
	const char *order;
};

FIXTURE_VARIANT_ADD(closed, device_first)
{
	.order = "DGCE",
};

FIXTURE_VARIANT_ADD(closed, group_first)
{
	.order = "GDCE",
};

FIXTURE_VARIANT_ADD(closed, container_first)
{
	.order = "CGDE",
};

FIXTURE_VARIANT_ADD(closed, events_first)
{
	.order = "ECDG",
};

FIXTURE_SETUP(closed)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;

	container_up(_metadata, host, 1);
	host_down(host);
	if (_metadata->exit_code)
		return;
	look_before(_metadata, &self->before);
	live(_metadata, &self->before, host, vm);
	self->events = vfio_event_fd(host->fd, EVENT_DEPTH);
	ASSERT_LE(0, self->events);
	take_state(_metadata, host, vm, LIFE_TRANSLATE);
	self->event = eventfd(0, EFD_CLOEXEC);
	ASSERT_LE(0, self->event);
	ASSERT_EQ(0, bind_msi(vm, GIOVA, GDB, GUEST_PAGE));
	ASSERT_EQ(0, s1_map(&vm->s1, GIOVA, GDB));
	ASSERT_EQ(0, edu_set_irq(vm->edu, self->event));
	EXPECT_IRQ(vm->edu, self->event);
	fault_at(_metadata, vm, IOVA + GUEST_PAGE);
	EXPECT_LT(self->before.pinned, pinned_pages(_metadata));
	EXPECT_LT(self->before.tables, table_pages(_metadata));
	if (self->before.module_users >= 0)
		EXPECT_LT(self->before.module_users, module_users());
	edu_store_start(vm->edu, IOVA, 0, 8);
}

FIXTURE_TEARDOWN(closed)
{
	host_down(&self->host);
	close(self->event);
}

TEST_F(closed, leaves_nothing)
{
	close_in_order(_metadata, &self->before, &self->host, &self->events,
		       variant->order);
	next_owner(_metadata, &self->before);
}

/* Another process has the files last: what is freed is the mapper's account. */
TEST(accounted_to_who_mapped)
{
	struct host host = { 0 };
	int status;
	int ready[2];
	pid_t pid;
	char c;

	container_up(_metadata, &host, 1);
	if (_metadata->exit_code)
		return;
	ASSERT_EQ((long)(GUEST_SIZE / KIB(1)), locked_kib(_metadata));
	ASSERT_EQ(0, pipe2(ready, O_CLOEXEC));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(ready[1]);
		_exit(read(ready[0], &c, 1) ? KSFT_FAIL : KSFT_PASS);
	}
	edu_close(&host.edu[0]);
	host.num_edu = 0;
	close(host.fd);
	EXPECT_EQ((long)(GUEST_SIZE / KIB(1)), locked_kib(_metadata));
	close(ready[1]);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(KSFT_PASS, WEXITSTATUS(status));
	EXPECT_EQ(0L, locked_kib(_metadata));
}
