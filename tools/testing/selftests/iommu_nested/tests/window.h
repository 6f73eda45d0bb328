/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory at a known place that the kernel does not use ("memmap=64K$0x10000000"),
 * and devices that can be told to write there without anybody's leave.
 */
#ifndef IOMMU_NESTED_TESTS_WINDOW_H
#define IOMMU_NESTED_TESTS_WINDOW_H

#define WINDOW		0x10000000ULL
#define WINDOW_SIZE	0x10000ULL

/* All zero. */
static void *window_map(struct __test_metadata *_metadata)
{
	int fd = open("/dev/mem", O_RDWR | O_CLOEXEC);
	void *window;

	ASSERT_LE(0, fd);
	window = mmap(NULL, WINDOW_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		      WINDOW);
	close(fd);
	ASSERT_NE(MAP_FAILED, window);
	memset(window, 0, WINDOW_SIZE);
	return window;
}

/*
 * Whether the device can copy a word from @from to @to, which are addresses of
 * the window and in the same place for it.
 */
static bool copies(struct __test_metadata *_metadata, struct edu *edu,
		   void *window, __u64 from, __u64 to)
{
	const __u64 word = 0x9e3779b97f4a7c15ULL ^ from ^ to;
	void *target = window + to - WINDOW;

	writeq(0, target);
	writeq(word, window + from - WINDOW);
	EXPECT_EQ(0, edu_load(edu, from, 0, sizeof(word)));
	EXPECT_EQ(0, edu_store(edu, to, 0, sizeof(word)));
	return readq(target) == word;
}

#endif
