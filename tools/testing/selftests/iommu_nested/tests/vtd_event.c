// SPDX-License-Identifier: GPL-2.0-only
/*
 * The event fd on VT-d: what a guest's table does not map, or not so, by the
 * guest's names of its devices.
 */

#define EVENT_DEPTH		16
#define EVENT_ID		0x1234
#define STORMS			4
#define STORM_MS		110	/* one look at the faults is within it */

FIXTURE(vtd_event)
{
	struct host host;
	__u64 *root;
	int fd;
};

/* Two devices that use one table, of the names EVENT_ID and the next. */
FIXTURE_SETUP(vtd_event)
{
	struct host *host = &self->host;

	self->fd = -1;
	container_up_nth(_metadata, host, VFIO_TYPE1_NESTING_IOMMU, 0, 2);
	if (_metadata->exit_code)
		return;
	self->root = guest_alloc(&host->ram, GUEST_PAGE);
	ASSERT_NE(NULL, self->root);
	ENTRY(IOVA, 0) = GPA(PAGE_A) | FL_PAGE;
	self->fd = vfio_event_fd(host->fd, EVENT_DEPTH);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(vtd_event)
{
	if (self->fd >= 0)
		close(self->fd);
	host_down(&self->host);
}

static int event_bind(struct host *host, const __u64 *root, unsigned int nth,
		      __u32 id)
{
	struct vfio_nested_bind_guest_pgtbl cmd = fl_bind(host, root);

	cmd.flags |= VFIO_NESTED_PGTBL_DEVICE_ID | VFIO_NESTED_PGTBL_REPLACE;
	cmd.target = device_of(&host->edu[nth]);
	cmd.device_id = id;
	return vfio_bind_pgtbl(host->fd, &cmd);
}

/* One DMA of four bytes, the largest that the device faults only once for. */
static void fault_once(struct __test_metadata *_metadata, struct edu *edu,
		       __u64 iova, bool write)
{
	ASSERT_EQ(0, write ? edu_store(edu, iova, 0, 4) : load(edu, iova, 4));
}

/* A fault of a page that is not there, for a device without PASID */
static void expect_absent(struct __test_metadata *_metadata, int fd, __u32 id,
			  __u64 iova, bool write,
			  struct vfio_nested_event *event)
{
	__u32 flags = VFIO_NESTED_EVENT_HAS_ADDR;

	if (write)
		flags |= VFIO_NESTED_EVENT_WRITE;
	ASSERT_TRUE(event_next(_metadata, fd, EVENT_TIMEOUT_MS, event)) {
		TH_LOG("no event of %#x came", id);
	}
	EXPECT_EQ((__u32)VFIO_NESTED_EVENT_TRANSLATION, event->reason);
	EXPECT_EQ((__u64)id, event->device_id);
	EXPECT_EQ(iova, event->addr);
	EXPECT_EQ(flags, event->flags);
	EXPECT_EQ(0U, event->pasid);
	EXPECT_EQ((__u32)VFIO_NESTED_MODEL_INTEL_VTD, event->model);
	EXPECT_EQ(0U, event->reserved);
	/* The record of a unit whose first stage the guest's table is */
	EXPECT_EQ(iova, FR0_ADDRESS(event->raw));
	EXPECT_EQ(id, FR1_SID(event->raw));
	EXPECT_EQ((unsigned int)FR_SFS_2, FR1_REASON(event->raw));
	EXPECT_EQ(write ? 0ULL : 1ULL, FR1_READ(event->raw));
	EXPECT_EQ(0ULL, FR1_PP(event->raw));
	EXPECT_EQ(1ULL, FR1_F(event->raw));
	EXPECT_EQ(0ULL, event->raw[2] | event->raw[3]);
}

TEST_F(vtd_event, not_mapped)
{
	struct host *host = &self->host;
	struct vfio_nested_event event;

	ASSERT_EQ(0, event_bind(host, self->root, 0, EVENT_ID));
	EXPECT_EQ(PAGE_A, hits(_metadata, host, &host->edu[0], IOVA));
	no_event(_metadata, self->fd);
	fault_once(_metadata, &host->edu[0], IOVA + GUEST_PAGE + 0x128, true);
	expect_absent(_metadata, self->fd, EVENT_ID, IOVA + GUEST_PAGE, true,
		      &event);
	EXPECT_EQ(0U, event.sequence);
	fault_once(_metadata, &host->edu[0], GPA(PAGE_A), false);
	expect_absent(_metadata, self->fd, EVENT_ID, GPA(PAGE_A), false, &event);
	EXPECT_EQ(1U, event.sequence);
	no_event(_metadata, self->fd);
}

/* A unit with a second stage only does not tell why it refuses a write. */
TEST_F(vtd_event, read_only)
{
	struct host *host = &self->host;
	struct vfio_nested_event event;

	ENTRY(IOVA, 0) = GPA(PAGE_A) | (FL_PAGE & ~FL_WRITE);
	ASSERT_EQ(0, event_bind(host, self->root, 0, EVENT_ID));
	fault_once(_metadata, &host->edu[0], IOVA, true);
	ASSERT_TRUE(event_next(_metadata, self->fd, EVENT_TIMEOUT_MS, &event));
	if (event.reason != VFIO_NESTED_EVENT_PERMISSION)
		EXPECT_EQ((__u32)VFIO_NESTED_EVENT_TRANSLATION, event.reason);
	EXPECT_EQ((unsigned int)(event.reason == VFIO_NESTED_EVENT_PERMISSION ?
				 FR_SGN_6 : FR_SFS_2), FR1_REASON(event.raw));
	EXPECT_EQ(IOVA, event.addr);
	EXPECT_TRUE(!!(event.flags & VFIO_NESTED_EVENT_WRITE));
	fault_once(_metadata, &host->edu[0], IOVA, false);
	no_event(_metadata, self->fd);
}

TEST_F(vtd_event, names)
{
	struct vfio_nested_bind_guest_pgtbl cmd;
	struct host *host = &self->host;
	struct vfio_nested_event event;
	int rid = pci_rid(host->edu[0].bdf);

	ASSERT_LE(0, rid);
	/* The hardware's, the guest's, another one of the guest's */
	cmd = fl_bind(host, self->root);
	ASSERT_EQ(0, vfio_bind_pgtbl(host->fd, &cmd));
	fault_once(_metadata, &host->edu[0], 0, true);
	expect_absent(_metadata, self->fd, rid, 0, true, &event);
	ASSERT_EQ(0, event_bind(host, self->root, 0, EVENT_ID));
	ASSERT_EQ(0, event_bind(host, self->root, 1, EVENT_ID + 1));
	fault_once(_metadata, &host->edu[0], 0, true);
	expect_absent(_metadata, self->fd, EVENT_ID, 0, true, &event);
	fault_once(_metadata, &host->edu[1], GUEST_PAGE, true);
	expect_absent(_metadata, self->fd, EVENT_ID + 1, GUEST_PAGE, true, &event);
	ASSERT_EQ(0, event_bind(host, self->root, 0, 0xffff));
	fault_once(_metadata, &host->edu[0], 0, true);
	expect_absent(_metadata, self->fd, 0xffff, 0, true, &event);
	EXPECT_EQ(-EINVAL, event_bind(host, self->root, 0, 0x10000));
	EXPECT_EQ(-EEXIST, event_bind(host, self->root, 0, EVENT_ID + 1));
	fault_once(_metadata, &host->edu[0], 0, true);
	expect_absent(_metadata, self->fd, 0xffff, 0, true, &event);
}

/*
 * Where hardware nests it is the host's PASID entry that blocks, and not a table:
 * the guest is told the same.
 */
TEST_F(vtd_event, blocked)
{
	struct vfio_nested_bind_guest_pgtbl cmd = {
		.flags = VFIO_NESTED_PGTBL_NO_PASID | VFIO_NESTED_PGTBL_BLOCK |
			 VFIO_NESTED_PGTBL_DEVICE_ID | VFIO_NESTED_PGTBL_REPLACE,
		.target = device_of(&self->host.edu[0]),
		.model = VFIO_NESTED_MODEL_INTEL_VTD,
		.device_id = EVENT_ID,
	};
	struct host *host = &self->host;
	struct vfio_nested_event event;

	ASSERT_EQ(0, vfio_bind_pgtbl(host->fd, &cmd));
	fault_once(_metadata, &host->edu[0], GPA(PAGE_A), true);
	expect_absent(_metadata, self->fd, EVENT_ID, GPA(PAGE_A), true, &event);

	/* From a table and back, and then not a guest's any more */
	ASSERT_EQ(0, event_bind(host, self->root, 0, EVENT_ID));
	EXPECT_EQ(PAGE_A, hits(_metadata, host, &host->edu[0], IOVA));
	cmd.device_id = EVENT_ID + 1;
	ASSERT_EQ(0, vfio_bind_pgtbl(host->fd, &cmd));
	fault_once(_metadata, &host->edu[0], IOVA, false);
	ASSERT_EQ(0, vfio_unbind_pgtbl(host->fd, cmd.target));
	expect_absent(_metadata, self->fd, EVENT_ID + 1, IOVA, false, &event);
	fault_once(_metadata, &host->edu[0], IOVA, true);
	no_event(_metadata, self->fd);
}

/* Faults before a bind and after it are the host's, as late as it looks at them. */
TEST_F(vtd_event, of_the_guest_only)
{
	struct host *host = &self->host;
	struct vfio_nested_event event;

	fault_once(_metadata, &host->edu[0], IOVA, true);
	ASSERT_EQ(0, event_bind(host, self->root, 0, EVENT_ID));
	no_event(_metadata, self->fd);
	fault_once(_metadata, &host->edu[0], GUEST_PAGE, true);
	ASSERT_EQ(0, vfio_unbind_pgtbl(host->fd, device_of(&host->edu[0])));
	expect_absent(_metadata, self->fd, EVENT_ID, GUEST_PAGE, true, &event);
	fault_once(_metadata, &host->edu[0], IOVA, true);
	no_event(_metadata, self->fd);
}

static long ms_between(const struct timespec *from, const struct timespec *to)
{
	return (to->tv_sec - from->tv_sec) * 1000 +
	       (to->tv_nsec - from->tv_nsec) / 1000000;
}

/* Many more than fit, at any time: the device goes on, and so do its events. */
TEST_F(vtd_event, storm)
{
	struct host *host = &self->host;
	unsigned int round, seen;
	struct vfio_nested_event event;
	struct timespec start, now;

	ASSERT_EQ(0, event_bind(host, self->root, 0, EVENT_ID));
	for (round = 0; round < STORMS; round++) {
		clock_gettime(CLOCK_MONOTONIC, &start);
		do {
			ASSERT_EQ(0, edu_store(&host->edu[0], GUEST_PAGE, 0,
					       GUEST_PAGE));
			clock_gettime(CLOCK_MONOTONIC, &now);
		} while (ms_between(&start, &now) < STORM_MS);
		seen = 0;
		while (event_next(_metadata, self->fd, EVENT_QUIET_MS, &event)) {
			EXPECT_EQ((__u64)EVENT_ID, event.device_id);
			seen++;
		}
		EXPECT_LT(0U, seen) {
			TH_LOG("storm %u", round);
		}
	}
	fault_once(_metadata, &host->edu[0], GUEST_PAGE, true);
	ASSERT_TRUE(event_next(_metadata, self->fd, EVENT_TIMEOUT_MS, &event));
	EXPECT_EQ(PAGE_A, hits(_metadata, host, &host->edu[0], IOVA));
}
