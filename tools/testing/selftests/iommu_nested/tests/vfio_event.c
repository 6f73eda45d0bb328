// SPDX-License-Identifier: GPL-2.0-only
/* The event fd: the guest's faults, by the guest's names of its devices. */

#define EVENT_DEPTH		16

FIXTURE(event)
{
	struct host host;
	struct vm vm;
	int fd;
};

FIXTURE_SETUP(event)
{
	self->fd = -1;
	nest_up(_metadata, &self->host, &self->vm);
	if (_metadata->exit_code)
		return;
	self->fd = vfio_event_fd(self->host.fd, EVENT_DEPTH);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, vm_bind(&self->vm));
}

FIXTURE_TEARDOWN(event)
{
	if (self->fd >= 0)
		close(self->fd);
	host_down(&self->host);
}

/* What all of them have; @smmu is the number in the raw record. */
static void expect_reason(struct __test_metadata *_metadata, int fd, __u32 vsid,
			  __u32 reason, unsigned int smmu,
			  struct vfio_nested_event *event)
{
	ASSERT_TRUE(event_next(_metadata, fd, EVENT_TIMEOUT_MS, event)) {
		TH_LOG("no event came, reason %u was expected", reason);
	}
	EXPECT_EQ(reason, event->reason);
	EXPECT_EQ((__u64)vsid, event->device_id);
	EXPECT_EQ((__u32)VFIO_NESTED_MODEL_ARM_SMMUV3, event->model);
	EXPECT_EQ(0U, event->reserved);
	EXPECT_EQ(0U, event->pasid);
	EXPECT_EQ(0U, event->flags & VFIO_NESTED_EVENT_HAS_PASID);
	EXPECT_EQ(smmu, EVT0_TYPE(event->raw));
	EXPECT_EQ(vsid, EVT0_SID(event->raw));
}

/* One DMA of four bytes, the largest that the device faults only once for. */
static void fault_at(struct __test_metadata *_metadata, struct vm *vm,
		     __u64 iova)
{
	ASSERT_EQ(0, edu_store(vm->edu, iova, 0, 4));
}

TEST_F(event, translation)
{
	struct vm *vm = &self->vm;
	struct vfio_nested_event event;

	fault_at(_metadata, vm, IOVA);
	expect_reason(_metadata, self->fd, vm->vsid,
		      VFIO_NESTED_EVENT_TRANSLATION, EVT_F_TRANSLATION, &event);
	EXPECT_EQ(0U, event.sequence);
	EXPECT_EQ(IOVA, event.addr);
	EXPECT_EQ((__u32)(VFIO_NESTED_EVENT_HAS_ADDR | VFIO_NESTED_EVENT_WRITE),
		  event.flags & ~VFIO_NESTED_EVENT_PRIV);
	EXPECT_EQ(IOVA, EVT2_ADDRESS(event.raw));
	EXPECT_EQ(0ULL, EVT1_RNW(event.raw));
	EXPECT_EQ(0ULL, EVT1_S2(event.raw));
	no_event(_metadata, self->fd);
}

TEST_F(event, translation_of_a_read)
{
	struct vm *vm = &self->vm;
	struct vfio_nested_event event;

	ASSERT_EQ(0, load(vm->edu, IOVA + 0x128, 4));
	expect_reason(_metadata, self->fd, vm->vsid,
		      VFIO_NESTED_EVENT_TRANSLATION, EVT_F_TRANSLATION, &event);
	EXPECT_EQ(IOVA + 0x128, event.addr);
	EXPECT_EQ((__u32)VFIO_NESTED_EVENT_HAS_ADDR,
		  event.flags & ~VFIO_NESTED_EVENT_PRIV);
	EXPECT_EQ(1ULL, EVT1_RNW(event.raw));
}

TEST_F(event, permission)
{
	struct vm *vm = &self->vm;
	struct vfio_nested_event event;

	ASSERT_EQ(0, s1_map_at(&vm->s1, IOVA, page_gpa(&self->host, PAGE_A),
			       S1_LAST_LEVEL, S1_LEAF | S1_READ_ONLY));
	fault_at(_metadata, vm, IOVA);
	expect_reason(_metadata, self->fd, vm->vsid,
		      VFIO_NESTED_EVENT_PERMISSION, EVT_F_PERMISSION, &event);
	EXPECT_EQ(IOVA, event.addr);
}

TEST_F(event, access_flag)
{
	struct vm *vm = &self->vm;
	struct vfio_nested_event event;

	ASSERT_EQ(0, s1_map_at(&vm->s1, IOVA, page_gpa(&self->host, PAGE_A),
			       S1_LAST_LEVEL, S1_LEAF & ~S1_ACCESSED));
	fault_at(_metadata, vm, IOVA);
	expect_reason(_metadata, self->fd, vm->vsid, VFIO_NESTED_EVENT_ACCESS,
		      EVT_F_ACCESS, &event);
	EXPECT_EQ(IOVA, event.addr);
}

TEST_F(event, address_size)
{
	struct vm *vm = &self->vm;
	struct vfio_nested_event event;

	/* CD.IPS 0: 32 bits of intermediate address, which the page exceeds. */
	cd_write(vm->cd, &vm->s1, ASID, 0);
	ASSERT_EQ(0, s1_map(&vm->s1, IOVA, 1ULL << 32));
	fault_at(_metadata, vm, IOVA);
	expect_reason(_metadata, self->fd, vm->vsid,
		      VFIO_NESTED_EVENT_ADDRESS_SIZE, EVT_F_ADDR_SIZE, &event);
	EXPECT_EQ(IOVA, event.addr);
}

TEST_F(event, bad_table_entry)
{
	struct vm *vm = &self->vm;
	struct vfio_nested_event event;

	vm->cd[0] &= ~CD0_V;
	fault_at(_metadata, vm, IOVA);
	expect_reason(_metadata, self->fd, vm->vsid,
		      VFIO_NESTED_EVENT_BAD_PASID_ENTRY, EVT_C_BAD_CD, &event);
	EXPECT_EQ(0ULL, event.addr);
	EXPECT_EQ(0U, event.flags & VFIO_NESTED_EVENT_HAS_ADDR);
}

/* What is not for the guest: silence it asked for, and faults of the host's. */
TEST_F(event, none)
{
	struct vm *vm = &self->vm;

	ASSERT_EQ(0, s1_map(&vm->s1, IOVA, GUEST_GPA + GUEST_SIZE));
	fault_at(_metadata, vm, IOVA);
	no_event(_metadata, self->fd);

	vm->cd[0] &= ~CD0_R;
	vm_invalidate(_metadata, vm, smmu_cfgi_cd(vm->vsid, 0));
	fault_at(_metadata, vm, IOVA + GUEST_PAGE);
	no_event(_metadata, self->fd);

	ASSERT_EQ(0, vm_replace_config(vm, VFIO_NESTED_CONFIG_ABORT));
	fault_at(_metadata, vm, IOVA);
	no_event(_metadata, self->fd);

	ASSERT_EQ(0, vm_replace_config(vm, VFIO_NESTED_CONFIG_BYPASS));
	fault_at(_metadata, vm, IOVA);
	no_event(_metadata, self->fd);

	ASSERT_EQ(0, vm_unbind(vm));
	fault_at(_metadata, vm, IOVA);
	no_event(_metadata, self->fd);
}

TEST_F(event, other_device_id)
{
	struct vm *vm = &self->vm;
	struct vfio_nested_event event;

	vm->vsid = 0xffffffff;
	ASSERT_EQ(0, vm_attach(vm));
	fault_at(_metadata, vm, IOVA);
	expect_reason(_metadata, self->fd, vm->vsid,
		      VFIO_NESTED_EVENT_TRANSLATION, EVT_F_TRANSLATION, &event);
}

TEST_F(event, several_in_one_read)
{
	struct vm *vm = &self->vm;
	struct vfio_nested_event event[4];
	unsigned int i;
	ssize_t len;

	for (i = 0; i < 3; i++)
		fault_at(_metadata, vm, IOVA + i * GUEST_PAGE);
	/* Room for two and a half, then for more than there are */
	len = read(self->fd, event, 2 * sizeof(event[0]) + 8);
	ASSERT_EQ((ssize_t)(2 * sizeof(event[0])), len);
	len = read(self->fd, event + 2, 2 * sizeof(event[0]));
	ASSERT_EQ((ssize_t)sizeof(event[0]), len);
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(i, event[i].sequence);
		EXPECT_EQ(IOVA + i * GUEST_PAGE, event[i].addr);
		EXPECT_EQ(0U, event[i].flags & VFIO_NESTED_EVENT_LOST);
	}
	no_event(_metadata, self->fd);
}

TEST_F(event, read_refusals)
{
	struct vm *vm = &self->vm;
	struct vfio_nested_event event;
	int i;

	/* With and without something to read */
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(-1, read(self->fd, &event, sizeof(event) - 1));
		EXPECT_EQ(EINVAL, errno);
		EXPECT_EQ(-1, read(self->fd, &event, 0));
		EXPECT_EQ(EINVAL, errno);
		if (!i)
			fault_at(_metadata, vm, IOVA);
	}
	EXPECT_EQ(-1, read(self->fd, BAD_VA, sizeof(event)));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, write(self->fd, &event, sizeof(event)));
	/* Nothing of that has lost the event. */
	expect_reason(_metadata, self->fd, vm->vsid,
		      VFIO_NESTED_EVENT_TRANSLATION, EVT_F_TRANSLATION, &event);
	EXPECT_EQ(0U, event.sequence);
}

TEST_F(event, open_refusals)
{
	const struct vfio_nested_info_cap *cap;
	int fd = self->host.fd;
	union info info;

	cap = info_get(_metadata, fd, &info, VFIO_NESTED_INFO_CAP);
	EXPECT_EQ(-EEXIST, vfio_event_fd(fd, EVENT_DEPTH));
	close(self->fd);
	EXPECT_EQ(-EINVAL, vfio_event_fd(fd, 0));
	EXPECT_EQ(-EINVAL, vfio_event_fd(fd, cap->event_depth + 1));
	EXPECT_EQ(-EINVAL, vfio_event_fd(fd, ~0U));
	self->fd = vfio_event_fd(fd, cap->event_depth);
	EXPECT_LE(0, self->fd);
	EXPECT_EQ(-EEXIST, vfio_event_fd(fd, 1));
	EXPECT_EQ(FD_CLOEXEC, fcntl(self->fd, F_GETFD));
}

/* What happened before is not to be had. */
TEST_F(event, from_the_opening_on)
{
	struct vm *vm = &self->vm;
	struct vfio_nested_event event;

	fault_at(_metadata, vm, IOVA);
	close(self->fd);
	fault_at(_metadata, vm, IOVA);
	/* The device is done with it, the host's interrupt may not be. */
	usleep(EVENT_QUIET_MS * 1000);
	self->fd = vfio_event_fd(self->host.fd, EVENT_DEPTH);
	ASSERT_LE(0, self->fd);
	no_event(_metadata, self->fd);
	fault_at(_metadata, vm, IOVA + GUEST_PAGE);
	expect_reason(_metadata, self->fd, vm->vsid,
		      VFIO_NESTED_EVENT_TRANSLATION, EVT_F_TRANSLATION, &event);
	EXPECT_EQ(0U, event.sequence);
	EXPECT_EQ(IOVA + GUEST_PAGE, event.addr);
}

/* A queue of two keeps two, and what is read tells of the gap. */
TEST_F(event, bounded)
{
	struct vm *vm = &self->vm;
	struct vfio_nested_event event;
	unsigned int i, next = 0, seen = 0;
	bool lost = false;

	close(self->fd);
	self->fd = vfio_event_fd(self->host.fd, 2);
	ASSERT_LE(0, self->fd);
	for (i = 0; i < 5; i++)
		fault_at(_metadata, vm, IOVA + i * GUEST_PAGE);
	while (read(self->fd, &event, sizeof(event)) == sizeof(event)) {
		/* A number that was left out is an event that was lost. */
		EXPECT_LE(next, event.sequence);
		EXPECT_EQ(event.sequence != next,
			  !!(event.flags & VFIO_NESTED_EVENT_LOST));
		EXPECT_EQ(IOVA + event.sequence * GUEST_PAGE, event.addr);
		lost |= event.sequence != next;
		next = event.sequence + 1;
		seen++;
	}
	EXPECT_EQ(2U, seen);
	fault_at(_metadata, vm, IOVA);
	expect_reason(_metadata, self->fd, vm->vsid,
		      VFIO_NESTED_EVENT_TRANSLATION, EVT_F_TRANSLATION, &event);
	EXPECT_EQ(5U, event.sequence);
	EXPECT_EQ(next != 5, !!(event.flags & VFIO_NESTED_EVENT_LOST));
	EXPECT_TRUE(lost || next != 5);
	no_event(_metadata, self->fd);
}

/* Many more than fit: nothing breaks, and the device goes on. */
TEST_F(event, storm)
{
	struct vm *vm = &self->vm;
	struct vfio_nested_event event;
	unsigned int i, seen = 0;

	/* A page without a mapping faults for every few bytes. */
	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, edu_store(vm->edu, IOVA, 0, GUEST_PAGE));
	while (read(self->fd, &event, sizeof(event)) == sizeof(event))
		seen++;
	EXPECT_EQ((unsigned int)EVENT_DEPTH, seen);
	EXPECT_LT((__u32)EVENT_DEPTH, event.sequence);
	vm_map(_metadata, vm, IOVA, PAGE_A);
	EXPECT_EQ(PAGE_A, vm_hits(_metadata, vm, IOVA));
}

static short revents(int fd, int timeout_ms)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return poll(&poll_fd, 1, timeout_ms) == 1 ? poll_fd.revents : 0;
}

struct event_waiter {
	int fd;
	short revents;
};

static void *wait_for_event(void *arg)
{
	struct event_waiter *waiter = arg;

	waiter->revents = revents(waiter->fd, EVENT_TIMEOUT_MS);
	return NULL;
}

TEST_F(event, poll)
{
	struct event_waiter waiter = { .fd = self->fd };
	struct vm *vm = &self->vm;
	struct vfio_nested_event event;
	pthread_t thread;

	EXPECT_EQ(0, revents(self->fd, 0));
	ASSERT_EQ(0, pthread_create(&thread, NULL, wait_for_event, &waiter));
	fault_at(_metadata, vm, IOVA);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(POLLIN, waiter.revents);
	EXPECT_EQ(POLLIN, revents(self->fd, 0));
	ASSERT_EQ((ssize_t)sizeof(event), read(self->fd, &event, sizeof(event)));
	EXPECT_EQ(0, revents(self->fd, 0));
}

/* The last group leaves: what is there can be read, then there is nothing more. */
TEST_F(event, hangup)
{
	struct event_waiter waiter = { .fd = self->fd };
	struct host *host = &self->host;
	struct vm *vm = &self->vm;
	struct vfio_nested_event event;
	pthread_t thread;

	fault_at(_metadata, vm, IOVA);
	edu_close(&host->edu[0]);
	host->num_edu = 0;
	EXPECT_EQ(POLLIN | POLLHUP, revents(self->fd, 0));
	ASSERT_EQ((ssize_t)sizeof(event), read(self->fd, &event, sizeof(event)));
	EXPECT_EQ(IOVA, event.addr);
	EXPECT_EQ(POLLHUP, revents(self->fd, 0));
	EXPECT_EQ(0, read(self->fd, &event, sizeof(event)));
	ASSERT_EQ(0, pthread_create(&thread, NULL, wait_for_event, &waiter));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(POLLHUP, waiter.revents);

	/* The container may have another life; this was the event fd of the first. */
	ASSERT_EQ(0, edu_open_group(&host->edu[0], 0, host->fd));
	host->num_edu = 1;
	ASSERT_EQ(0, vfio_set_iommu(host->fd, VFIO_TYPE1_NESTING_IOMMU));
	EXPECT_EQ(POLLHUP, revents(self->fd, 0));
	close(self->fd);
	self->fd = vfio_event_fd(host->fd, 1);
	EXPECT_LE(0, self->fd);
	EXPECT_EQ(0, revents(self->fd, 0));
}

/* Whoever waits when the last group leaves is woken up. */
TEST_F(event, hangup_wakes_up)
{
	struct event_waiter waiter = { .fd = self->fd };
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, wait_for_event, &waiter));
	usleep(50000);
	edu_close(&self->host.edu[0]);
	self->host.num_edu = 0;
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(POLLHUP, waiter.revents);
}

/* The fd outlives everything, or goes before everything. */
TEST_F(event, order_of_closing)
{
	struct vm *vm = &self->vm;
	struct vfio_nested_event event;

	fault_at(_metadata, vm, IOVA);
	host_down(&self->host);
	ASSERT_EQ((ssize_t)sizeof(event), read(self->fd, &event, sizeof(event)));
	EXPECT_EQ(IOVA, event.addr);
	EXPECT_EQ(0, close(self->fd));

	nest_up(_metadata, &self->host, vm);
	self->fd = vfio_event_fd(self->host.fd, 1);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, vm_bind(vm));
	close(self->fd);
	self->fd = -1;
	fault_at(_metadata, vm, IOVA);
	vm_map(_metadata, vm, IOVA, PAGE_B);
	EXPECT_EQ(PAGE_B, vm_hits(_metadata, vm, IOVA));
}
