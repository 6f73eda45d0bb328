// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that firmware says the first device uses by itself (RMRR): the device
 * reaches it whatever the kernel maps, and is nobody's else.
 */

#define RESERVED	(WINDOW + 0x2000)
#define RESERVED_LAST	(WINDOW + 0x3fff)

FIXTURE(reserved)
{
	struct edu edu;
	void *window;
};

FIXTURE_SETUP(reserved)
{
	ASSERT_EQ(0, edu_open_sysfs(&self->edu, 0));
	self->window = window_map(_metadata);
}

FIXTURE_TEARDOWN(reserved)
{
	munmap(self->window, WINDOW_SIZE);
	edu_close(&self->edu);
}

/* How many direct regions the nth device has, and whether one is RESERVED. */
static unsigned int direct_regions(struct __test_metadata *_metadata,
				   unsigned int nth, bool *found)
{
	char path[64], type[32];
	unsigned int num = 0;
	__u64 start, end;
	struct edu edu;
	FILE *f;

	ASSERT_EQ(0, edu_open_sysfs(&edu, nth));
	snprintf(path, sizeof(path),
		 "/sys/kernel/iommu_groups/%d/reserved_regions",
		 pci_iommu_group(edu.bdf));
	edu_close(&edu);
	f = fopen(path, "re");
	ASSERT_NE(NULL, f);
	*found = false;
	while (fscanf(f, "%llx %llx %31s", &start, &end, type) == 3) {
		if (strcmp(type, "direct"))
			continue;
		num++;
		*found |= start == RESERVED && end == RESERVED_LAST;
	}
	fclose(f);
	return num;
}

/* That which is not whole pages is not believed. */
TEST_F(reserved, is_listed)
{
	bool found;

	EXPECT_EQ(1U, direct_regions(_metadata, 0, &found));
	EXPECT_TRUE(found);
	EXPECT_EQ(0U, direct_regions(_metadata, 1, &found));
}

/* Its pages, and not what is before and after them. */
static void reaches_reserved_only(struct __test_metadata *_metadata,
				  struct edu *edu, void *window)
{
	EXPECT_TRUE(copies(_metadata, edu, window, RESERVED, RESERVED + 0x1ff8));
	EXPECT_TRUE(copies(_metadata, edu, window, RESERVED + 0x1000, RESERVED));
	EXPECT_FALSE(copies(_metadata, edu, window, RESERVED, RESERVED - 8));
	EXPECT_FALSE(copies(_metadata, edu, window, RESERVED,
			    RESERVED_LAST + 1));
	EXPECT_FALSE(copies(_metadata, edu, window, RESERVED - 8, RESERVED));
}

TEST_F(reserved, is_mapped)
{
	struct edu *edu = &self->edu;

	ASSERT_EQ(0, pci_set_domain_type(edu->bdf, "DMA"));
	reaches_reserved_only(_metadata, edu, self->window);
	ASSERT_EQ(0, pci_set_domain_type(edu->bdf, "identity"));
	EXPECT_TRUE(copies(_metadata, edu, self->window, RESERVED,
			   RESERVED - 8));
	ASSERT_EQ(0, pci_set_domain_type(edu->bdf, "DMA"));
	reaches_reserved_only(_metadata, edu, self->window);
}

/* What is one device's is not in the way of another. */
TEST_F(reserved, is_not_another_device_s)
{
	struct edu edu;

	ASSERT_EQ(0, edu_open_sysfs(&edu, 1));
	ASSERT_EQ(0, pci_set_domain_type(edu.bdf, "DMA"));
	EXPECT_FALSE(copies(_metadata, &edu, self->window, RESERVED,
			    RESERVED + 8));
	edu_close(&edu);
}

/* A user's mappings would be in its place. */
TEST_F(reserved, device_is_not_given_away)
{
	struct edu edu;
	int fd;

	fd = iommufd_open();
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EINVAL, edu_open(&edu, 0, fd));
	EXPECT_EQ(0, edu_open(&edu, 1, fd));
	edu_close(&edu);
	close(fd);
	EXPECT_TRUE(copies(_metadata, &self->edu, self->window, RESERVED,
			   RESERVED + 8));
}
