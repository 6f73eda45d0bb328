/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory of a make-believe guest.
 *
 * Its addresses there are guest-physical (GPA); the test maps the memory at the
 * same GPAs for devices, as a VMM would.
 */
#ifndef IOMMU_NESTED_GUEST_H
#define IOMMU_NESTED_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#define KIB(n)			((size_t)(n) << 10)
#define MIB(n)			((size_t)(n) << 20)

#define GUEST_PAGE		4096UL

/*
 * The lower half of the RAM is made of small pages, the upper half of huge ones
 * where the kernel has them: stage 2 maps the one with pages, the other with
 * blocks.
 */
struct guest {
	unsigned char *ram;		/* starts on a 2 MiB boundary */
	size_t size;
	bool huge;			/* the upper half is contiguous memory */
	size_t used;
	__u64 gpa;			/* where the RAM starts in the guest */
};

/** guest_init() - @size (a multiple of 4 MiB) bytes of guest RAM at @gpa */
int guest_init(struct guest *guest, size_t size, __u64 gpa);
void guest_free(struct guest *guest);

/** guest_alloc() - zeroed memory of a power of two bytes, so aligned; or NULL */
void *guest_alloc(struct guest *guest, size_t size);
__u64 guest_gpa(const struct guest *guest, const void *va);
/** guest_va() - NULL for an address outside of the RAM */
void *guest_va(const struct guest *guest, __u64 gpa);

#endif
