// SPDX-License-Identifier: GPL-2.0-only
/*
 * A unit that nests: the guest's first stage as IOMMU_HWPT_DATA_VTD_S1, on the
 * host's second. The unit keeps what it has translated until it is told not to.
 */

#define FREE_GPA	0x50000000ULL	/* not the guest's RAM */
#define NO_NESTING	"this unit does not nest"

FIXTURE(vtd_nested)
{
	struct host host;
	struct edu *edu;
	__u64 *root;
	__u32 hwpt;
};

static int s1_alloc_flags(struct host *host, const __u64 *root, __u32 flags,
			  __u32 *hwpt)
{
	struct iommu_hwpt_vtd_s1 data = {
		.pgtbl_addr = guest_gpa(&host->ram, root),
		.addr_width = 48,
	};

	return iommufd_hwpt_alloc_data(host->fd, host->edu[0].dev, host->s2, flags,
				       IOMMU_HWPT_DATA_VTD_S1, &data,
				       sizeof(data), hwpt);
}

static int s1_alloc(struct host *host, const __u64 *root, __u32 *hwpt)
{
	return s1_alloc_flags(host, root, 0, hwpt);
}

static int s1_invalidate(struct host *host, __u32 hwpt,
			 const struct iommu_hwpt_vtd_s1_invalidate *all,
			 __u32 *num)
{
	struct iommu_hwpt_invalidate cmd = {
		.hwpt_id = hwpt,
		.data_type = IOMMU_HWPT_INVALIDATE_DATA_VTD_S1,
		.data_uptr = (uintptr_t)all,
		.entry_len = sizeof(*all),
		.entry_num = *num,
	};
	int rc = iommufd_invalidate_raw(host->fd, &cmd);

	*num = cmd.entry_num;
	return rc;
}

static int s1_flush(struct host *host, __u32 hwpt, __u64 iova, __u64 pages,
		    __u32 flags)
{
	struct iommu_hwpt_vtd_s1_invalidate one = {
		.addr = iova,
		.npages = pages,
		.flags = flags,
	};
	__u32 num = 1;

	return s1_invalidate(host, hwpt, &one, &num);
}

/* The second stage of a guest, on a unit that nests. */
static void host_make_s2(struct __test_metadata *_metadata, struct host *host,
			 __u32 flags)
{
	struct vtd_unit unit;

	ASSERT_EQ(0, vtd_read(&unit));
	if (!ECAP_NEST(unit.ecap))
		SKIP(return, NO_NESTING);
	ASSERT_EQ(0, iommufd_hwpt_alloc(host->fd, host->edu[0].dev, host->ioas,
					IOMMU_HWPT_ALLOC_NEST_PARENT | flags,
					&host->s2));
}

static __u64 *new_table(struct __test_metadata *_metadata, struct host *host)
{
	__u64 *table = guest_alloc(&host->ram, GUEST_PAGE);

	ASSERT_NE(NULL, table);
	return table;
}

FIXTURE_SETUP(vtd_nested)
{
	struct host *host = &self->host;

	host_up(_metadata, host, 2);
	if (!_metadata->exit_code)
		host_make_s2(_metadata, host, 0);
	if (_metadata->exit_code)
		return;
	self->edu = &host->edu[0];
	self->root = new_table(_metadata, host);
	ENTRY(IOVA, 0) = GPA(PAGE_A) | FL_PAGE;
	ASSERT_EQ(0, s1_alloc(host, self->root, &self->hwpt));
}

FIXTURE_TEARDOWN(vtd_nested)
{
	host_down(&self->host);
}

#define HITS(iova)	hits(_metadata, &self->host, self->edu, iova)
#define ATTACH()	ASSERT_EQ(0, edu_attach(self->edu, self->hwpt))
#define FLUSH(iova)	\
	ASSERT_EQ(0, s1_flush(&self->host, self->hwpt, iova, 1, 0))

TEST_F(vtd_nested, walk)
{
	struct host *host = &self->host;

	ATTACH();
	EXPECT_EQ(PAGE_A, HITS(IOVA));
	EXPECT_EQ(NOWHERE, HITS(IOVA + GUEST_PAGE));
	EXPECT_EQ(NOWHERE, HITS(GPA(PAGE_B)));

	ENTRY(IOVA, 0) = GPA(PAGE_B) | FL_PAGE;
	EXPECT_EQ(PAGE_A, HITS(IOVA));
	FLUSH(IOVA);
	EXPECT_EQ(PAGE_B, HITS(IOVA));

	/* What was not there before needs no invalidation. */
	ENTRY(IOVA + GUEST_PAGE, 0) = GPA(PAGE_C) | FL_PAGE;
	EXPECT_EQ(PAGE_C, HITS(IOVA + GUEST_PAGE));

	ENTRY(IOVA, 0) = 0;
	FLUSH(IOVA);
	EXPECT_EQ(NOWHERE, HITS(IOVA));
	EXPECT_EQ(PAGE_C, HITS(IOVA + GUEST_PAGE));

	ASSERT_EQ(0, edu_attach(self->edu, host->s2));
	EXPECT_EQ(NOWHERE, HITS(IOVA + GUEST_PAGE));
	EXPECT_EQ(PAGE_B, HITS(GPA(PAGE_B)));
}

/* Blocks, ranges, everything, and what is left of a walk */
TEST_F(vtd_nested, invalidate)
{
	__u64 at = GPA(PAGE_A) - GUEST_GPA;
	struct host *host = &self->host;
	__u64 *table;

	ATTACH();
	ENTRY(IOVA + GUEST_PAGE, 0) = GPA(PAGE_B) | FL_PAGE;
	EXPECT_EQ(PAGE_A, HITS(IOVA));
	EXPECT_EQ(PAGE_B, HITS(IOVA + GUEST_PAGE));
	ENTRY(IOVA, 0) = GPA(PAGE_C) | FL_PAGE;
	ENTRY(IOVA + GUEST_PAGE, 0) = GPA(PAGE_D) | FL_PAGE;
	ASSERT_EQ(0, s1_flush(host, self->hwpt, IOVA, 0, 0));
	EXPECT_EQ(PAGE_A, HITS(IOVA));
	ASSERT_EQ(0, s1_flush(host, self->hwpt, IOVA + GUEST_PAGE, 1,
			      IOMMU_VTD_INV_FLAGS_LEAF));
	EXPECT_EQ(PAGE_A, HITS(IOVA));
	EXPECT_EQ(PAGE_D, HITS(IOVA + GUEST_PAGE));
	ASSERT_EQ(0, s1_flush(host, self->hwpt, 0, ~0ULL, 0));
	EXPECT_EQ(PAGE_C, HITS(IOVA));

	/* Another table of pages: it takes more than the leaves. */
	table = new_table(_metadata, host);
	table[IOVA >> 12 & 511] = GPA(PAGE_D) | FL_PAGE;
	ENTRY(IOVA, 1) = guest_gpa(&host->ram, table) | FL_TABLE;
	ASSERT_EQ(0, s1_flush(host, self->hwpt, IOVA, 1, IOMMU_VTD_INV_FLAGS_LEAF));
	EXPECT_EQ(PAGE_C, HITS(IOVA));
	FLUSH(IOVA);
	EXPECT_EQ(PAGE_D, HITS(IOVA));

	ENTRY(IOVA, 1) = GUEST_GPA | FL_PAGE | FL_LARGE;
	ASSERT_EQ(0, s1_flush(host, self->hwpt, IOVA & ~(MIB(2) - 1), 512, 0));
	EXPECT_EQ(PAGE_A, HITS((IOVA & ~(MIB(2) - 1)) + at));
}

/* Those before the one that is wrong are done, and counted. */
TEST_F(vtd_nested, invalidate_arrays)
{
	enum { NUM = 150, BAD = 90 };
	struct iommu_hwpt_vtd_s1_invalidate all[NUM];
	struct host *host = &self->host;
	__u32 num, i;

	ATTACH();
	for (i = 0; i < NUM; i++) {
		ENTRY(IOVA + i * GUEST_PAGE, 0) = GPA(PAGE_A) | FL_PAGE;
		ASSERT_EQ(PAGE_A, HITS(IOVA + i * GUEST_PAGE));
		ENTRY(IOVA + i * GUEST_PAGE, 0) = GPA(PAGE_B) | FL_PAGE;
		all[i] = (struct iommu_hwpt_vtd_s1_invalidate){
			.addr = IOVA + i * GUEST_PAGE,
			.npages = 1,
		};
	}
	num = NUM;
	all[BAD].flags = 2;
	EXPECT_EQ(-EOPNOTSUPP, s1_invalidate(host, self->hwpt, all, &num));
	EXPECT_EQ((__u32)BAD, num);
	EXPECT_EQ(PAGE_B, HITS(IOVA));
	EXPECT_EQ(PAGE_B, HITS(IOVA + (BAD - 1) * GUEST_PAGE));
	EXPECT_EQ(PAGE_A, HITS(IOVA + BAD * GUEST_PAGE));
	EXPECT_EQ(PAGE_A, HITS(IOVA + (NUM - 1) * GUEST_PAGE));
	all[BAD].flags = 0;
	num = NUM;
	EXPECT_EQ(0, s1_invalidate(host, self->hwpt, all, &num));
	EXPECT_EQ((__u32)NUM, num);
	EXPECT_EQ(PAGE_B, HITS(IOVA + (NUM - 1) * GUEST_PAGE));
	/* None says whether the kernel knows the type. */
	num = 0;
	EXPECT_EQ(0, s1_invalidate(host, self->hwpt, NULL, &num));
}

TEST_F(vtd_nested, invalidate_refusals)
{
	struct iommu_hwpt_vtd_s1_invalidate one = { .npages = 1 };
	struct iommu_hwpt_invalidate good = {
		.hwpt_id = self->hwpt,
		.data_type = IOMMU_HWPT_INVALIDATE_DATA_VTD_S1,
		.data_uptr = (uintptr_t)&one,
		.entry_len = sizeof(one),
		.entry_num = 1,
	};

#define REFUSE_INV(rc, change) do {					\
	struct iommu_hwpt_invalidate cmd = good;			\
									\
	one = (struct iommu_hwpt_vtd_s1_invalidate){ .npages = 1 };	\
	change;								\
	EXPECT_EQ(rc, iommufd_invalidate_raw(self->host.fd, &cmd)) {	\
		TH_LOG("%s", #change);					\
	}								\
	EXPECT_EQ(0U, cmd.entry_num) {					\
		TH_LOG("%s", #change);					\
	}								\
} while (0)

	REFUSE_INV(-EOPNOTSUPP, one.flags = BIT(1));
	REFUSE_INV(-EOPNOTSUPP, one.__reserved = 1);
	REFUSE_INV(-EINVAL, one.addr = 8);
	REFUSE_INV(-EINVAL, (one.addr = GUEST_PAGE, one.npages = ~0ULL));
	REFUSE_INV(-EINVAL, (one.addr = -GUEST_PAGE, one.npages = 2));
	REFUSE_INV(-EINVAL,
		   cmd.data_type = IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3);
	REFUSE_INV(-EINVAL, cmd.entry_len = 8);
	REFUSE_INV(-EFAULT, cmd.data_uptr = 8);
#undef REFUSE_INV
}

TEST_F(vtd_nested, refusals)
{
	const struct iommu_hwpt_vtd_s1 good = {
		.pgtbl_addr = guest_gpa(&self->host.ram, self->root),
		.addr_width = 48,
	};
	struct host *host = &self->host;
	struct {
		struct iommu_hwpt_vtd_s1 s1;
		__u64 more;
	} data = { 0 };
	__u32 hwpt, type, flags, parent;
	size_t size;

#define REFUSE_S1(rc, change) do {					\
	data.s1 = good;							\
	type = IOMMU_HWPT_DATA_VTD_S1;					\
	flags = 0;							\
	parent = host->s2;						\
	size = sizeof(data.s1);						\
	change;								\
	EXPECT_EQ(rc, iommufd_hwpt_alloc_data(host->fd, self->edu->dev,	\
					      parent, flags, type,	\
					      &data, size, &hwpt)) {	\
		TH_LOG("%s", #change);					\
	}								\
} while (0)

	REFUSE_S1(-EOPNOTSUPP, data.s1.flags = BIT(3));
	REFUSE_S1(-EOPNOTSUPP, data.s1.__reserved = 1);
	REFUSE_S1(-EINVAL, data.s1.flags = IOMMU_VTD_S1_EAFE);
	REFUSE_S1(-EINVAL, data.s1.addr_width = 39);
	REFUSE_S1(-EINVAL, data.s1.addr_width = 0);
	REFUSE_S1(-EINVAL, data.s1.pgtbl_addr += 8);
	REFUSE_S1(-EINVAL, data.s1.pgtbl_addr = 1ULL << 63);
	REFUSE_S1(-EINVAL, size -= 8);
	REFUSE_S1(-EINVAL, size = sizeof(data));
	REFUSE_S1(0, flags = IOMMU_HWPT_ALLOC_PASID);
	REFUSE_S1(-EOPNOTSUPP, flags = IOMMU_HWPT_ALLOC_DIRTY_TRACKING);
	REFUSE_S1(-EOPNOTSUPP, flags = IOMMU_HWPT_ALLOC_NEST_PARENT);
	REFUSE_S1(-EINVAL, type = IOMMU_HWPT_DATA_ARM_SMMUV3);
	/* No parent: an IOAS, a first stage */
	REFUSE_S1(-EOPNOTSUPP, parent = host->ioas);
	REFUSE_S1(-EINVAL, parent = self->hwpt);
#undef REFUSE_S1
}

/* From one translation to another: each is in effect when the call returns. */
TEST_F(vtd_nested, switches)
{
	struct host *host = &self->host;
	__u64 *first = self->root;
	__u32 other;
	int i;

	self->root = new_table(_metadata, host);
	ENTRY(IOVA, 0) = GPA(PAGE_B) | FL_PAGE;
	ASSERT_EQ(0, s1_alloc(host, self->root, &other));
	self->root = first;
	for (i = 0; i < 3; i++) {
		ATTACH();
		EXPECT_EQ(PAGE_A, HITS(IOVA));
		ASSERT_EQ(0, edu_attach(self->edu, other));
		EXPECT_EQ(PAGE_B, HITS(IOVA));
		ASSERT_EQ(0, edu_attach(self->edu, host->s2));
		EXPECT_EQ(NOWHERE, HITS(IOVA));
		EXPECT_EQ(PAGE_C, HITS(GPA(PAGE_C)));
		ATTACH();
		ASSERT_EQ(0, edu_attach(self->edu, host->ioas));
		EXPECT_EQ(PAGE_D, HITS(GPA(PAGE_D)));
		ATTACH();
		ASSERT_EQ(0, edu_detach(self->edu));
		EXPECT_EQ(NOWHERE, HITS(IOVA));
		EXPECT_EQ(NOWHERE, HITS(GPA(PAGE_A)));
	}
	EXPECT_EQ(0, iommufd_destroy(host->fd, other));
	EXPECT_EQ(-EBUSY, iommufd_destroy(host->fd, host->s2));
	EXPECT_EQ(0, iommufd_destroy(host->fd, self->hwpt));
	EXPECT_EQ(0, iommufd_destroy(host->fd, host->s2));
}

/* Two devices on one table: what the guest invalidates goes for both. */
TEST_F(vtd_nested, two_devices)
{
	struct host *host = &self->host;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, edu_attach(&host->edu[i], self->hwpt));
		EXPECT_EQ(PAGE_A, hits(_metadata, host, &host->edu[i], IOVA));
	}
	ENTRY(IOVA, 0) = GPA(PAGE_B) | FL_PAGE;
	FLUSH(IOVA);
	for (i = 0; i < 2; i++)
		EXPECT_EQ(PAGE_B, hits(_metadata, host, &host->edu[i], IOVA));
	ASSERT_EQ(0, edu_detach(&host->edu[0]));
	EXPECT_EQ(NOWHERE, hits(_metadata, host, &host->edu[0], IOVA));
	EXPECT_EQ(PAGE_B, hits(_metadata, host, &host->edu[1], IOVA));
}

/* What the host takes away is gone at once, whatever the guest's tables say. */
TEST_F(vtd_nested, second_stage_goes)
{
	struct host *host = &self->host;

	ASSERT_EQ(0, iommufd_ioas_map(host->fd, host->ioas, host->page[0],
				      GUEST_PAGE, FREE_GPA));
	ENTRY(IOVA, 0) = FREE_GPA | FL_PAGE;
	ATTACH();
	EXPECT_EQ(PAGE_A, HITS(IOVA));
	ASSERT_EQ(0, iommufd_ioas_unmap(host->fd, host->ioas, FREE_GPA,
					GUEST_PAGE));
	EXPECT_EQ(NOWHERE, HITS(IOVA));
	ASSERT_EQ(0, iommufd_ioas_map(host->fd, host->ioas, host->page[1],
				      GUEST_PAGE, FREE_GPA));
	EXPECT_EQ(PAGE_B, HITS(IOVA));
	/* The tables themselves */
	ASSERT_EQ(0, iommufd_ioas_unmap(host->fd, host->ioas, GUEST_GPA,
					GUEST_SIZE));
	EXPECT_EQ(NOWHERE, HITS(IOVA));
	ASSERT_EQ(0, iommufd_ioas_map(host->fd, host->ioas, host->ram.ram,
				      GUEST_SIZE, GUEST_GPA));
	EXPECT_EQ(PAGE_B, HITS(IOVA));
}

/* Memory that is not the guest's, or not to be written: by data and by tables. */
TEST_F(vtd_nested, not_the_guests)
{
	struct host *host = &self->host;
	__u64 *mine, outside[2] = { GUEST_GPA + GUEST_SIZE, 1ULL << 45 };
	unsigned int i;

	ATTACH();
	for (i = 0; i < ARRAY_SIZE(outside); i++) {
		ENTRY(IOVA, 0) = outside[i] | FL_PAGE;
		FLUSH(IOVA);
		EXPECT_EQ(NOWHERE, HITS(IOVA));
	}
	ENTRY(IOVA, 1) = (GUEST_GPA + GUEST_SIZE) | FL_TABLE;
	FLUSH(IOVA);
	EXPECT_EQ(NOWHERE, HITS(IOVA));

	/* A page that the host lets the guest's devices read */
	mine = new_table(_metadata, host);
	mine[0] = marker(7);
	ASSERT_EQ(0, iommufd_ioas_map_prot(host->fd, host->ioas, mine, GUEST_PAGE,
					   FREE_GPA, IOMMU_IOAS_MAP_READABLE));
	ENTRY(IOVA + MIB(2), 0) = FREE_GPA | FL_PAGE;
	ASSERT_EQ(0, load(self->edu, IOVA + MIB(2), 8));
	ASSERT_EQ(0, edu_store(self->edu, IOVA + MIB(2) + 8, 0, 8));
	EXPECT_EQ(0ULL, mine[1]);
	ENTRY(IOVA + MIB(4), 0) = GPA(PAGE_A) | FL_PAGE;
	ASSERT_EQ(0, edu_store(self->edu, IOVA + MIB(4), 0, 8));
	EXPECT_EQ(marker(7), host->page[0][0]);
}

TEST_F(vtd_nested, accessed_and_dirty)
{
	unsigned int level;

	for (level = 1; level <= FL_TOP; level++)
		ENTRY(IOVA, level) &= ~FL_ACCESSED;
	ENTRY(IOVA, 0) = GPA(PAGE_A) | FL_TABLE;
	ENTRY(IOVA + GUEST_PAGE, 0) = GPA(PAGE_B) | FL_TABLE;
	ATTACH();
	ASSERT_EQ(0, load(self->edu, IOVA, 8));
	for (level = 0; level <= FL_TOP; level++)
		EXPECT_TRUE(!!(ENTRY(IOVA, level) & FL_ACCESSED)) {
			TH_LOG("level %u", level);
		}
	EXPECT_FALSE(!!(ENTRY(IOVA, 0) & FL_DIRTY));
	EXPECT_EQ(GPA(PAGE_B) | FL_TABLE, ENTRY(IOVA + GUEST_PAGE, 0));
	ASSERT_EQ(0, edu_store(self->edu, IOVA, 0, 8));
	EXPECT_EQ(GPA(PAGE_A) | FL_PAGE, ENTRY(IOVA, 0));
}

/* What a process leaves behind when it ends, in whatever order, is no access. */
TEST_F(vtd_nested, closed)
{
	struct edu *edu = self->edu;
	struct edu open;

	ATTACH();
	EXPECT_EQ(PAGE_A, HITS(IOVA));
	close(self->host.fd);
	self->host.fd = -1;
	EXPECT_EQ(PAGE_A, HITS(IOVA));
	edu_close(&self->host.edu[1]);
	edu_close(edu);
	ASSERT_EQ(0, edu_open_sysfs(&open, 0));
	EXPECT_EQ(NOWHERE, hits(_metadata, &self->host, &open, IOVA));
	edu_close(&open);
	self->host.num_edu = 0;
}
