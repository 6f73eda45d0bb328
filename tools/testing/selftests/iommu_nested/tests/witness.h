/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the fixtures are made of: a host, which is an iommufd context or a VFIO
 * container, with devices and some memory.
 *
 * The question "where does this DMA go?" has one form in all tests: hits()
 * lets the device store a fresh marker and tells which of the host's four data
 * pages got it. PAGE_A means that page alone, NOWHERE that the DMA was stopped.
 */
#ifndef IOMMU_NESTED_WITNESS_H
#define IOMMU_NESTED_WITNESS_H

#include <linux/bits.h>
#include <linux/iommufd.h>

#include "../lib/edu.h"
#include "../lib/guest.h"

#define GUEST_GPA	0x40000000ULL
#define GUEST_SIZE	MIB(4)
#define IOVA		0x1234567000ULL

#define PAGE_A		BIT(0)
#define PAGE_B		BIT(1)
#define PAGE_C		BIT(2)
#define PAGE_D		BIT(3)
#define NOWHERE		0UL
#define NUM_PAGES	4
#define PAGE_WORDS	(GUEST_PAGE / sizeof(__u64))

#define MAX_DEVICES	2

struct host {
	int fd;				/* iommufd context or VFIO container */
	__u32 ioas;
	__u32 s2;			/* nesting parent of the ioas, once made */
	struct edu edu[MAX_DEVICES];
	unsigned int num_edu;
	struct guest ram;
	__u64 *page[NUM_PAGES];
	unsigned int next_marker;
	struct iommu_hw_info_arm_smmuv3 smmu;	/* if there is one, its registers */
};

/* Never 0, never the same for two words of the device's buffer. */
static inline __u64 marker(unsigned int word)
{
	return (word + 1) * 0x9e3779b97f4a7c15ULL;
}

static inline __u64 page_gpa(const struct host *host, unsigned long page)
{
	return guest_gpa(&host->ram, host->page[__builtin_ctzl(page)]);
}

/*
 * Which pages a store to @iova reaches. The pages are clean before, so a late
 * or repeated store of an earlier marker cannot be taken for this one.
 */
static unsigned long hits(struct __test_metadata *_metadata, struct host *host,
			  struct edu *edu, __u64 iova)
{
	unsigned int word = host->next_marker++ % PAGE_WORDS;
	unsigned int at = (iova % GUEST_PAGE) / sizeof(__u64);
	unsigned long mask = 0;
	unsigned int i;

	for (i = 0; i < NUM_PAGES; i++)
		memset(host->page[i], 0, GUEST_PAGE);
	ASSERT_EQ(0, edu_store(edu, iova, word * sizeof(__u64), sizeof(__u64)));
	for (i = 0; i < NUM_PAGES; i++)
		if (host->page[i][at] == marker(word))
			mask |= BIT(i);
	return mask;
}

/*
 * The device's buffer outlives the tests, which are a process each: what it
 * holds is remembered across them, for each device.
 */
static bool *markers_known;

static void __attribute__((constructor)) remember_markers(void)
{
	markers_known = mmap(NULL, GUEST_PAGE, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (markers_known == MAP_FAILED)
		abort();
}

/* DMA into the buffer of the device; its markers are gone then. */
static int load(struct edu *edu, __u64 iova, __u32 len)
{
	markers_known[edu->nth] = false;
	return edu_load(edu, iova, 0, len);
}

/* Fill the device's buffer with markers; it sees the host's memory by its GPAs. */
static void teach_markers(struct __test_metadata *_metadata, struct host *host,
			  struct edu *edu)
{
	unsigned int i;

	if (markers_known[edu->nth])
		return;
	for (i = 0; i < PAGE_WORDS; i++)
		host->page[0][i] = marker(i);
	ASSERT_EQ(0, load(edu, page_gpa(host, PAGE_A), GUEST_PAGE));
	ASSERT_EQ(PAGE_B, hits(_metadata, host, edu, page_gpa(host, PAGE_B))) {
		TH_LOG("%s does no DMA by plain GPAs", edu->bdf);
	}
	markers_known[edu->nth] = true;
}

static void host_make_ram(struct __test_metadata *_metadata, struct host *host)
{
	unsigned int i;

	ASSERT_EQ(0, guest_init(&host->ram, GUEST_SIZE, GUEST_GPA));
	for (i = 0; i < NUM_PAGES; i++) {
		host->page[i] = guest_alloc(&host->ram, GUEST_PAGE);
		ASSERT_NE(NULL, host->page[i]);
	}
}

/*
 * Whether the IOMMU driver promises nesting here. The driver under test always
 * does, unless it is told to be strict about coherency; of another one nothing
 * is known, so a refusal by that one is no failure.
 */
static inline bool nesting_promised(void)
{
	char mode[16] = "";
	FILE *f;

	if (access("/sys/module/iommu_nested", F_OK))
		return false;
	f = fopen("/sys/module/iommu_nested/parameters/nesting_coherency", "re");
	if (f) {
		if (!fgets(mode, sizeof(mode), f))
			mode[0] = '\0';
		fclose(f);
	}
	return strncmp(mode, "strict", 6);
}

#endif
