// SPDX-License-Identifier: GPL-2.0-only
/* A unit that nobody drives translates nothing. */

FIXTURE(bare)
{
	struct edu edu;
	void *window;
};

FIXTURE_SETUP(bare)
{
	ASSERT_EQ(0, edu_open_sysfs(&self->edu, 0));
	self->window = window_map(_metadata);
}

FIXTURE_TEARDOWN(bare)
{
	munmap(self->window, WINDOW_SIZE);
	edu_close(&self->edu);
}

TEST_F(bare, memory_is_where_it_is)
{
	EXPECT_TRUE(copies(_metadata, &self->edu, self->window, WINDOW,
			   WINDOW + WINDOW_SIZE - 8));
	EXPECT_EQ(-ENOENT, pci_iommu_group(self->edu.bdf));
}
