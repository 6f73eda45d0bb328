// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest's first-stage table on VT-d, which the hardware walks where it nests.
 * Elsewhere software does, and the device uses a shadow of it: what does not depend
 * on the format of that is tested with an SMMU.
 */

#define BLOCK_IOVA	0x1240000000ULL

FIXTURE(vtd_pgtbl)
{
	struct host host;
	struct edu *edu;
	__u64 *root;
	bool software;			/* walks the guest's tables */
};

static struct vfio_nested_bind_guest_pgtbl fl_bind(struct host *host,
						   const __u64 *root)
{
	return (struct vfio_nested_bind_guest_pgtbl){
		.flags = VFIO_NESTED_PGTBL_NO_PASID,
		.target = device_of(&host->edu[0]),
		.model = VFIO_NESTED_MODEL_INTEL_VTD,
		.base = guest_gpa(&host->ram, root),
		.input_bits = 48,
	};
}

/* One page in one of VFIO_NESTED_INV_*'s caches */
static struct vfio_nested_inv fl_inv(__u32 cache, __u64 iova)
{
	return (struct vfio_nested_inv){
		.caches = cache,
		.granularity = VFIO_NESTED_INV_GRANU_ADDR,
		.addr = iova,
		.granule_size = GUEST_PAGE,
		.granule_count = 1,
	};
}

static int fl_flush(struct host *host, __u64 iova)
{
	struct vfio_nested_inv inv = fl_inv(VFIO_NESTED_INV_IOTLB, iova);
	__u32 num = 1;

	return vfio_invalidate(host->fd, &inv, &num);
}

FIXTURE_SETUP(vtd_pgtbl)
{
	struct host *host = &self->host;

	container_up_nth(_metadata, host, VFIO_TYPE1_NESTING_IOMMU, 0, 1);
	if (_metadata->exit_code)
		return;
	self->software = shadowing(_metadata, host);
	self->edu = &host->edu[0];
	self->root = guest_alloc(&host->ram, GUEST_PAGE);
	ASSERT_NE(NULL, self->root);
}

FIXTURE_TEARDOWN(vtd_pgtbl)
{
	host_down(&self->host);
}

#define HITS(iova)	hits(_metadata, &self->host, self->edu, iova)

#define BIND() do {							\
	struct vfio_nested_bind_guest_pgtbl cmd_;			\
									\
	cmd_ = fl_bind(&self->host, self->root);			\
	ASSERT_EQ(0, vfio_bind_pgtbl(self->host.fd, &cmd_));		\
} while (0)

TEST_F(vtd_pgtbl, info)
{
	const struct vfio_nested_info_intel_vtd *unit;
	const struct vfio_nested_info_cap *cap;
	unsigned int pasid_bits;
	union info info;

	cap = info_get(_metadata, self->host.fd, &info, VFIO_NESTED_INFO_CAP);
	EXPECT_EQ((__u64)(VFIO_NESTED_OP_BIND_GUEST_PGTBL |
			  VFIO_NESTED_OP_CACHE_INVALIDATE |
			  VFIO_NESTED_OP_EVENT_FD),
		  cap->ops & ~(__u64)VFIO_NESTED_OP_PASID_REQUEST);
	EXPECT_EQ((__u32)VFIO_NESTED_MODEL_INTEL_VTD, cap->model);
	EXPECT_EQ((__u32)(VFIO_NESTED_INFO_INV_GENERIC |
			  (self->software ? VFIO_NESTED_INFO_CACHING_MODE :
			   VFIO_NESTED_INFO_DEV_IOTLB |
			   VFIO_NESTED_INFO_HW_ACCESS |
			   VFIO_NESTED_INFO_HW_DIRTY)), cap->flags);
	EXPECT_EQ(0ULL, cap->msi_size);
	EXPECT_EQ(KIB(4), cap->granules);
	EXPECT_EQ(KIB(4) | MIB(2) | MIB(1024), cap->pgsizes);
	EXPECT_LE(38U, cap->input_bits);
	unit = info_get(_metadata, self->host.fd, &info,
			VFIO_NESTED_INFO_CAP_INTEL_VTD);
	EXPECT_EQ(0U, unit->index);
	EXPECT_NE(0ULL, unit->cap);
	EXPECT_NE(0ULL, unit->ecap);
	/* The unit's PASIDs, of those that a directory of one page leads to */
	pasid_bits = ECAP_PASID(unit->ecap) ? ECAP_PSS(unit->ecap) + 1 : 0;
	EXPECT_EQ(pasid_bits < 15 ? pasid_bits : 15, cap->pasid_bits);
	EXPECT_EQ(pasid_bits != 0,
		  !!(cap->ops & VFIO_NESTED_OP_PASID_REQUEST));
}

TEST_F(vtd_pgtbl, walk)
{
	struct host *host = &self->host;

	ENTRY(IOVA, 0) = GPA(PAGE_A) | FL_PAGE;
	EXPECT_EQ(PAGE_B, HITS(GPA(PAGE_B)));
	BIND();
	EXPECT_EQ(PAGE_A, HITS(IOVA));
	EXPECT_EQ(NOWHERE, HITS(IOVA + GUEST_PAGE));
	EXPECT_EQ(NOWHERE, HITS(GPA(PAGE_B)));

	ENTRY(IOVA, 0) = GPA(PAGE_B) | FL_PAGE;
	EXPECT_EQ(PAGE_A, HITS(IOVA));
	ASSERT_EQ(0, fl_flush(host, IOVA));
	EXPECT_EQ(PAGE_B, HITS(IOVA));

	ENTRY(IOVA + GUEST_PAGE, 0) = GPA(PAGE_C) | FL_PAGE;
	/* Only software wants to be told of what was not there before. */
	EXPECT_EQ(self->software ? NOWHERE : PAGE_C, HITS(IOVA + GUEST_PAGE));
	ASSERT_EQ(0, fl_flush(host, IOVA + GUEST_PAGE));
	EXPECT_EQ(PAGE_C, HITS(IOVA + GUEST_PAGE));

	ENTRY(IOVA, 0) = 0;
	ASSERT_EQ(0, fl_flush(host, IOVA));
	EXPECT_EQ(NOWHERE, HITS(IOVA));
	EXPECT_EQ(PAGE_C, HITS(IOVA + GUEST_PAGE));

	ASSERT_EQ(0, vfio_unbind_pgtbl(host->fd, device_of(self->edu)));
	EXPECT_EQ(NOWHERE, HITS(IOVA + GUEST_PAGE));
	EXPECT_EQ(PAGE_B, HITS(GPA(PAGE_B)));
}

TEST_F(vtd_pgtbl, entries)
{
	const struct {
		__u64 entry;
		bool write;
	} pages[] = {
		{ FL_PAGE, true },
		{ FL_PAGE & ~FL_PRESENT, false },
		{ FL_PAGE & ~FL_WRITE, false },
		{ FL_PAGE & ~FL_USER, false },
		/* Software does not set them. */
		{ FL_PAGE & ~FL_ACCESSED, !self->software },
		{ FL_PAGE & ~FL_DIRTY, !self->software },
		/* A memory type, software's */
		{ FL_PAGE | FL_LARGE | GENMASK_ULL(62, 52), true },
		/* Execute never: reserved for hardware that is not told of it (NXE) */
		{ FL_PAGE | BIT_ULL(63), self->software },
	};
	unsigned int i;

	BIND();
	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		ENTRY(IOVA, 0) = GPA(PAGE_A) | pages[i].entry;
		ASSERT_EQ(0, fl_flush(&self->host, IOVA));
		EXPECT_EQ(pages[i].write ? PAGE_A : NOWHERE, HITS(IOVA)) {
			TH_LOG("page %u", i);
		}
	}
	ENTRY(IOVA, 0) = GPA(PAGE_A) | FL_PAGE;
	ENTRY(IOVA, 2) &= ~FL_USER;
	ASSERT_EQ(0, fl_flush(&self->host, IOVA));
	EXPECT_EQ(NOWHERE, HITS(IOVA));
}

TEST_F(vtd_pgtbl, large_pages)
{
	struct host *host = &self->host;
	__u64 at = GPA(PAGE_A) - GUEST_GPA;
	unsigned int level;

	BIND();
	for (level = 1; level <= 2; level++) {
		ENTRY(BLOCK_IOVA, level) = GUEST_GPA | FL_PAGE | FL_LARGE;
		ASSERT_EQ(0, fl_flush(host, BLOCK_IOVA + MIB(1)));
		EXPECT_EQ(PAGE_A, HITS(BLOCK_IOVA + at));
		EXPECT_EQ(NOWHERE, HITS(BLOCK_IOVA + GUEST_SIZE));
		/* Reserved bits */
		ENTRY(BLOCK_IOVA, level) |= BIT_ULL(13);
		ASSERT_EQ(0, fl_flush(host, BLOCK_IOVA));
		EXPECT_EQ(NOWHERE, HITS(BLOCK_IOVA + at));
		ENTRY(BLOCK_IOVA, level) = 0;
		ASSERT_EQ(0, fl_flush(host, BLOCK_IOVA));
	}
}

TEST_F(vtd_pgtbl, memory_goes)
{
	struct host *host = &self->host;
	long pinned = pinned_pages(_metadata);

	ASSERT_EQ(0, vfio_map(host->fd, host->page[0], GUEST_PAGE, FREE_GPA));
	ENTRY(IOVA, 0) = FREE_GPA | FL_PAGE;
	ENTRY(IOVA + GUEST_PAGE, 0) = GPA(PAGE_D) | FL_PAGE;
	BIND();
	EXPECT_EQ(PAGE_A, HITS(IOVA));
	ASSERT_EQ(0, vfio_unmap(host->fd, FREE_GPA, GUEST_PAGE, NULL));
	EXPECT_EQ(pinned, pinned_pages(_metadata));
	EXPECT_EQ(NOWHERE, HITS(IOVA));
	EXPECT_EQ(PAGE_D, HITS(IOVA + GUEST_PAGE));
	ASSERT_EQ(0, vfio_map(host->fd, host->page[1], GUEST_PAGE, FREE_GPA));
	EXPECT_EQ(PAGE_B, HITS(IOVA));
	/* The tables go, and the data stays. */
	ASSERT_EQ(0, vfio_unmap(host->fd, GUEST_GPA, GUEST_SIZE, NULL));
	EXPECT_EQ(NOWHERE, HITS(IOVA));
	ASSERT_EQ(0, vfio_map(host->fd, host->ram.ram, GUEST_SIZE, GUEST_GPA));
	EXPECT_EQ(PAGE_B, HITS(IOVA));
}

/* Remapped over and over, all over the place: no more tables than are used. */
TEST_F(vtd_pgtbl, again_and_again)
{
	struct host *host = &self->host;
	unsigned int i;

	BIND();
	for (i = 0; i < 500; i++) {
		__u64 iova = IOVA + (i % 7) * MIB(2);

		ENTRY(iova, 0) = GPA(BIT(i % NUM_PAGES)) | FL_PAGE;
		ASSERT_EQ(0, fl_flush(host, iova));
		if (i % 50 == 0)
			ASSERT_EQ(BIT(i % NUM_PAGES), HITS(iova));
		ENTRY(iova, 0) = 0;
		ASSERT_EQ(0, fl_flush(host, iova));
	}
	EXPECT_EQ(NOWHERE, HITS(IOVA));
}

TEST_F(vtd_pgtbl, interrupts)
{
	struct host *host = &self->host;
	int event = eventfd(0, EFD_CLOEXEC);

	ASSERT_LE(0, event);
	ASSERT_EQ(0, edu_set_irq(self->edu, event));
	/* The window is not translated, whatever the table says. */
	ENTRY(MSI_WINDOW & ~(MIB(2) - 1), 1) = GUEST_GPA | FL_PAGE | FL_LARGE;
	BIND();
	EXPECT_IRQ(self->edu, event);
	ASSERT_EQ(0, vfio_unbind_pgtbl(host->fd, device_of(self->edu)));
	EXPECT_IRQ(self->edu, event);
	ASSERT_EQ(0, edu_set_irq(self->edu, -1));
	close(event);
}

#define REFUSE(rc, change) do {						\
	struct vfio_nested_bind_guest_pgtbl cmd;			\
									\
	cmd = fl_bind(&self->host, self->root);				\
	change;								\
	EXPECT_EQ(rc, vfio_bind_pgtbl(self->host.fd, &cmd)) {		\
		TH_LOG("%s", #change);					\
	}								\
} while (0)

/* Many at once, of which one is wrong: those before it are done, and counted. */
TEST_F(vtd_pgtbl, batches)
{
	enum { NUM = 40, BAD = 25 };
	/* Hardware has what it was used for. */
	unsigned long stale = self->software ? NOWHERE : PAGE_A;
	struct vfio_nested_inv inv[NUM];
	struct host *host = &self->host;
	__u32 num, i;

	BIND();
	for (i = 0; i < NUM; i++) {
		ENTRY(IOVA + i * GUEST_PAGE, 0) = GPA(PAGE_A) | FL_PAGE;
		EXPECT_EQ(self->software ? NOWHERE : PAGE_A,
			  HITS(IOVA + i * GUEST_PAGE));
		ENTRY(IOVA + i * GUEST_PAGE, 0) = GPA(PAGE_C) | FL_PAGE;
		inv[i] = fl_inv(VFIO_NESTED_INV_IOTLB, IOVA + i * GUEST_PAGE);
	}
	inv[BAD].reserved = 1;
	num = NUM;
	EXPECT_EQ(-EINVAL, vfio_invalidate(host->fd, inv, &num));
	EXPECT_EQ((__u32)BAD, num);
	EXPECT_EQ(PAGE_C, HITS(IOVA));
	EXPECT_EQ(PAGE_C, HITS(IOVA + (BAD - 1) * GUEST_PAGE));
	EXPECT_EQ(stale, HITS(IOVA + BAD * GUEST_PAGE));
	EXPECT_EQ(stale, HITS(IOVA + (NUM - 1) * GUEST_PAGE));

	/* A device that nobody has */
	inv[BAD].reserved = 0;
	inv[BAD].flags = VFIO_NESTED_INV_HAS_DEVICE;
	inv[BAD].device_id = 0xbeef;
	num = NUM;
	EXPECT_EQ(-ENOENT, vfio_invalidate(host->fd, inv, &num));
	EXPECT_EQ((__u32)BAD, num);

	inv[BAD].flags = 0;
	inv[BAD].device_id = 0;
	num = NUM;
	EXPECT_EQ(0, vfio_invalidate(host->fd, inv, &num));
	EXPECT_EQ((__u32)NUM, num);
	EXPECT_EQ(PAGE_C, HITS(IOVA + BAD * GUEST_PAGE));
	EXPECT_EQ(PAGE_C, HITS(IOVA + (NUM - 1) * GUEST_PAGE));
}

/* No unit translates interrupts, or has a guest's PASID tables. */
TEST_F(vtd_pgtbl, ops_of_other_hardware)
{
	struct vfio_nested_cache_invalidate inv = {
		.model = VFIO_NESTED_MODEL_INTEL_VTD,
		.entry_size = 32,
	};
	struct vfio_nested_bind_pasid_table table = {
		.target = device_of(self->edu),
		.model = VFIO_NESTED_MODEL_INTEL_VTD,
		.base = guest_gpa(&self->host.ram, self->root),
	};
	struct vfio_nested_bind_guest_pgtbl pgtbl = {
		.argsz = sizeof(pgtbl),
		.target = device_of(self->edu),
		.pasid = 1,
	};
	bool pasids = edu_extended(self->edu);
	const struct vfio_nested_info_cap *cap;
	int fd = self->host.fd;
	union info info;

	cap = info_get(_metadata, fd, &info, VFIO_NESTED_INFO_CAP);
	if (!(cap->ops & VFIO_NESTED_OP_PASID_REQUEST)) {
		EXPECT_EQ(-EOPNOTSUPP, vfio_pasid_alloc(fd, 1, 1));
		EXPECT_EQ(-EOPNOTSUPP, vfio_pasid_alloc(fd, 1, 0));
		EXPECT_EQ(-EOPNOTSUPP, vfio_pasid_free(fd, 1));
	}
	EXPECT_EQ(pasids ? -ENOENT : -EOPNOTSUPP,
		  vfio_ioctl(fd, VFIO_NESTED_UNBIND_GUEST_PGTBL, &pgtbl));
	pgtbl = fl_bind(&self->host, self->root);
	pgtbl.flags = 0;
	pgtbl.pasid = 1;
	EXPECT_EQ(pasids ? -ENOENT : -EOPNOTSUPP, vfio_bind_pgtbl(fd, &pgtbl));
	EXPECT_EQ(-EOPNOTSUPP, vfio_bind(fd, &table));
	EXPECT_EQ(-EOPNOTSUPP, vfio_unbind(fd, device_of(self->edu)));
	EXPECT_EQ(-EOPNOTSUPP, vfio_bind_msi(fd, group_of(self->edu), IOVA,
					     FREE_GPA, GUEST_PAGE));
	EXPECT_EQ(-EOPNOTSUPP, vfio_invalidate_raw(fd, &inv));
	EXPECT_EQ(PAGE_A, HITS(GPA(PAGE_A)));
}

TEST_F(vtd_pgtbl, refusals)
{
	int no_pasid = edu_extended(self->edu) ? -ENOENT : -EOPNOTSUPP;

	REFUSE(-EINVAL, cmd.input_bits = 39);
	REFUSE(-EINVAL, cmd.data[0] = BIT_ULL(3));
	REFUSE(-EINVAL, cmd.data[1] = 1);
	REFUSE(-EINVAL, cmd.base += 8);
	REFUSE(-EOPNOTSUPP, cmd.data[0] = BIT_ULL(1));	/* EAFE */
	REFUSE(-EOPNOTSUPP, cmd.model = VFIO_NESTED_MODEL_ARM_SMMUV3);
	REFUSE(-EINVAL, cmd.flags = 0);
	REFUSE(-EINVAL, cmd.pasid = 1);
	REFUSE(no_pasid, (cmd.flags = 0, cmd.pasid = 1));
	REFUSE(edu_extended(self->edu) ? -ERANGE : -EOPNOTSUPP,
	       (cmd.flags = VFIO_NESTED_PGTBL_REPLACE, cmd.pasid = ~0U));
	REFUSE(-ERANGE, cmd.base = 1ULL << 63);
	REFUSE(-EFAULT, cmd.base = GUEST_GPA + GUEST_SIZE);
	EXPECT_EQ(PAGE_A, HITS(GPA(PAGE_A)));
	EXPECT_EQ(-ENOENT, vfio_unbind_pgtbl(self->host.fd,
					     device_of(self->edu)));
}
