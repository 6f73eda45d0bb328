// SPDX-License-Identifier: GPL-2.0-only
/*
 * Containers with a device that has its requester ID from a bridge: with another
 * device, or with the bridge itself.
 */

#define ALONE		1	/* the device behind a conventional bridge */

FIXTURE(vtd_bridge_container)
{
	struct host host;
	struct edu *edu;
	unsigned int last;		/* of the machine's devices */
	int other;			/* requester ID of the other behind that bridge */
	__u64 *root;
	int fd;
};

FIXTURE_SETUP(vtd_bridge_container)
{
	unsigned int num = edu_count();
	char one[16], other[16];

	self->fd = -1;
	self->edu = &self->host.edu[0];
	ASSERT_LE(2U, num);
	self->last = num - 1;
	ASSERT_EQ(0, pci_find(EDU_VENDOR, EDU_DEVICE, num - 2, one));
	ASSERT_EQ(0, pci_find(EDU_VENDOR, EDU_DEVICE, num - 1, other));
	if (pci_iommu_group(one) != pci_iommu_group(other))
		SKIP(return, "no bridge here has two devices behind it");
	self->other = pci_rid(one);
}

FIXTURE_TEARDOWN(vtd_bridge_container)
{
	if (self->fd >= 0)
		close(self->fd);
	host_down(&self->host);
}

/* A container with the nth device, its event fd, and a page for a guest's table */
static __u64 *bridge_up(struct __test_metadata *_metadata, struct host *host,
			unsigned int nth, int *fd)
{
	__u64 *root;

	container_up_nth(_metadata, host, VFIO_TYPE1_NESTING_IOMMU, nth, 1);
	*fd = vfio_event_fd(host->fd, EVENT_DEPTH);
	ASSERT_LE(0, *fd);
	root = guest_alloc(&host->ram, GUEST_PAGE);
	ASSERT_NE(NULL, root);
	return root;
}

/* Hardware can't tell it from the bridge, but that does no DMA. */
TEST_F(vtd_bridge_container, bind_the_device)
{
	struct host *host = &self->host;
	struct vfio_nested_event event;

	self->root = bridge_up(_metadata, host, ALONE, &self->fd);
	ENTRY(IOVA, 0) = GPA(PAGE_A) | FL_PAGE;
	EXPECT_EQ(PAGE_B, hits(_metadata, host, self->edu, GPA(PAGE_B)));
	ASSERT_EQ(0, event_bind(host, self->root, 0, EVENT_ID));
	EXPECT_EQ(PAGE_A, hits(_metadata, host, self->edu, IOVA));
	fault_once(_metadata, self->edu, GPA(PAGE_B), true);
	expect_absent(_metadata, self->fd, EVENT_ID, GPA(PAGE_B), true, &event);
	ASSERT_EQ(0, vfio_unbind_pgtbl(host->fd, device_of(self->edu)));
	EXPECT_EQ(PAGE_B, hits(_metadata, host, self->edu, GPA(PAGE_B)));
	EXPECT_EQ(NOWHERE, hits(_metadata, host, self->edu, IOVA));
}

/*
 * A table is for all devices of the bridge, or for none. Whose the fault is that
 * the last one has caused can't be told.
 */
TEST_F(vtd_bridge_container, bind_the_group)
{
	struct vfio_nested_bind_guest_pgtbl cmd;
	struct host *host = &self->host;
	struct vfio_nested_event event;

	self->root = bridge_up(_metadata, host, self->last, &self->fd);
	ENTRY(IOVA, 0) = GPA(PAGE_A) | FL_PAGE;
	cmd = fl_bind(host, self->root);
	cmd.target = device_of(self->edu);
	EXPECT_EQ(-EINVAL, vfio_bind_pgtbl(host->fd, &cmd));
	EXPECT_EQ(PAGE_B, hits(_metadata, host, self->edu, GPA(PAGE_B)));

	cmd.target = group_of(self->edu);
	ASSERT_EQ(0, vfio_bind_pgtbl(host->fd, &cmd));
	EXPECT_EQ(PAGE_A, hits(_metadata, host, self->edu, IOVA));
	fault_once(_metadata, self->edu, GPA(PAGE_B), true);
	ASSERT_TRUE(event_next(_metadata, self->fd, EVENT_TIMEOUT_MS, &event));
	EXPECT_EQ(GPA(PAGE_B), event.addr);
	if (event.device_id != (__u64)self->other)
		EXPECT_EQ((__u64)pci_rid(self->edu->bdf), event.device_id);

	EXPECT_EQ(-EINVAL, vfio_unbind_pgtbl(host->fd, device_of(self->edu)));
	EXPECT_EQ(PAGE_A, hits(_metadata, host, self->edu, IOVA));
	ASSERT_EQ(0, vfio_unbind_pgtbl(host->fd, group_of(self->edu)));
	EXPECT_EQ(PAGE_B, hits(_metadata, host, self->edu, GPA(PAGE_B)));
}
