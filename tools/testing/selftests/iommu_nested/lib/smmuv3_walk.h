/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The SMMU's way from a guest's IOVA to host memory, step by step.
 *
 * Nothing comes from the structures that built the tables: the walk starts at
 * the STE and decodes what it finds in the guest's memory, as the SMMU does.
 * Stage 2 is the kernel's; where it ends is what /proc/self/pagemap says of
 * the memory that was mapped there.
 */
#ifndef IOMMU_NESTED_SMMUV3_WALK_H
#define IOMMU_NESTED_SMMUV3_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "guest.h"

#define WALK_MAX_LEVELS		4

struct walk_step {
	unsigned int level;
	__u64 gpa;			/* of the descriptor */
	unsigned int index;		/* in its table */
	__u64 descriptor;
};

struct walk {
	__u64 iova;
	__u64 ste[2];
	__u64 cd_gpa;
	__u64 cd[4];
	unsigned int granule;		/* log2 of the page size */
	unsigned int num_steps;
	struct walk_step step[WALK_MAX_LEVELS];
	bool mapped;			/* stage 1 came to an end */
	__u64 gpa;
	__u64 hpa;			/* 0: not known (no right to read pagemap) */
};

/** walk_iova() - 0, or -EFAULT where the guest's structures lead nowhere */
int walk_iova(const struct guest *guest, const __u64 ste[2], __u64 iova,
	      struct walk *walk);

#endif
