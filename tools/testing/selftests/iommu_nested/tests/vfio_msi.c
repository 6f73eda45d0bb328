// SPDX-License-Identifier: GPL-2.0-only
/*
 * BIND_MSI: the device's interrupt goes from the guest's IOVA to the guest's
 * doorbell to the host's, and the host's window is in no table of the guest's.
 */

#define GIOVA			0x7ffff0000ULL
#define GDB			0x08090000ULL	/* in the host's window, which is none of GPAs */
#define OTHER_GDB		0x60000000ULL
#define DOORBELL_REGISTER	0x40		/* GITS_TRANSLATER in its page */

FIXTURE(vmsi)
{
	struct host host;
	struct vm vm;
	int event;
};

/* Bound, with nothing in stage 1. */
FIXTURE_SETUP(vmsi)
{
	self->event = -1;
	nest_up(_metadata, &self->host, &self->vm);
	if (_metadata->exit_code)
		return;
	self->event = eventfd(0, EFD_CLOEXEC);
	ASSERT_LE(0, self->event);
	ASSERT_EQ(0, vm_bind(&self->vm));
}

FIXTURE_TEARDOWN(vmsi)
{
	if (self->event >= 0)
		close(self->event);
	host_down(&self->host);
}

static int bind_msi(struct vm *vm, __u64 giova, __u64 gdb, __u64 size)
{
	return vfio_bind_msi(vm->host->fd, group_of(vm->edu), giova, gdb, size);
}

static int unbind_msi(struct vm *vm)
{
	return vfio_unbind_msi(vm->host->fd, group_of(vm->edu));
}

/* As a VMM does it: bind, the guest maps, the interrupt is set up. */
TEST_F(vmsi, through_both_stages)
{
	struct vm *vm = &self->vm;
	__u64 address;
	int i;

	ASSERT_EQ(0, bind_msi(vm, GIOVA, GDB, GUEST_PAGE));
	ASSERT_EQ(0, s1_map(&vm->s1, GIOVA, GDB));
	ASSERT_EQ(0, edu_set_irq(vm->edu, self->event));
	ASSERT_EQ(0, pci_msi_address(vm->edu->bdf, &address));
	EXPECT_EQ(GIOVA + DOORBELL_REGISTER, address);
	for (i = 0; i < 3; i++)
		EXPECT_IRQ(vm->edu, self->event);
}

/* The same, and the doorbell is no address of the host's at all. */
TEST_F(vmsi, doorbell_outside_of_the_hosts_window)
{
	struct vm *vm = &self->vm;

	ASSERT_EQ(0, bind_msi(vm, GIOVA, OTHER_GDB, GUEST_PAGE));
	ASSERT_EQ(0, s1_map(&vm->s1, GIOVA, OTHER_GDB));
	ASSERT_EQ(0, edu_set_irq(vm->edu, self->event));
	EXPECT_IRQ(vm->edu, self->event);
	EXPECT_IRQ(vm->edu, self->event);
}

/* Without the guest's mapping there is a fault where the message was to go. */
TEST_F(vmsi, stage_1_decides)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	struct vfio_nested_event event;
	int events;

	events = vfio_event_fd(host->fd, 16);
	ASSERT_LE(0, events);
	ASSERT_EQ(0, bind_msi(vm, GIOVA, GDB, GUEST_PAGE));
	ASSERT_EQ(0, edu_set_irq(vm->edu, self->event));
	EXPECT_NO_IRQ(vm->edu, self->event);
	ASSERT_EQ((ssize_t)sizeof(event), read(events, &event, sizeof(event)));
	EXPECT_EQ((__u32)VFIO_NESTED_EVENT_TRANSLATION, event.reason);
	EXPECT_EQ(GIOVA + DOORBELL_REGISTER, event.addr);
	EXPECT_TRUE(!!(event.flags & VFIO_NESTED_EVENT_WRITE));
	EXPECT_EQ((__u64)VSID, event.device_id);

	/* Another page, and what the host has at the doorbell's own address */
	ASSERT_EQ(0, s1_map(&vm->s1, GIOVA + GUEST_PAGE, GDB));
	ASSERT_EQ(0, s1_map(&vm->s1, MSI_WINDOW, MSI_WINDOW));
	EXPECT_NO_IRQ(vm->edu, self->event);
	/* A page of the guest's memory instead of the doorbell */
	vm_map(_metadata, vm, GIOVA, PAGE_A);
	EXPECT_NO_IRQ(vm->edu, self->event);
	/* A doorbell that is none */
	ASSERT_EQ(0, s1_map(&vm->s1, GIOVA, OTHER_GDB));
	vm_invalidate(_metadata, vm, smmu_tlbi_va(ASID, GIOVA));
	EXPECT_NO_IRQ(vm->edu, self->event);

	ASSERT_EQ(0, s1_map(&vm->s1, GIOVA, GDB));
	vm_invalidate(_metadata, vm, smmu_tlbi_va(ASID, GIOVA));
	EXPECT_IRQ(vm->edu, self->event);
	s1_unmap(&vm->s1, GIOVA);
	vm_invalidate(_metadata, vm, smmu_tlbi_va(ASID, GIOVA));
	EXPECT_NO_IRQ(vm->edu, self->event);
	close(events);
}

/* What the guest's memory gets when its stage 1 leads the message there. */
TEST_F(vmsi, message_to_memory)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	__u32 *at = (void *)host->page[0] + DOORBELL_REGISTER;

	ASSERT_EQ(0, bind_msi(vm, GIOVA, GDB, GUEST_PAGE));
	vm_map(_metadata, vm, GIOVA, PAGE_A);
	ASSERT_EQ(0, edu_set_irq(vm->edu, self->event));
	*at = 0xdeadbeef;
	EXPECT_NO_IRQ(vm->edu, self->event);
	EXPECT_NE(0xdeadbeef, *at);
}

/* Nothing bound: the host's window is used, and stage 1 has it or has not. */
TEST_F(vmsi, without_bind)
{
	struct vm *vm = &self->vm;
	__u64 address;

	ASSERT_EQ(0, edu_set_irq(vm->edu, self->event));
	ASSERT_EQ(0, pci_msi_address(vm->edu->bdf, &address));
	EXPECT_TRUE(address >= MSI_WINDOW && address <= MSI_WINDOW_END);
	EXPECT_NO_IRQ(vm->edu, self->event);
	ASSERT_EQ(0, s1_map(&vm->s1, address & ~(GUEST_PAGE - 1),
			    address & ~(GUEST_PAGE - 1)));
	EXPECT_IRQ(vm->edu, self->event);
	/* So it is with the second stage alone. */
	ASSERT_EQ(0, vm_unbind(vm));
	EXPECT_IRQ(vm->edu, self->event);
}

/* The other states: abort stops a message, too; in bypass its IOVA is a GPA. */
TEST_F(vmsi, without_translation)
{
	struct vm *vm = &self->vm;

	ASSERT_EQ(0, bind_msi(vm, OTHER_GDB, OTHER_GDB, GUEST_PAGE));
	ASSERT_EQ(0, edu_set_irq(vm->edu, self->event));
	EXPECT_NO_IRQ(vm->edu, self->event);
	ASSERT_EQ(0, vm_replace_config(vm, VFIO_NESTED_CONFIG_BYPASS));
	EXPECT_IRQ(vm->edu, self->event);
	ASSERT_EQ(0, vm_replace_config(vm, VFIO_NESTED_CONFIG_ABORT));
	EXPECT_NO_IRQ(vm->edu, self->event);
	ASSERT_EQ(0, vm_unbind(vm));
	EXPECT_IRQ(vm->edu, self->event);
}

/* Neither end may change under an interrupt that is set up. */
TEST_F(vmsi, busy)
{
	struct vm *vm = &self->vm;

	ASSERT_EQ(0, edu_set_irq(vm->edu, self->event));
	EXPECT_EQ(-EBUSY, bind_msi(vm, GIOVA, GDB, GUEST_PAGE));
	EXPECT_EQ(-ENOENT, unbind_msi(vm));
	ASSERT_EQ(0, edu_set_irq(vm->edu, -1));
	ASSERT_EQ(0, bind_msi(vm, GIOVA, GDB, GUEST_PAGE));
	EXPECT_EQ(-EBUSY, bind_msi(vm, GIOVA, GDB, GUEST_PAGE));
	EXPECT_EQ(-EBUSY, bind_msi(vm, GIOVA + MIB(1), OTHER_GDB, GUEST_PAGE));
	ASSERT_EQ(0, s1_map(&vm->s1, GIOVA, GDB));
	ASSERT_EQ(0, edu_set_irq(vm->edu, self->event));
	EXPECT_EQ(-EBUSY, unbind_msi(vm));
	EXPECT_EQ(-EBUSY, vfio_unbind_msi(self->host.fd, ALL_GROUPS));
	EXPECT_IRQ(vm->edu, self->event);
	ASSERT_EQ(0, edu_set_irq(vm->edu, -1));
	EXPECT_EQ(0, unbind_msi(vm));
	EXPECT_EQ(-ENOENT, unbind_msi(vm));
}

/* From the host's window to a guest's to another and back. */
TEST_F(vmsi, rebind)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	__u64 address;

	ASSERT_EQ(0, edu_set_irq(vm->edu, self->event));
	ASSERT_EQ(0, edu_set_irq(vm->edu, -1));
	ASSERT_EQ(0, bind_msi(vm, GIOVA, OTHER_GDB, GUEST_PAGE));
	ASSERT_EQ(0, s1_map(&vm->s1, GIOVA, OTHER_GDB));
	ASSERT_EQ(0, edu_set_irq(vm->edu, self->event));
	EXPECT_IRQ(vm->edu, self->event);
	ASSERT_EQ(0, edu_set_irq(vm->edu, -1));
	ASSERT_EQ(0, unbind_msi(vm));

	/* The doorbell is gone from there: memory can come. */
	ASSERT_EQ(0, map_page(host, PAGE_D, OTHER_GDB));
	EXPECT_EQ(PAGE_D, vm_hits(_metadata, vm, GIOVA));
	ASSERT_EQ(0, vfio_unmap(host->fd, OTHER_GDB, GUEST_PAGE, NULL));

	ASSERT_EQ(0, bind_msi(vm, GIOVA + MIB(2), GDB, GUEST_PAGE));
	ASSERT_EQ(0, s1_map(&vm->s1, GIOVA + MIB(2), GDB));
	ASSERT_EQ(0, edu_set_irq(vm->edu, self->event));
	ASSERT_EQ(0, pci_msi_address(vm->edu->bdf, &address));
	EXPECT_EQ(GIOVA + MIB(2) + DOORBELL_REGISTER, address);
	EXPECT_IRQ(vm->edu, self->event);
	ASSERT_EQ(0, edu_set_irq(vm->edu, -1));
	ASSERT_EQ(0, unbind_msi(vm));

	ASSERT_EQ(0, edu_set_irq(vm->edu, self->event));
	ASSERT_EQ(0, pci_msi_address(vm->edu->bdf, &address));
	EXPECT_TRUE(address >= MSI_WINDOW && address <= MSI_WINDOW_END);
	ASSERT_EQ(0, vm_unbind(vm));
	EXPECT_IRQ(vm->edu, self->event);
}

/* An interrupt that is taken down leaves the doorbell for the next one. */
TEST_F(vmsi, set_up_again)
{
	struct vm *vm = &self->vm;
	int i;

	ASSERT_EQ(0, bind_msi(vm, GIOVA, GDB, GUEST_PAGE));
	ASSERT_EQ(0, s1_map(&vm->s1, GIOVA, GDB));
	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, edu_set_irq(vm->edu, self->event));
		EXPECT_IRQ(vm->edu, self->event);
		ASSERT_EQ(0, edu_set_irq(vm->edu, -1));
	}
}

/* Stage 1 comes after the interrupt, goes, and comes back under it. */
TEST_F(vmsi, table_changes_under_an_interrupt)
{
	struct vm *vm = &self->vm;

	ASSERT_EQ(0, vm_unbind(vm));
	ASSERT_EQ(0, bind_msi(vm, GIOVA, GDB, GUEST_PAGE));
	ASSERT_EQ(0, edu_set_irq(vm->edu, self->event));
	/* The IOVA is a GPA now, and there is nothing. */
	EXPECT_NO_IRQ(vm->edu, self->event);
	ASSERT_EQ(0, s1_map(&vm->s1, GIOVA, GDB));
	ASSERT_EQ(0, vm_bind(vm));
	EXPECT_IRQ(vm->edu, self->event);
	ASSERT_EQ(0, vm_unbind(vm));
	EXPECT_NO_IRQ(vm->edu, self->event);
	ASSERT_EQ(0, vm_bind(vm));
	EXPECT_IRQ(vm->edu, self->event);
}

/* A window for several doorbells: the first page has the first. */
TEST_F(vmsi, window_of_several_pages)
{
	const struct vfio_nested_info_cap *cap;
	struct vm *vm = &self->vm;
	union info info;
	__u64 address;

	cap = info_get(_metadata, self->host.fd, &info, VFIO_NESTED_INFO_CAP);
	EXPECT_EQ(-EINVAL, bind_msi(vm, GIOVA, OTHER_GDB,
				    cap->msi_size + GUEST_PAGE));
	ASSERT_EQ(0, bind_msi(vm, GIOVA, OTHER_GDB, cap->msi_size));
	ASSERT_EQ(0, s1_map(&vm->s1, GIOVA, OTHER_GDB));
	ASSERT_EQ(0, edu_set_irq(vm->edu, self->event));
	ASSERT_EQ(0, pci_msi_address(vm->edu->bdf, &address));
	EXPECT_EQ(GIOVA + DOORBELL_REGISTER, address);
	EXPECT_IRQ(vm->edu, self->event);
	/* All of it is taken. */
	EXPECT_EQ(-EEXIST, map_page(&self->host, PAGE_A,
				    OTHER_GDB + cap->msi_size - GUEST_PAGE));
	EXPECT_EQ(0, map_page(&self->host, PAGE_A, OTHER_GDB + cap->msi_size));
	EXPECT_EQ(0, map_page(&self->host, PAGE_A, OTHER_GDB - GUEST_PAGE));
}

TEST_F(vmsi, overlap_with_memory)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	__u64 unmapped;

	EXPECT_EQ(-EEXIST, bind_msi(vm, GIOVA, GUEST_GPA, GUEST_PAGE));
	EXPECT_EQ(-EEXIST, bind_msi(vm, GIOVA, GUEST_GPA - GUEST_PAGE,
				    2 * GUEST_PAGE));
	EXPECT_EQ(-EEXIST, bind_msi(vm, GIOVA, GUEST_GPA + GUEST_SIZE -
				    GUEST_PAGE, 2 * GUEST_PAGE));
	ASSERT_EQ(0, bind_msi(vm, GIOVA, GUEST_GPA + GUEST_SIZE, GUEST_PAGE));
	EXPECT_EQ(-EEXIST, map_page(host, PAGE_A, GUEST_GPA + GUEST_SIZE));
	EXPECT_EQ(-EEXIST, vfio_map(host->fd, host->ram.ram, MIB(1),
				    GUEST_GPA + GUEST_SIZE));
	/* Unmapping all memory leaves the doorbell. */
	ASSERT_EQ(0, s1_map(&vm->s1, GIOVA, GUEST_GPA + GUEST_SIZE));
	ASSERT_EQ(0, edu_set_irq(vm->edu, self->event));
	ASSERT_EQ(0, vfio_unmap_flags(host->fd, 0, 0, VFIO_DMA_UNMAP_FLAG_ALL,
				      &unmapped));
	EXPECT_EQ(GUEST_SIZE, unmapped);
	ASSERT_EQ(0, vfio_unmap(host->fd, GUEST_GPA + GUEST_SIZE, GUEST_PAGE,
				&unmapped));
	EXPECT_EQ(0ULL, unmapped);
	ASSERT_EQ(0, vfio_map(host->fd, host->ram.ram, GUEST_SIZE, GUEST_GPA));
	EXPECT_IRQ(vm->edu, self->event);

	ASSERT_EQ(0, edu_set_irq(vm->edu, -1));
	ASSERT_EQ(0, unbind_msi(vm));
	EXPECT_EQ(0, map_page(host, PAGE_A, GUEST_GPA + GUEST_SIZE));
}

TEST_F(vmsi, refusals)
{
	const struct vfio_nested_info_cap *cap;
	struct vm *vm = &self->vm;
	union info info;

	cap = info_get(_metadata, self->host.fd, &info, VFIO_NESTED_INFO_CAP);
	EXPECT_EQ(-EINVAL, bind_msi(vm, 0, GDB, GUEST_PAGE));
	EXPECT_EQ(-EINVAL, bind_msi(vm, GIOVA, GDB, 0));
	EXPECT_EQ(-EINVAL, bind_msi(vm, GIOVA, GDB, GUEST_PAGE / 2));
	EXPECT_EQ(-EINVAL, bind_msi(vm, GIOVA + 8, GDB, GUEST_PAGE));
	EXPECT_EQ(-EINVAL, bind_msi(vm, GIOVA, GDB + 8, GUEST_PAGE));
	EXPECT_EQ(-EINVAL, bind_msi(vm, GIOVA, GDB, 1ULL << 63));
	EXPECT_EQ(-EINVAL, bind_msi(vm, -GUEST_PAGE, GDB, 2 * GUEST_PAGE));
	EXPECT_EQ(-EINVAL, bind_msi(vm, GIOVA, -GUEST_PAGE, 2 * GUEST_PAGE));
	EXPECT_EQ(-ERANGE, bind_msi(vm, 1ULL << cap->input_bits, GDB, GUEST_PAGE));
	EXPECT_EQ(-ERANGE, bind_msi(vm, -GUEST_PAGE, GDB, GUEST_PAGE));
	EXPECT_EQ(-ERANGE, bind_msi(vm, GIOVA, 1ULL << cap->output_bits,
				    GUEST_PAGE));
	EXPECT_EQ(-ERANGE, bind_msi(vm, GIOVA, -GUEST_PAGE, GUEST_PAGE));
	EXPECT_EQ(-ENOENT, unbind_msi(vm));
	EXPECT_EQ(0, bind_msi(vm, (1ULL << cap->input_bits) - GUEST_PAGE,
			      (1ULL << cap->output_bits) - GUEST_PAGE,
			      GUEST_PAGE));
}

/* The highest addresses work, too. */
TEST_F(vmsi, highest_addresses)
{
	const struct vfio_nested_info_cap *cap;
	struct vm *vm = &self->vm;
	const __u64 giova = (1ULL << S1_VA_BITS) - GUEST_PAGE;
	union info info;
	__u64 gdb;

	cap = info_get(_metadata, self->host.fd, &info, VFIO_NESTED_INFO_CAP);
	gdb = (1ULL << cap->output_bits) - GUEST_PAGE;
	ASSERT_EQ(0, bind_msi(vm, giova, gdb, GUEST_PAGE));
	ASSERT_EQ(0, s1_map(&vm->s1, giova, gdb));
	ASSERT_EQ(0, edu_set_irq(vm->edu, self->event));
	EXPECT_IRQ(vm->edu, self->event);
}

/* A group that leaves takes its binding with it. */
TEST_F(vmsi, undone_with_the_group)
{
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	struct edu *edu = vm->edu;

	ASSERT_EQ(0, bind_msi(vm, GIOVA, OTHER_GDB, GUEST_PAGE));
	ASSERT_EQ(0, s1_map(&vm->s1, GIOVA, OTHER_GDB));
	ASSERT_EQ(0, edu_set_irq(edu, self->event));
	EXPECT_IRQ(edu, self->event);

	/* With the interrupt set up; the container is empty then, and no more. */
	edu_close(edu);
	ASSERT_EQ(0, edu_open_group(edu, 0, host->fd));
	ASSERT_EQ(0, vfio_set_iommu(host->fd, VFIO_TYPE1_NESTING_IOMMU));
	EXPECT_EQ(-ENOENT, unbind_msi(vm));
	ASSERT_EQ(0, vfio_map(host->fd, host->ram.ram, GUEST_SIZE, GUEST_GPA));
	EXPECT_EQ(0, map_page(host, PAGE_D, OTHER_GDB));
	ASSERT_EQ(0, edu_open_device(edu));
	ASSERT_EQ(0, vm_bind(vm));
	EXPECT_EQ(PAGE_D, vm_hits(_metadata, vm, GIOVA));
	ASSERT_EQ(0, edu_set_irq(edu, self->event));
	EXPECT_NO_IRQ(edu, self->event);
}

/* A device that is closed gives up its interrupt, its group keeps the binding. */
TEST_F(vmsi, device_reopened)
{
	struct vm *vm = &self->vm;
	struct edu *edu = vm->edu;

	ASSERT_EQ(0, bind_msi(vm, GIOVA, GDB, GUEST_PAGE));
	ASSERT_EQ(0, s1_map(&vm->s1, GIOVA, GDB));
	ASSERT_EQ(0, edu_set_irq(edu, self->event));
	EXPECT_IRQ(edu, self->event);
	munmap(edu->bar, edu->bar_size);
	edu->bar = NULL;
	close(edu->fd);
	EXPECT_EQ(-EBUSY, bind_msi(vm, GIOVA, GDB, GUEST_PAGE));
	ASSERT_EQ(0, edu_open_device(edu));
	ASSERT_EQ(0, edu_set_irq(edu, self->event));
	EXPECT_IRQ(edu, self->event);
}

#define SETUPS			400
#define LOST_ENOUGH		3	/* each takes a timeout */

struct binder {
	struct vm *vm;
	pthread_t thread;
	bool stop;			/* atomic */
	bool bound;
	unsigned long rounds;
	int rc;				/* 0 unless something went wrong */
};

/* Binds and unbinds whenever it may. */
static void *bind_and_unbind(void *arg)
{
	struct binder *binder = arg;
	struct vm *vm = binder->vm;

	while (!__atomic_load_n(&binder->stop, __ATOMIC_RELAXED)) {
		int rc = binder->bound ? unbind_msi(vm) :
			 bind_msi(vm, GIOVA, OTHER_GDB, GUEST_PAGE);

		if (rc == -EBUSY)
			continue;
		if (rc) {
			binder->rc = rc;
			break;
		}
		binder->bound = !binder->bound;
		binder->rounds++;
	}
	return NULL;
}

static void binder_start(struct __test_metadata *_metadata, struct binder *binder)
{
	binder->stop = false;
	ASSERT_EQ(0, pthread_create(&binder->thread, NULL, bind_and_unbind, binder));
}

static void binder_stop(struct __test_metadata *_metadata, struct binder *binder)
{
	__atomic_store_n(&binder->stop, true, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(binder->thread, NULL));
	ASSERT_EQ(0, binder->rc);
}

/*
 * An interrupt that is set up while another thread binds and unbinds always can
 * be. It may have an address in a window that has gone meanwhile, and be lost; but
 * it comes when it is set up again.
 */
TEST_F(vmsi, set_up_beside_binds)
{
	struct binder binder = { .vm = &self->vm };
	unsigned int i, lost = 0, up[2] = {};
	struct vm *vm = &self->vm;
	__u64 window, address;

	/* In stage 1 both are, so that it depends on the window alone. */
	ASSERT_EQ(0, edu_set_irq(vm->edu, self->event));
	ASSERT_EQ(0, pci_msi_address(vm->edu->bdf, &window));
	ASSERT_EQ(0, edu_set_irq(vm->edu, -1));
	ASSERT_EQ(0, s1_map(&vm->s1, window & ~(GUEST_PAGE - 1),
			    window & ~(GUEST_PAGE - 1)));
	ASSERT_EQ(0, s1_map(&vm->s1, GIOVA, OTHER_GDB));
	binder_start(_metadata, &binder);
	for (i = 0; i < SETUPS && lost < LOST_ENOUGH; i++) {
		ASSERT_EQ(0, edu_set_irq(vm->edu, self->event));
		ASSERT_EQ(0, pci_msi_address(vm->edu->bdf, &address));
		if (address != window)
			ASSERT_EQ(GIOVA + DOORBELL_REGISTER, address);
		up[address != window]++;
		if (!irq_arrives(_metadata, vm->edu, self->event, IRQ_TIMEOUT_MS)) {
			lost++;
			binder_stop(_metadata, &binder);
			ASSERT_EQ(0, edu_set_irq(vm->edu, -1));
			ASSERT_EQ(0, edu_set_irq(vm->edu, self->event));
			EXPECT_IRQ(vm->edu, self->event);
			binder_start(_metadata, &binder);
		}
		ASSERT_EQ(0, edu_set_irq(vm->edu, -1));
	}
	binder_stop(_metadata, &binder);
	EXPECT_LT(2UL, binder.rounds);
	TH_LOG("%u in the host's window, %u in the guest's, %u lost; %lu binds",
	       up[0], up[1], lost, binder.rounds);
}

FIXTURE(vmsi_pair)
{
	struct host host;
	struct vm vm[2];
	int event[2];
};

FIXTURE_SETUP(vmsi_pair)
{
	struct host *host = &self->host;
	int i;

	self->event[0] = -1;
	self->event[1] = -1;
	container_up(_metadata, host, 2);
	if (_metadata->exit_code)
		return;
	for (i = 0; i < 2; i++) {
		guest_up(_metadata, host, &self->vm[i], &host->edu[i], VSID + i);
		ASSERT_EQ(0, vm_bind(&self->vm[i]));
		self->event[i] = eventfd(0, EFD_CLOEXEC);
		ASSERT_LE(0, self->event[i]);
	}
}

FIXTURE_TEARDOWN(vmsi_pair)
{
	close(self->event[0]);
	close(self->event[1]);
	host_down(&self->host);
}

static void set_up_both(struct __test_metadata *_metadata, struct vm vm[2],
			const int event[2])
{
	int i;

	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, edu_set_irq(vm[i].edu, event[i]));
}

/* Each interrupt is its device's own, though both write to the same doorbell. */
TEST_F(vmsi_pair, share_a_doorbell)
{
	struct vm *vm = self->vm;
	int i;

	ASSERT_EQ(0, bind_msi(&vm[0], GIOVA, OTHER_GDB, GUEST_PAGE));
	ASSERT_EQ(0, bind_msi(&vm[1], GIOVA + MIB(4), OTHER_GDB, GUEST_PAGE));
	ASSERT_EQ(0, s1_map(&vm[0].s1, GIOVA, OTHER_GDB));
	ASSERT_EQ(0, s1_map(&vm[1].s1, GIOVA + MIB(4), OTHER_GDB));
	set_up_both(_metadata, vm, self->event);
	for (i = 0; i < 2; i++)
		EXPECT_IRQ(vm[i].edu, self->event[i]);

	/* One goes; the doorbell stays for the other. */
	ASSERT_EQ(0, edu_set_irq(vm[0].edu, -1));
	ASSERT_EQ(0, unbind_msi(&vm[0]));
	EXPECT_IRQ(vm[1].edu, self->event[1]);
	EXPECT_EQ(-EEXIST, map_page(&self->host, PAGE_A, OTHER_GDB));

	/* ... and comes back. */
	ASSERT_EQ(0, bind_msi(&vm[0], GIOVA, OTHER_GDB, GUEST_PAGE));
	ASSERT_EQ(0, edu_set_irq(vm[0].edu, self->event[0]));
	EXPECT_IRQ(vm[0].edu, self->event[0]);
}

/* One bind for all groups, and the device of one is closed. */
TEST_F(vmsi_pair, all_groups)
{
	struct host *host = &self->host;
	struct vm *vm = self->vm;
	int i;

	ASSERT_EQ(0, vfio_bind_msi(host->fd, ALL_GROUPS, GIOVA, OTHER_GDB,
				   GUEST_PAGE));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, s1_map(&vm[i].s1, GIOVA, OTHER_GDB));
	set_up_both(_metadata, vm, self->event);
	for (i = 0; i < 2; i++)
		EXPECT_IRQ(vm[i].edu, self->event[i]);
	edu_close(&host->edu[0]);
	EXPECT_IRQ(vm[1].edu, self->event[1]);
	EXPECT_EQ(-EEXIST, map_page(host, PAGE_A, OTHER_GDB));
	ASSERT_EQ(0, edu_set_irq(vm[1].edu, -1));
	ASSERT_EQ(0, vfio_unbind_msi(host->fd, ALL_GROUPS));
	EXPECT_EQ(0, map_page(host, PAGE_A, OTHER_GDB));
}

/* Two doorbells of the guest's for one of the host's. */
TEST_F(vmsi_pair, two_doorbells)
{
	struct vm *vm = self->vm;
	int i;

	ASSERT_EQ(0, bind_msi(&vm[0], GIOVA, GDB, GUEST_PAGE));
	ASSERT_EQ(0, bind_msi(&vm[1], GIOVA, OTHER_GDB, GUEST_PAGE));
	ASSERT_EQ(0, s1_map(&vm[0].s1, GIOVA, GDB));
	ASSERT_EQ(0, s1_map(&vm[1].s1, GIOVA, OTHER_GDB));
	set_up_both(_metadata, vm, self->event);
	for (i = 0; i < 2; i++)
		EXPECT_IRQ(vm[i].edu, self->event[i]);
	/* The other's doorbell serves as well: both lead to the host's. */
	ASSERT_EQ(0, s1_map(&vm[0].s1, GIOVA, OTHER_GDB));
	vm_invalidate(_metadata, &vm[0], smmu_cmd(CMD_TLBI_NH_ALL));
	EXPECT_IRQ(vm[0].edu, self->event[0]);
}

/* One that is bound or busy stops a bind of all, and the others have none then. */
TEST_F(vmsi_pair, all_or_none)
{
	struct host *host = &self->host;
	struct vm *vm = self->vm;

	ASSERT_EQ(0, bind_msi(&vm[1], GIOVA, GDB, GUEST_PAGE));
	EXPECT_EQ(-EBUSY, vfio_bind_msi(host->fd, ALL_GROUPS, GIOVA, GDB,
					GUEST_PAGE));
	EXPECT_EQ(-ENOENT, unbind_msi(&vm[0]));
	ASSERT_EQ(0, unbind_msi(&vm[1]));
	ASSERT_EQ(0, edu_set_irq(vm[1].edu, self->event[1]));
	EXPECT_EQ(-EBUSY, vfio_bind_msi(host->fd, ALL_GROUPS, GIOVA, GDB,
					GUEST_PAGE));
	EXPECT_EQ(-ENOENT, unbind_msi(&vm[0]));
	ASSERT_EQ(0, edu_set_irq(vm[1].edu, -1));

	ASSERT_EQ(0, vfio_bind_msi(host->fd, ALL_GROUPS, GIOVA, GDB, GUEST_PAGE));
	ASSERT_EQ(0, edu_set_irq(vm[1].edu, self->event[1]));
	EXPECT_EQ(-EBUSY, vfio_unbind_msi(host->fd, ALL_GROUPS));
	EXPECT_EQ(-EBUSY, bind_msi(&vm[0], GIOVA, GDB, GUEST_PAGE));
	/* The one that is not busy may go by itself. */
	EXPECT_EQ(0, unbind_msi(&vm[0]));
}

/* Two devices without a binding share the host's window. */
TEST_F(vmsi_pair, hosts_window)
{
	struct vm *vm = self->vm;
	__u64 address;
	int i;

	set_up_both(_metadata, vm, self->event);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, pci_msi_address(vm[i].edu->bdf, &address));
		address &= ~(GUEST_PAGE - 1);
		ASSERT_EQ(0, s1_map(&vm[i].s1, address, address));
		EXPECT_IRQ(vm[i].edu, self->event[i]);
	}
	edu_close(&self->host.edu[0]);
	EXPECT_IRQ(vm[1].edu, self->event[1]);
}
