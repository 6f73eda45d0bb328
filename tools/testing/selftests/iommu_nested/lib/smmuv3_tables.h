/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the SMMUv3 driver of a make-believe guest builds in its memory: stage-1
 * translation tables and context descriptors. Addresses in them are GPAs.
 */
#ifndef IOMMU_NESTED_SMMUV3_TABLES_H
#define IOMMU_NESTED_SMMUV3_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/bits.h>
#include <linux/types.h>

#include "guest.h"

/* VMSAv8-64 stage-1 descriptors (Arm DDI 0487, D8.3) */
#define S1_VALID		BIT_ULL(0)
#define S1_TABLE		BIT_ULL(1)	/* table; page at the last level */
#define S1_ATTR(index)		((__u64)(index) << 2)
#define S1_UNPRIVILEGED		BIT_ULL(6)
#define S1_READ_ONLY		BIT_ULL(7)
#define S1_INNER_SHAREABLE	GENMASK_ULL(9, 8)
#define S1_ACCESSED		BIT_ULL(10)
#define S1_NOT_GLOBAL		BIT_ULL(11)
#define S1_LEAF			(S1_VALID | S1_ATTR(0) | S1_UNPRIVILEGED | \
				 S1_INNER_SHAREABLE | S1_ACCESSED | S1_NOT_GLOBAL)
#define S1_ADDRESS		GENMASK_ULL(47, 12)

#define S1_LAST_LEVEL		3

struct s1 {
	struct guest *guest;
	unsigned int granule;		/* log2 of the page size: 12, 14 or 16 */
	unsigned int va_bits;
	unsigned int start_level;
	__u64 ttb;			/* GPA of the first table */
};

/** s1_init() - an empty stage 1; -ENOMEM when the guest's RAM is full */
int s1_init(struct s1 *s1, struct guest *guest, unsigned int granule,
	    unsigned int va_bits);
/** s1_block_size() - bytes that one descriptor of @level maps */
size_t s1_block_size(const struct s1 *s1, unsigned int level);
/**
 * s1_entry() - the descriptor that translates @iova at @level
 *
 * Missing tables on the way are made when @make says so; else NULL.
 */
__u64 *s1_entry(const struct s1 *s1, __u64 iova, unsigned int level, bool make);
/** s1_map_at() - map @iova to @gpa with one page or block descriptor at @level */
int s1_map_at(const struct s1 *s1, __u64 iova, __u64 gpa, unsigned int level,
	      __u64 attributes);
/** s1_map() - map one page for everything */
int s1_map(const struct s1 *s1, __u64 iova, __u64 gpa);
void s1_unmap(const struct s1 *s1, __u64 iova);

/** cd_write() - a context descriptor that translates through @s1 */
void cd_write(__u64 *cd, const struct s1 *s1, __u16 asid, unsigned int ips);

/** ste_s1() - the guest's STE that points at @num (a power of two) descriptors */
void ste_s1(__u64 ste[2], __u64 cd_gpa, unsigned int log2_num);

#endif
