/* SPDX-License-Identifier: GPL-2.0-only */
/* First-stage page tables of VT-d (section 9.9), in a guest's memory. */
#ifndef IOMMU_NESTED_TESTS_FIRST_STAGE_H
#define IOMMU_NESTED_TESTS_FIRST_STAGE_H

#include "witness.h"

#define FL_PRESENT	BIT_ULL(0)
#define FL_WRITE	BIT_ULL(1)
#define FL_USER		BIT_ULL(2)
#define FL_ACCESSED	BIT_ULL(5)
#define FL_DIRTY	BIT_ULL(6)
#define FL_LARGE	BIT_ULL(7)
#define FL_TABLE	(FL_PRESENT | FL_WRITE | FL_USER)
#define FL_PAGE		(FL_TABLE | FL_ACCESSED | FL_DIRTY)
#define FL_ADDRESS	GENMASK_ULL(51, 12)
#define FL_TOP		3		/* of four levels, counted from the pages */

/* The entry of @level for @iova; tables on the way are made. */
static __u64 *fl_entry(struct __test_metadata *_metadata, struct host *host,
		       __u64 *root, __u64 iova, unsigned int level)
{
	__u64 *table = root;
	unsigned int at;

	for (at = FL_TOP; ; at--) {
		__u64 *entry = &table[iova >> (12 + 9 * at) & 511];

		if (at == level)
			return entry;
		if (!(*entry & FL_PRESENT)) {
			void *next = guest_alloc(&host->ram, GUEST_PAGE);

			ASSERT_NE(NULL, next);
			*entry = guest_gpa(&host->ram, next) | FL_TABLE;
		}
		table = guest_va(&host->ram, *entry & FL_ADDRESS);
	}
}

#define ENTRY(iova, level) \
	(*fl_entry(_metadata, &self->host, self->root, iova, level))
#define GPA(page)	page_gpa(&self->host, page)

#endif
