/* SPDX-License-Identifier: GPL-2.0-only */
/* Where the process's memory is. */
#ifndef IOMMU_NESTED_PAGEMAP_H
#define IOMMU_NESTED_PAGEMAP_H

#include <linux/types.h>

/** host_address() - the physical address of @va, 0 where it is not known */
__u64 host_address(const void *va);

#endif
