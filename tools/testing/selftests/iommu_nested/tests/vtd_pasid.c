// SPDX-License-Identifier: GPL-2.0-only
/*
 * PASIDs of containers, where they are the host's to give: those of a unit, which
 * has them whether or not a device has.
 */

#define PASIDS_MAX	1024		/* of a container */

/* Arguments where the kernel can read them, and not write. */
static void *read_only_copy(struct __test_metadata *_metadata,
			    const struct vfio_nested_pasid *cmd)
{
	void *page = mmap(NULL, GUEST_PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, page);
	memcpy(page, cmd, sizeof(*cmd));
	ASSERT_EQ(0, mprotect(page, GUEST_PAGE, PROT_READ));
	return page;
}

FIXTURE(vtd_pasid)
{
	struct host host[2];
	__u32 last;			/* the largest that there can be */
};

/* Two containers, each with a device. */
FIXTURE_SETUP(vtd_pasid)
{
	const struct vfio_nested_info_cap *cap;
	union info info;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(self->host); i++) {
		groups_up(_metadata, &self->host[i], VFIO_TYPE1_NESTING_IOMMU,
			  i, 1);
		if (_metadata->exit_code)
			return;
	}
	cap = info_get(_metadata, self->host[0].fd, &info, VFIO_NESTED_INFO_CAP);
	if (!(cap->ops & VFIO_NESTED_OP_PASID_REQUEST))
		SKIP(return, "the unit has no PASIDs");
	self->last = BIT(cap->pasid_bits) - 1;
}

FIXTURE_TEARDOWN(vtd_pasid)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(self->host); i++)
		host_down(&self->host[i]);
}

#define FD(nth)			(self->host[nth].fd)
#define ALLOC(nth, min, max)	vfio_pasid_alloc(FD(nth), min, max)
#define FREE(nth, pasid)	vfio_pasid_free(FD(nth), pasid)

TEST_F(vtd_pasid, ranges)
{
	__u32 last = self->last;

	EXPECT_EQ(1, ALLOC(0, 0, ~0U));
	EXPECT_EQ(2, ALLOC(0, 0, ~0U));
	EXPECT_EQ(100, ALLOC(0, 100, 100));
	EXPECT_EQ(-ENOSPC, ALLOC(0, 100, 100));
	EXPECT_EQ(101, ALLOC(0, 100, 101));
	EXPECT_EQ((int)last, ALLOC(0, last, ~0U));
	EXPECT_EQ(-ENOSPC, ALLOC(0, last, ~0U));
	EXPECT_EQ(-ERANGE, ALLOC(0, last + 1, ~0U));
	EXPECT_EQ(-ERANGE, ALLOC(0, ~0U, ~0U));
	EXPECT_EQ(-EINVAL, ALLOC(0, 0, 0));
	EXPECT_EQ(-EINVAL, ALLOC(0, 2, 1));
	EXPECT_EQ(3, ALLOC(0, 1, last));
}

TEST_F(vtd_pasid, free)
{
	EXPECT_EQ(-ENOENT, FREE(0, 1));
	EXPECT_EQ(-ENOENT, FREE(0, 0));
	EXPECT_EQ(-ENOENT, FREE(0, ~0U));
	EXPECT_EQ(1, ALLOC(0, 1, 8));
	EXPECT_EQ(2, ALLOC(0, 1, 8));
	EXPECT_EQ(0, FREE(0, 1));
	EXPECT_EQ(-ENOENT, FREE(0, 1));
	EXPECT_EQ(1, ALLOC(0, 1, 8));
	EXPECT_EQ(0, FREE(0, 2));
	EXPECT_EQ(0, FREE(0, 1));
}

/* One container's are not another's, and are free when it is gone. */
TEST_F(vtd_pasid, two_containers)
{
	EXPECT_EQ(1, ALLOC(0, 1, 8));
	EXPECT_EQ(2, ALLOC(1, 1, 8));
	EXPECT_EQ(3, ALLOC(0, 1, 8));
	EXPECT_EQ(-ENOENT, FREE(1, 1));
	EXPECT_EQ(-ENOENT, FREE(0, 2));
	EXPECT_EQ(-ENOSPC, ALLOC(1, 3, 3));
	host_down(&self->host[0]);
	EXPECT_EQ(1, ALLOC(1, 1, 8));
	EXPECT_EQ(3, ALLOC(1, 1, 8));
	EXPECT_EQ(4, ALLOC(1, 1, 8));
}

TEST_F(vtd_pasid, as_many_as_there_may_be)
{
	unsigned int i;

	for (i = 1; i <= PASIDS_MAX; i++)
		ASSERT_EQ((int)i, ALLOC(0, 1, ~0U));
	EXPECT_EQ(-ENOSPC, ALLOC(0, 1, ~0U));
	EXPECT_EQ(PASIDS_MAX + 1, ALLOC(1, 1, ~0U));
	EXPECT_EQ(0, FREE(0, 17));
	EXPECT_EQ(17, ALLOC(0, 1, ~0U));
}

TEST_F(vtd_pasid, arguments)
{
	const struct vfio_nested_pasid good = {
		.argsz = sizeof(good),
		.min = 1,
		.max = 8,
	};
	struct {
		struct vfio_nested_pasid cmd;
		__u64 more;
	} args;

#define EXPECT_RC(rc, request, change) do {				\
	args.cmd = good;						\
	args.more = 0;							\
	change;								\
	EXPECT_EQ(rc, vfio_ioctl(FD(0), request, &args)) {		\
		TH_LOG(#request ": " #change);				\
	}								\
} while (0)

	EXPECT_RC(-EINVAL, VFIO_NESTED_PASID_ALLOC, args.cmd.argsz--);
	EXPECT_RC(-EINVAL, VFIO_NESTED_PASID_ALLOC, args.cmd.flags = 1);
	EXPECT_RC(-EINVAL, VFIO_NESTED_PASID_ALLOC, args.cmd.pasid = 1);
	EXPECT_RC(-EINVAL, VFIO_NESTED_PASID_ALLOC, args.cmd.reserved = 1);
	EXPECT_RC(-E2BIG, VFIO_NESTED_PASID_ALLOC,
		  (args.cmd.argsz = sizeof(args), args.more = 1));
	EXPECT_EQ(-EFAULT, vfio_ioctl(FD(0), VFIO_NESTED_PASID_ALLOC, NULL));
	/* None was given: this is the first. */
	EXPECT_RC(0, VFIO_NESTED_PASID_ALLOC, args.cmd.argsz = sizeof(args));
	EXPECT_EQ(1U, args.cmd.pasid);
	/* Where it can't be told, it is not given. */
	EXPECT_EQ(-EFAULT, vfio_ioctl(FD(0), VFIO_NESTED_PASID_ALLOC,
				      read_only_copy(_metadata, &good)));
	EXPECT_EQ(2, ALLOC(0, 1, 8));

	EXPECT_RC(-EINVAL, VFIO_NESTED_PASID_FREE, args.cmd.pasid = 1);
	EXPECT_RC(-EINVAL, VFIO_NESTED_PASID_FREE,
		  (args.cmd.pasid = 1, args.cmd.min = 0));
	EXPECT_RC(-EINVAL, VFIO_NESTED_PASID_FREE,
		  (args.cmd.pasid = 1, args.cmd.max = 0));
	EXPECT_RC(-EINVAL, VFIO_NESTED_PASID_FREE,
		  (args.cmd.min = args.cmd.max = 0, args.cmd.flags = 1));
	EXPECT_RC(-ENOENT, VFIO_NESTED_PASID_FREE, args.cmd.min = args.cmd.max = 0);
	EXPECT_EQ(0, FREE(0, 1));
#undef EXPECT_RC
}

/* The unit has PASIDs, and the device has none. */
TEST_F(vtd_pasid, not_for_a_device_without)
{
	struct vfio_nested_bind_guest_pgtbl cmd = {
		.argsz = sizeof(cmd),
		.flags = VFIO_NESTED_PGTBL_BLOCK,
		.target = device_of(&self->host[0].edu[0]),
		.model = VFIO_NESTED_MODEL_INTEL_VTD,
		.pasid = 1,
	};

	ASSERT_EQ(0, edu_open_device(&self->host[0].edu[0]));
	if (edu_extended(&self->host[0].edu[0]))
		SKIP(return, "this device has PASIDs");
	ASSERT_EQ(1, ALLOC(0, 1, 8));
	EXPECT_EQ(-EOPNOTSUPP, vfio_bind_pgtbl(FD(0), &cmd));
	cmd.flags = 0;
	cmd.model = VFIO_NESTED_MODEL_NONE;
	EXPECT_EQ(-EOPNOTSUPP,
		  vfio_ioctl(FD(0), VFIO_NESTED_UNBIND_GUEST_PGTBL, &cmd));
	cmd.pasid = 0;
	EXPECT_EQ(-EINVAL,
		  vfio_ioctl(FD(0), VFIO_NESTED_UNBIND_GUEST_PGTBL, &cmd));
	EXPECT_EQ(0, FREE(0, 1));
}

/* Guests' tables by PASID: what the unit does with each of a device's PASIDs */
FIXTURE(vtd_pasid_table)
{
	struct host host;
	struct edu *edu;
	__u64 *root;
	bool software;
};

FIXTURE_SETUP(vtd_pasid_table)
{
	struct host *host = &self->host;

	container_up_nth(_metadata, host, VFIO_TYPE1_NESTING_IOMMU, 0, 1);
	if (_metadata->exit_code)
		return;
	self->edu = &host->edu[0];
	if (!edu_extended(self->edu))
		SKIP(return, "edu has no PASIDs here");
	edu_set_mode(self->edu, 0);
	self->software = shadowing(_metadata, host);
	self->root = guest_alloc(&host->ram, GUEST_PAGE);
	ASSERT_NE(NULL, self->root);
	ENTRY(IOVA, 0) = GPA(PAGE_A) | FL_PAGE;
}

FIXTURE_TEARDOWN(vtd_pasid_table)
{
	host_down(&self->host);
}

static struct vfio_nested_bind_guest_pgtbl pasid_bind(struct host *host,
						      const __u64 *root,
						      __u32 pasid)
{
	struct vfio_nested_bind_guest_pgtbl cmd = fl_bind(host, root);

	cmd.flags = 0;
	cmd.pasid = pasid;
	return cmd;
}

static int pasid_unbind(struct host *host, __u32 pasid)
{
	struct vfio_nested_bind_guest_pgtbl cmd = {
		.argsz = sizeof(cmd),
		.target = device_of(&host->edu[0]),
		.pasid = pasid,
	};

	return vfio_ioctl(host->fd, VFIO_NESTED_UNBIND_GUEST_PGTBL, &cmd);
}

static unsigned long hits_by(struct __test_metadata *_metadata, struct host *host,
			     __u32 mode, __u64 iova)
{
	unsigned long mask;

	edu_set_mode(&host->edu[0], mode);
	mask = hits(_metadata, host, &host->edu[0], iova);
	edu_set_mode(&host->edu[0], 0);
	return mask;
}

#define HITS_BY(mode, iova)	hits_by(_metadata, &self->host, mode, iova)

static int pasid_flush(struct host *host, __u32 pasid, __u64 iova)
{
	struct vfio_nested_inv inv = fl_inv(VFIO_NESTED_INV_IOTLB, iova);
	__u32 num = 1;

	inv.flags = VFIO_NESTED_INV_HAS_ARCHID;
	inv.archid = pasid;
	return vfio_invalidate(host->fd, &inv, &num);
}

TEST_F(vtd_pasid_table, bind)
{
	struct vfio_nested_bind_guest_pgtbl cmd;
	struct host *host = &self->host;
	int fd = host->fd;

	ASSERT_EQ(1, vfio_pasid_alloc(fd, 1, 8));
	EXPECT_EQ(NOWHERE, HITS_BY(EDU_PASID(1), IOVA));
	cmd = pasid_bind(host, self->root, 1);
	ASSERT_EQ(0, vfio_bind_pgtbl(fd, &cmd));
	EXPECT_EQ(-EBUSY, vfio_bind_pgtbl(fd, &cmd));
	EXPECT_EQ(PAGE_A, HITS_BY(EDU_PASID(1), IOVA));
	EXPECT_EQ(NOWHERE, HITS_BY(EDU_PASID(2), IOVA));
	/* The device's own traffic is by GPAs as before. */
	EXPECT_EQ(PAGE_C, HITS_BY(0, GPA(PAGE_C)));
	EXPECT_EQ(NOWHERE, HITS_BY(0, IOVA));

	ENTRY(IOVA, 0) = GPA(PAGE_B) | FL_PAGE;
	EXPECT_EQ(PAGE_A, HITS_BY(EDU_PASID(1), IOVA));
	ASSERT_EQ(0, pasid_flush(host, 1, IOVA));
	EXPECT_EQ(PAGE_B, HITS_BY(EDU_PASID(1), IOVA));

	/* Memory goes, for PASIDs too. */
	ASSERT_EQ(0, vfio_map(fd, host->page[0], GUEST_PAGE, FREE_GPA));
	ENTRY(IOVA, 0) = FREE_GPA | FL_PAGE;
	ASSERT_EQ(0, pasid_flush(host, 1, IOVA));
	EXPECT_EQ(PAGE_A, HITS_BY(EDU_PASID(1), IOVA));
	ASSERT_EQ(0, vfio_unmap(fd, FREE_GPA, GUEST_PAGE, NULL));
	EXPECT_EQ(NOWHERE, HITS_BY(EDU_PASID(1), IOVA));

	EXPECT_EQ(0, pasid_unbind(host, 1));
	EXPECT_EQ(-ENOENT, pasid_unbind(host, 1));
	ENTRY(IOVA, 0) = GPA(PAGE_A) | FL_PAGE;
	EXPECT_EQ(NOWHERE, HITS_BY(EDU_PASID(1), IOVA));
	EXPECT_EQ(NOWHERE, HITS_BY(EDU_PASID(1), GPA(PAGE_C)));
}

/* Each by itself: two PASIDs and the device, of which one is replaced */
TEST_F(vtd_pasid_table, side_by_side)
{
	struct vfio_nested_bind_guest_pgtbl cmd;
	__u64 *first = self->root;
	struct host *host = &self->host;
	int fd = host->fd;

	ASSERT_EQ(1, vfio_pasid_alloc(fd, 1, 8));
	ASSERT_EQ(2, vfio_pasid_alloc(fd, 1, 8));
	self->root = guest_alloc(&host->ram, GUEST_PAGE);
	ASSERT_NE(NULL, self->root);
	ENTRY(IOVA, 0) = GPA(PAGE_B) | FL_PAGE;

	cmd = pasid_bind(host, first, 1);
	ASSERT_EQ(0, vfio_bind_pgtbl(fd, &cmd));
	cmd = pasid_bind(host, self->root, 2);
	ASSERT_EQ(0, vfio_bind_pgtbl(fd, &cmd));
	cmd = fl_bind(host, first);
	ASSERT_EQ(0, vfio_bind_pgtbl(fd, &cmd));
	EXPECT_EQ(PAGE_A, HITS_BY(EDU_PASID(1), IOVA));
	EXPECT_EQ(PAGE_B, HITS_BY(EDU_PASID(2), IOVA));
	EXPECT_EQ(PAGE_A, HITS_BY(0, IOVA));

	cmd = pasid_bind(host, self->root, 1);
	cmd.flags |= VFIO_NESTED_PGTBL_REPLACE;
	ASSERT_EQ(0, vfio_bind_pgtbl(fd, &cmd));
	EXPECT_EQ(PAGE_B, HITS_BY(EDU_PASID(1), IOVA));
	cmd.flags |= VFIO_NESTED_PGTBL_BLOCK;
	cmd.base = 0;
	cmd.input_bits = 0;
	ASSERT_EQ(0, vfio_bind_pgtbl(fd, &cmd));
	EXPECT_EQ(NOWHERE, HITS_BY(EDU_PASID(1), IOVA));
	EXPECT_EQ(PAGE_B, HITS_BY(EDU_PASID(2), IOVA));

	/* A PASID that is given back is nobody's. */
	EXPECT_EQ(0, pasid_unbind(host, 2));
	EXPECT_EQ(0, vfio_pasid_free(fd, 2));
	EXPECT_EQ(NOWHERE, HITS_BY(EDU_PASID(2), IOVA));
	cmd = pasid_bind(host, self->root, 2);
	EXPECT_EQ(-ENOENT, vfio_bind_pgtbl(fd, &cmd));
	EXPECT_EQ(0, vfio_unbind_pgtbl(fd, device_of(self->edu)));
	EXPECT_EQ(PAGE_D, HITS_BY(0, GPA(PAGE_D)));
}

/* What a PASID may not do is told with it, be it by a table or blocked. */
TEST_F(vtd_pasid_table, events)
{
	struct vfio_nested_bind_guest_pgtbl cmd;
	const __u64 there[] = { IOVA + GUEST_PAGE, IOVA };
	struct host *host = &self->host;
	struct vfio_nested_event event;
	unsigned int i;
	int events;

	events = vfio_event_fd(host->fd, 16);
	ASSERT_LE(0, events);
	ASSERT_EQ(1, vfio_pasid_alloc(host->fd, 1, 8));
	cmd = pasid_bind(host, self->root, 1);
	cmd.flags |= VFIO_NESTED_PGTBL_DEVICE_ID | VFIO_NESTED_PGTBL_REPLACE;
	cmd.device_id = 0x77;
	edu_set_mode(self->edu, EDU_PASID(1));
	for (i = 0; i < ARRAY_SIZE(there); i++) {
		ASSERT_EQ(0, vfio_bind_pgtbl(host->fd, &cmd));
		ASSERT_EQ(0, edu_store(self->edu, there[i], 0, 4));
		ASSERT_TRUE(event_next(_metadata, events, EVENT_TIMEOUT_MS,
				       &event)) {
			TH_LOG("no event of %#llx came", there[i]);
		}
		EXPECT_EQ((__u32)VFIO_NESTED_EVENT_TRANSLATION, event.reason);
		EXPECT_EQ(0x77ULL, event.device_id);
		EXPECT_EQ(1U, event.pasid);
		EXPECT_EQ(there[i], event.addr);
		EXPECT_EQ((__u32)(VFIO_NESTED_EVENT_HAS_ADDR |
				  VFIO_NESTED_EVENT_HAS_PASID |
				  VFIO_NESTED_EVENT_WRITE), event.flags);
		cmd.flags |= VFIO_NESTED_PGTBL_BLOCK;
		cmd.base = 0;
		cmd.input_bits = 0;
	}
	no_event(_metadata, events);
	close(events);
}

/* What a device has translated itself goes when the guest says so, or the host does. */
TEST_F(vtd_pasid_table, own_translations)
{
	struct vfio_nested_inv inv = fl_inv(VFIO_NESTED_INV_DEV_IOTLB, IOVA);
	struct vfio_nested_bind_guest_pgtbl cmd;
	struct host *host = &self->host;
	__u32 num = 1;
	int rid;

	if (self->software)
		SKIP(return, "the device is not told of a shadow");
	cmd = fl_bind(host, self->root);
	ASSERT_EQ(0, vfio_bind_pgtbl(host->fd, &cmd));
	EXPECT_EQ(PAGE_A, HITS_BY(EDU_OWN, IOVA));
	ENTRY(IOVA, 0) = GPA(PAGE_B) | FL_PAGE;
	EXPECT_EQ(PAGE_A, HITS_BY(EDU_OWN, IOVA));
	/* With what the unit has cached goes what was made of it. */
	ASSERT_EQ(0, pasid_flush(host, 0, IOVA));
	EXPECT_EQ(PAGE_B, HITS_BY(EDU_OWN, IOVA));

	/* And not the other way round: the device asks again, and gets the same. */
	ENTRY(IOVA, 0) = GPA(PAGE_C) | FL_PAGE;
	rid = pci_rid(self->edu->bdf);
	ASSERT_LE(0, rid);
	inv.flags = VFIO_NESTED_INV_HAS_DEVICE;
	inv.device_id = rid;
	ASSERT_EQ(0, vfio_invalidate(host->fd, &inv, &num));
	EXPECT_EQ(PAGE_B, HITS_BY(EDU_OWN, IOVA));
	ASSERT_EQ(0, pasid_flush(host, 0, IOVA));
	EXPECT_EQ(PAGE_C, HITS_BY(EDU_OWN, IOVA));
	ASSERT_EQ(0, vfio_unmap(host->fd, GUEST_GPA, GUEST_SIZE, NULL));
	EXPECT_EQ(NOWHERE, HITS_BY(EDU_OWN, IOVA));
}

/* Two devices, of which one can use up the DIDs of the unit by its PASIDs */
FIXTURE(vtd_pasid_pair)
{
	struct host host;
	__u64 *root;
};

FIXTURE_SETUP(vtd_pasid_pair)
{
	struct host *host = &self->host;

	container_up_nth(_metadata, host, VFIO_TYPE1_NESTING_IOMMU, 0, 2);
	if (_metadata->exit_code)
		return;
	if (!edu_extended(&host->edu[0]))
		SKIP(return, "edu has no PASIDs here");
	self->root = guest_alloc(&host->ram, GUEST_PAGE);
	ASSERT_NE(NULL, self->root);
	ENTRY(IOVA, 0) = GPA(PAGE_A) | FL_PAGE;
}

FIXTURE_TEARDOWN(vtd_pasid_pair)
{
	host_down(&self->host);
}

/* A bind of two devices for which there is one DID is undone for the first. */
TEST_F(vtd_pasid_pair, one_did_for_two_devices)
{
	struct vfio_nested_bind_guest_pgtbl block, own, by_pasid;
	struct host *host = &self->host;
	unsigned int i;
	__u32 pasid;
	int rc = 0;

	own = fl_bind(host, self->root);
	own.target = ALL_GROUPS;
	own.flags |= VFIO_NESTED_PGTBL_REPLACE;
	block = own;
	block.flags |= VFIO_NESTED_PGTBL_BLOCK;
	block.base = 0;
	block.input_bits = 0;
	ASSERT_EQ(0, vfio_bind_pgtbl(host->fd, &block));
	for (pasid = 1; pasid <= PASIDS_MAX; pasid++) {
		ASSERT_EQ((int)pasid, vfio_pasid_alloc(host->fd, pasid, pasid));
		by_pasid = pasid_bind(host, self->root, pasid);
		rc = vfio_bind_pgtbl(host->fd, &by_pasid);
		if (rc)
			break;
	}
	ASSERT_EQ(-ENOSPC, rc);
	EXPECT_EQ(-ENOSPC, vfio_bind_pgtbl(host->fd, &own));
	ASSERT_EQ(0, pasid_unbind(host, --pasid));
	EXPECT_EQ(-ENOSPC, vfio_bind_pgtbl(host->fd, &own));
	for (i = 0; i < 2; i++)
		EXPECT_EQ(NOWHERE, hits(_metadata, host, &host->edu[i], IOVA));
	/* The DID is free as before. */
	by_pasid = pasid_bind(host, self->root, pasid);
	ASSERT_EQ(0, vfio_bind_pgtbl(host->fd, &by_pasid));
	ASSERT_EQ(0, pasid_unbind(host, pasid));
	ASSERT_EQ(0, pasid_unbind(host, --pasid));
	ASSERT_EQ(0, vfio_bind_pgtbl(host->fd, &own));
	for (i = 0; i < 2; i++)
		EXPECT_EQ(PAGE_A, hits(_metadata, host, &host->edu[i], IOVA));
}
