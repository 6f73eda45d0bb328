// SPDX-License-Identifier: GPL-2.0-only
/* Which pages devices write to, by a second stage that records it. */

FIXTURE(vtd_dirty)
{
	struct host host;
	struct edu *edu;
	__u32 hwpt;
};

FIXTURE_VARIANT(vtd_dirty)
{
	__u32 flags;
};

FIXTURE_VARIANT_ADD(vtd_dirty, plain)
{
	.flags = 0,
};

FIXTURE_VARIANT_ADD(vtd_dirty, parent)
{
	.flags = IOMMU_HWPT_ALLOC_NEST_PARENT,
};

FIXTURE_SETUP(vtd_dirty)
{
	struct host *host = &self->host;
	struct vtd_unit unit;

	memset(host, 0, sizeof(*host));
	ASSERT_EQ(0, vtd_read(&unit));
	if (!ECAP_SLADS(unit.ecap))
		SKIP(return, "this unit does not record writes");
	if (variant->flags && !ECAP_NEST(unit.ecap))
		SKIP(return, NO_NESTING);
	host_up(_metadata, host, 1);
	if (_metadata->exit_code)
		return;
	self->edu = &host->edu[0];
	ASSERT_EQ(0, iommufd_hwpt_alloc(host->fd, self->edu->dev, host->ioas,
					IOMMU_HWPT_ALLOC_DIRTY_TRACKING |
					variant->flags, &self->hwpt));
	ASSERT_EQ(0, edu_attach(self->edu, self->hwpt));
}

FIXTURE_TEARDOWN(vtd_dirty)
{
	host_down(&self->host);
}

/* Which pages of the guest's RAM were written to since it was last asked for. */
static void take(struct __test_metadata *_metadata, struct host *host, __u32 hwpt,
		 unsigned long *first, unsigned int *num)
{
	__u64 bitmap[GUEST_SIZE / GUEST_PAGE / 64] = { 0 };
	unsigned int i;

	ASSERT_EQ(0, iommufd_get_dirty_bitmap(host->fd, hwpt, GUEST_GPA, GUEST_SIZE,
					      GUEST_PAGE, bitmap));
	*num = 0;
	for (i = 0; i < GUEST_SIZE / GUEST_PAGE; i++)
		if (bitmap[i / 64] >> (i % 64) & 1 && !(*num)++)
			*first = GUEST_GPA + i * GUEST_PAGE;
}

#define EXPECT_CLEAN() do {						\
	unsigned long first_;						\
	unsigned int num_;						\
									\
	take(_metadata, &self->host, self->hwpt, &first_, &num_);	\
	EXPECT_EQ(0U, num_);						\
} while (0)

#define EXPECT_DIRTY(page) do {						\
	unsigned long first_ = 0;					\
	unsigned int num_;						\
									\
	take(_metadata, &self->host, self->hwpt, &first_, &num_);	\
	EXPECT_EQ(1U, num_);						\
	EXPECT_EQ(GPA(page), first_);					\
} while (0)

#define TRACK(flags) \
	ASSERT_EQ(0, iommufd_set_dirty_tracking(self->host.fd, self->hwpt, flags))

TEST_F(vtd_dirty, writes)
{
	EXPECT_EQ(PAGE_A, HITS(GPA(PAGE_A)));
	TRACK(IOMMU_HWPT_DIRTY_TRACKING_ENABLE);
	EXPECT_CLEAN();
	/* What was cached by then counts. */
	EXPECT_EQ(PAGE_A, HITS(GPA(PAGE_A)));
	EXPECT_DIRTY(PAGE_A);
	EXPECT_CLEAN();
	ASSERT_EQ(0, load(self->edu, GPA(PAGE_B), GUEST_PAGE));
	EXPECT_CLEAN();
	ASSERT_EQ(0, edu_store(self->edu, GPA(PAGE_C), 0, 8));
	EXPECT_DIRTY(PAGE_C);
	ASSERT_EQ(0, edu_store(self->edu, GPA(PAGE_C), 0, 8));
	EXPECT_DIRTY(PAGE_C);
	TRACK(0);
	ASSERT_EQ(0, edu_store(self->edu, GPA(PAGE_D), 0, 8));
	TRACK(IOMMU_HWPT_DIRTY_TRACKING_ENABLE);
	EXPECT_CLEAN();
}

/* A device that comes later is tracked, too, and one that goes has been. */
TEST_F(vtd_dirty, attached_later)
{
	struct host *host = &self->host;

	ASSERT_EQ(0, edu_attach(self->edu, host->ioas));
	TRACK(IOMMU_HWPT_DIRTY_TRACKING_ENABLE);
	EXPECT_EQ(PAGE_A, HITS(GPA(PAGE_A)));
	EXPECT_CLEAN();
	ASSERT_EQ(0, edu_attach(self->edu, self->hwpt));
	EXPECT_EQ(PAGE_B, HITS(GPA(PAGE_B)));
	ASSERT_EQ(0, edu_attach(self->edu, host->ioas));
	EXPECT_DIRTY(PAGE_B);
}

/* A guest's writes are those of its memory: by a table that it owns, too. */
TEST_F(vtd_dirty, by_a_guest)
{
	struct host *host = &self->host;
	unsigned long first = 0;
	unsigned int num;
	__u32 hwpt;
	__u64 *root;

	if (!(variant->flags & IOMMU_HWPT_ALLOC_NEST_PARENT))
		SKIP(return, "no second stage for guests");
	host->s2 = self->hwpt;
	root = new_table(_metadata, host);
	*fl_entry(_metadata, host, root, IOVA, 0) = GPA(PAGE_A) | FL_PAGE;
	ASSERT_EQ(0, s1_alloc(host, root, &hwpt));
	ASSERT_EQ(0, edu_attach(self->edu, hwpt));
	TRACK(IOMMU_HWPT_DIRTY_TRACKING_ENABLE);
	ASSERT_EQ(0, load(self->edu, IOVA, 8));
	ASSERT_EQ(0, edu_store(self->edu, IOVA, 0, 8));
	take(_metadata, host, self->hwpt, &first, &num);
	EXPECT_EQ(GPA(PAGE_A), first);
	/* With the tables that have accessed bits */
	EXPECT_LE(1U, num);
	EXPECT_GE(1U + FL_TOP + 1, num);
}
